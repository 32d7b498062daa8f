"""The values that state starts with, as the catalog has them."""

from typing import Any

import numpy as np

from pipeline.errors import ConversionError

_MAX_VALUES = 65_536


def list_start(name: str, values: Any) -> list[float] | None:
    """Return the values of a variable at the start, row-major; None for zeros.

    Raises:
        ConversionError: There are more than a catalog should hold, or they are no numbers.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise ConversionError(f"the variable {name!r} starts with values that are no numbers")
    if not array.any():
        return None
    if array.size > _MAX_VALUES:
        raise ConversionError(
            f"the variable {name!r} starts with {array.size:,} values; expected zeros, or at most "
            f"{_MAX_VALUES:,} values"
        )
    return [float(value) for value in array.reshape(-1)]
