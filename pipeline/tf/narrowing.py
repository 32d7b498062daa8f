"""Narrowing: constants that a TensorFlow.js model cannot hold.

The converter's write_weights turns int64 into int32 and float64 into float32, without a message
if a value does not fit: 2^40 becomes 0, 1e300 infinity.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pipeline.errors import ConversionError
from pipeline.text.suggest import list_first

_INT32 = np.iinfo(np.int32)
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_NUM_NAMED = 5


def check_narrowing(weights: Iterable[Mapping[str, Any]]) -> None:
    """Raise if narrowing would change a constant.

    Args:
        weights: Entries of the converter's extract_weights: name, data.

    Raises:
        ConversionError: The message names the constants and their values.
    """
    lost = [text for entry in weights if (text := _describe_loss(entry["name"], entry["data"]))]
    if lost:
        raise ConversionError(
            f"constants that TensorFlow.js cannot hold: {list_first(lost, _NUM_NAMED)}",
            hint="make them smaller in the model and save it again; TensorFlow.js has int32 and "
            "float32 only, and the converter would have written other values",
        )


def _describe_loss(name: str, data: Any) -> str | None:
    values = np.asarray(data)
    if values.dtype == np.int64:
        lost = (values > _INT32.max) | (values < _INT32.min)
    elif values.dtype == np.float64:
        lost = np.isfinite(values) & (np.abs(values) > _FLOAT32_MAX)
    else:
        return None
    return f"{name} ({values.dtype.name} {values[lost].flat[0]})" if lost.any() else None
