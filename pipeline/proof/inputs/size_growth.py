"""Growth: sizes beyond the usual ones, for a model that runs with none of them.

A convolution without padding needs at least the length of its kernel. A network that halves its
input k times needs a multiple of 2^k, or one more where it aligns the corners. So sizes grow
geometrically in three series: 2^k; 10^k and 3 times 10^k; 2^k + 1. This module runs no model.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

MAX_BYTES = 16 * 1024**2
"""Most bytes of all inputs of an attempt that grows."""

AXES = ("length", "samples", "frames", "size", "features")
"""The variables that grow, those first that a model is likelier to be particular about."""

_POWERS = [2**k for k in range(5, 23)]
_ROUND = [factor * 10**k for k in range(2, 7) for factor in (1, 3)]
_ODD = [power + 1 for power in _POWERS]


def grow_sizes(
    candidates: Mapping[str, Sequence[Any]], count_bytes: Callable[[Mapping[str, Any]], int]
) -> Iterator[dict[str, Any]]:
    """Yield choices in which one variable has a size beyond its candidates, the others the usual.

    Args:
        candidates: By variable its values, the usual first.
        count_bytes: Returns the bytes of all inputs for a choice.
    """
    usual = {axis: values[0] for axis, values in candidates.items()}
    for axis in AXES:
        known = set(candidates.get(axis, ()))
        above = [size for size in _POWERS if size > max(known, default=math.inf)]
        for size in chain(above, _ROUND, _ODD) if known else ():
            grown = {**usual, axis: size}
            if size not in known and count_bytes(grown) <= MAX_BYTES:
                yield grown
