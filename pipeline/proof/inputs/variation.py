"""Variation: whether an output can distinguish a right model from a wrong one.

An output with one value throughout, or the same values on every input, also fits a wrong model
that is stuck at these values. An output that differs between two runs of one input fits no model.
This module opens no file.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.tfjs.model.weights import Array

# Sums in another order of threads differ by less than this part of the range.
_NOISE = 1e-4
_FEW = 2


def describe_fault(values: Array) -> str | None:
    """Return why an output of one run proves little, else None: "0.5 throughout".

    One or two values, such as a score for each sample, are judged by all runs together only.
    """
    if values.size == 0:
        return f"empty, of shape {values.shape}"
    finite = _finite(values)
    if len(finite) < values.size:
        return f"NaN or infinite in {values.size - len(finite)} of {values.size} values"
    return f"{_format(finite[0])} throughout" if values.size > _FEW and _all_equal(finite) else None


def describe_constant(runs: Sequence[Array]) -> str | None:
    """Return why an output proves nothing on several inputs, else None: "0.5 on every vector".

    Args:
        runs: The output for each input, with one sample each.
    """
    finite = [_finite(values) for values in runs]
    if not any(len(values) for values in finite):
        empty = all(values.size == 0 for values in runs)
        return f"{'empty' if empty else 'NaN or infinite'} on every vector"
    if all(_all_equal(values) for values in finite) and len({_first(v) for v in finite}) == 1:
        return f"{_first(finite[0])} on every vector"
    first, *others = runs
    if others and all(_same(first, other) for other in others):
        return "the same on every vector"
    return None


def describe_difference(first: Array, second: Array) -> str | None:
    """Return how two runs of one input differ by more than noise, else None.

    For instance "3 of 10 values differ between two runs of one input".
    """
    if first.shape != second.shape:
        return f"of shape {first.shape} in one run, {second.shape} in another"
    if first.dtype.kind not in "fc":
        count = int(np.sum(first != second))
        return (
            f"{count} of {first.size} values differ between two runs of one input"
            if count
            else None
        )
    known = np.isfinite(first) & np.isfinite(second)
    if not np.array_equal(np.isnan(first), np.isnan(second)):
        return "NaN in one run and not in another"
    left, right = first[known].astype(np.complex128), second[known].astype(np.complex128)
    span = float(np.abs(left).max(initial=0.0)) or 1.0
    worst = float(np.abs(left - right).max(initial=0.0))
    if worst <= _NOISE * span:
        return None
    return f"differs by {worst:.2g} between two runs of one input"


def _finite(values: Array) -> Array:
    flat = values.reshape(-1)
    return flat[np.isfinite(flat)] if values.dtype.kind in "fc" else flat


def _all_equal(values: Array) -> bool:
    return bool((values == values[0]).all()) if len(values) else True


def _same(first: Array, second: Array) -> bool:
    return first.shape == second.shape and bool((first == second).all())


def _first(values: Array) -> str:
    return _format(values[0]) if len(values) else "none"


def _format(value: object) -> str:
    if isinstance(value, bytes):
        return repr(value.decode("utf-8", "replace"))
    return str(value.item() if isinstance(value, np.generic) else value)
