"""Operators that compute each element by itself, in whatever order of axes their inputs come."""

from collections.abc import Callable, Sequence
from typing import Any

from pipeline.tf.layout.sizes import Size, broadcast
from pipeline.tf.layout.value import Order, Value, arrange, expand_rank, natural, wrap


def elementwise(
    compute: Callable[..., Any], values: Sequence[Value], dtype: str | None = None
) -> Value:
    """Compute values of one broadcast shape.

    The order of axes is that of the largest input that is not a constant; the others are
    rearranged, which costs nothing for constants.

    Args:
        compute: Takes a tensor for each value, and returns one of their broadcast shape.
        values: The inputs; shapes broadcast from the right, as numpy's do.
        dtype: The dtype of the result; None for that of the first value.
    """
    tensors, order, sizes = align(values)
    return wrap(compute(*tensors), dtype or values[0].dtype, order=order, sizes=sizes)


def align(values: Sequence[Value]) -> tuple[list[Any], Order, tuple[Size | None, ...]]:
    """Return tensors of one rank and order of axes, that order, and the broadcast sizes.

    A size is None where the tensors alone tell it.
    """
    rank = max(value.rank for value in values)
    wide = [expand_rank(value, rank) for value in values]
    order = common_order(wide)
    sizes = tuple(broadcast([value.sizes[axis] for value in wide]) for axis in range(rank))
    if all(value.is_known for value in wide):
        return [arrange(value, order).tensor for value in wide], order, sizes
    return [_shorten(arrange(value, order)) for value in wide], order, sizes


def common_order(values: Sequence[Value]) -> Order:
    """Return the order of axes in which values of one rank are best computed together."""
    computed = [value for value in values if not value.is_array] or list(values)
    largest = max(computed, key=lambda value: sum(size != 1 for size in value.sizes))
    if sum(size != 1 for size in largest.sizes) <= 1:
        # A vector along one axis fits every order.
        return next((v.order for v in computed if not v.is_natural), natural(largest.rank))
    return largest.order


def _shorten(value: Value) -> Any:
    """Return the tensor of a value; that of a constant without leading axes of size 1."""
    if not value.is_known:
        return value.tensor
    held = value.held
    while held.ndim > 1 and held.shape[0] == 1:
        held = held[0]
    return Value(
        held=held, dtype=value.dtype, order=natural(held.ndim), sizes=tuple(held.shape)
    ).tensor
