"""Products of matrices, in batches."""

from typing import Any

import tensorflow as tf

from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.sizes import Size, broadcast, is_known
from pipeline.tf.layout.value import Value, arrange, natural, reshape_held, wrap

_NDIM_MATRIX = 2


def matmul(
    first: Value, second: Value, dtype: str | None = None, *, bias: Value | None = None
) -> Value:
    """Return the product of two values as numpy's matmul has it: vectors, batches, broadcasting.

    Args:
        first: (…, rows, inner), or (inner,).
        second: (…, inner, columns), or (inner,).
        dtype: The dtype of the result; None for that of the first value.
        bias: (columns,), what is added to each row; None for nothing.
    """
    dtype = dtype or first.dtype
    if bias is not None and not _is_of_rows(first, second):
        return elementwise(tf.add, [matmul(first, second, dtype), bias])
    if first.rank == 1 or second.rank == 1:
        return _multiply_vectors(first, second, dtype)
    tensors: list[Any] = []
    flags: list[bool] = []
    for value in (first, second):
        swapped = (*range(value.rank - 2), value.rank - 1, value.rank - 2)
        is_swapped = value.order == swapped and not value.is_array
        arranged = value if is_swapped else arrange(value, natural(value.rank))
        tensors.append(arranged.tensor)
        flags.append(is_swapped)
    inner = second.sizes[-2]
    if second.rank == _NDIM_MATRIX < first.rank and not flags[0] and is_known(inner):
        # All rows of all batches are multiplied as one matrix.
        flat = tf.reshape(tensors[0], [-1, inner])
        made = _add(tf.matmul(flat, tensors[1], transpose_b=flags[1]), bias)
        rows = (*first.sizes[:-1], second.sizes[-1])
        return wrap(reshape_held(made, rows), dtype, sizes=rows)
    made = _add(tf.matmul(*tensors, transpose_a=flags[0], transpose_b=flags[1]), bias)
    sizes = (*_batch(first, second), first.sizes[-2], second.sizes[-1])
    return wrap(made, dtype, sizes=sizes)


def _is_of_rows(first: Value, second: Value) -> bool:
    """Return whether rows are multiplied by a matrix, which TensorFlow.js fuses with a bias."""
    return second.rank == _NDIM_MATRIX <= first.rank and is_known(second.sizes[-2])


def _add(tensor: Any, bias: Value | None) -> Any:
    return tensor if bias is None else tf.nn.bias_add(tensor, bias.plain)


def _batch(first: Value, second: Value) -> tuple[Size | None, ...]:
    rank = max(first.rank, second.rank) - 2
    rows = [(1,) * (rank + 2 - value.rank) + value.sizes[:-2] for value in (first, second)]
    return tuple(map(broadcast, zip(*rows, strict=True)))


def _multiply_vectors(first: Value, second: Value, dtype: str) -> Value:
    left = tf.expand_dims(first.plain, 0) if first.rank == 1 else first.plain
    right = tf.expand_dims(second.plain, -1) if second.rank == 1 else second.plain
    made = tf.matmul(left, right)
    if second.rank == 1:
        made = tf.squeeze(made, [-1])
    if first.rank == 1:
        made = tf.squeeze(made, [-1 if second.rank == 1 else -2])
    return wrap(made, dtype)
