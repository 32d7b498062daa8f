"""Lowerings of matrix products: those of batches that broadcast, and Einsum.

TensorFlow.js takes the matrices of the smaller batch in turn (`i % batchDim` in BatchMatMul of all
backends). That is right only where the smaller batch is one of the last axes of the larger one.
Einsum: the wasm backend has no kernel, and no backend knows the ellipsis or an axis named twice.
"""

from collections.abc import Sequence
from string import ascii_letters
from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotLowered, NotNeeded, require_ndim, size_of
from pipeline.tf.lower.whole_products import matmul_whole

_MATRIX = 2
_MOST_OPERANDS = 2


def _batch_matmul(*, x: tf.Tensor, y: tf.Tensor, adj_x: bool, adj_y: bool, **_: Any) -> tf.Tensor:
    """Broadcast both batches first; multiply whole numbers one by one."""
    if x.dtype.is_integer:
        x, y = (
            tf.linalg.matrix_transpose(tensor) if adjoint else tensor
            for tensor, adjoint in ((x, adj_x), (y, adj_y))
        )
        return matmul_whole(x, y)
    batches = [tensor.shape[:-_MATRIX].as_list() for tensor in (x, y) if require_ndim(tensor)]
    if _repeats(batches[0], batches[1]) and _repeats(batches[1], batches[0]):
        raise NotNeeded
    batch = tf.broadcast_dynamic_shape(tf.shape(x)[:-_MATRIX], tf.shape(y)[:-_MATRIX])
    x, y = (
        tf.broadcast_to(tensor, tf.concat([batch, tf.shape(tensor)[-_MATRIX:]], 0))
        for tensor in (x, y)
    )
    return tf.raw_ops.BatchMatMulV2(x=x, y=y, adj_x=adj_x, adj_y=adj_y)


def _repeats(batch: Sequence[int | None], other: Sequence[int | None]) -> bool:
    """Return whether a batch is repeated whole: it is 1, then as the other.

    Two unknown sizes count as equal: they are where an axis is that of the examples.
    """
    own = [1] * (len(other) - len(batch)) + list(batch)
    full = [1] * (len(batch) - len(other)) + list(other)
    pairs = list(zip(own, full, strict=True))
    while pairs and pairs[0][0] == 1:
        pairs.pop(0)
    return all(
        size == wide or wide in {1, None} or (size is None and i == 0)
        for i, (size, wide) in enumerate(pairs)
    )


def _einsum(*, inputs: list[tf.Tensor], equation: bytes, **_: Any) -> tf.Tensor:
    """Sum over labels of one operand, then multiply matrices of joined axes."""
    if len(inputs) > _MOST_OPERANDS:
        raise NotLowered("of more than two operands")
    terms, result = _expand(equation.decode().replace(" ", ""), inputs)
    if any(len(set(term)) < len(term) for term in (*terms, result)):
        raise NotLowered("an axis named twice")
    kept = [set(result) | set(terms[1 - i] if len(terms) > 1 else "") for i in range(len(terms))]
    reduced = [
        _sum(tensor, term, keep) for tensor, term, keep in zip(inputs, terms, kept, strict=True)
    ]
    if len(reduced) == 1:
        return _transpose(*reduced[0], result)
    return _multiply(*reduced[0], *reduced[1], result)


def _expand(equation: str, inputs: Sequence[tf.Tensor]) -> tuple[list[str], str]:
    """Return the labels of the inputs and of the result, with labels in place of ellipses."""
    given, _, result = equation.partition("->")
    terms = given.split(",")
    free = [letter for letter in ascii_letters if letter not in equation]
    widths = [
        require_ndim(tensor) - len(term.replace("...", ""))
        for tensor, term in zip(inputs, terms, strict=True)
        if "..." in term
    ]
    labels = "".join(free[: max(widths, default=0)])
    if len(set(widths)) > 1 or (widths and len(widths) < len(terms)):
        raise NotLowered("ellipses for different numbers of axes")
    return [term.replace("...", labels) for term in terms], result.replace("...", labels)


def _sum(tensor: tf.Tensor, term: str, keep: set[str]) -> tuple[tf.Tensor, str]:
    """Sum over the axes that neither the other operand nor the result has."""
    axes = [i for i, label in enumerate(term) if label not in keep]
    if axes:
        tensor = tf.reduce_sum(tensor, axes)
    return tensor, "".join(label for label in term if label in keep)


def _transpose(tensor: tf.Tensor, term: str, wanted: str) -> tf.Tensor:
    if term == wanted:
        return tf.identity(tensor)
    return tf.transpose(tensor, [term.index(label) for label in wanted])


def _multiply(left: tf.Tensor, first: str, right: tf.Tensor, second: str, result: str) -> tf.Tensor:
    """Multiply (batch, rows, inner) by (batch, inner, columns), each of several axes or of none."""
    shared = [label for label in first if label in second]
    batch = "".join(label for label in result if label in shared)
    inner = "".join(label for label in shared if label not in result)
    rows = "".join(label for label in result if label not in second)
    columns = "".join(label for label in result if label not in first)
    sizes = {
        label: size_of(tensor, i)
        for tensor, term in ((right, second), (left, first))
        for i, label in enumerate(term)
    }
    _require_equal(left, first, right, second)
    a = _join(_transpose(left, first, batch + rows + inner), (batch, rows, inner), sizes)
    b = _join(_transpose(right, second, batch + inner + columns), (batch, inner, columns), sizes)
    made = tf.matmul(a, b)
    full = [sizes[label] for label in batch + rows + columns]
    shaped = made if (len(batch), len(rows), len(columns)) == (1, 1, 1) else _reshape(made, full)
    return _transpose(shaped, batch + rows + columns, result)


def _require_equal(left: tf.Tensor, first: str, right: tf.Tensor, second: str) -> None:
    """Raise where an axis has size 1 in one operand alone, so that it broadcasts."""
    for i, label in enumerate(first):
        if label not in second:
            continue
        pair = {left.shape[i], right.shape[second.index(label)]}
        if 1 in pair and pair != {1}:
            raise NotLowered("an axis of 1 that broadcasts")


def _join(tensor: tf.Tensor, groups: Sequence[str], sizes: dict[str, Any]) -> tf.Tensor:
    """Join the axes of each group into one."""
    if all(len(group) == 1 for group in groups):
        return tensor
    joined = []
    for group in groups:
        size: Any = 1
        for label in group:
            size *= sizes[label]
        joined.append(size)
    return _reshape(tensor, joined)


def _reshape(tensor: tf.Tensor, sizes: Sequence[Any]) -> tf.Tensor:
    """Give a tensor a shape; a single size that is not known is left to TensorFlow.js."""
    unknown = [i for i, size in enumerate(sizes) if not isinstance(size, int)]
    if len(unknown) == 1 and 0 not in sizes:
        sizes = [-1 if i in unknown else size for i, size in enumerate(sizes)]
        unknown = []
    return tf.reshape(tensor, tf.stack(list(sizes)) if unknown else list(sizes))


RULES = {
    "BatchMatMulV2": Lowering(
        lower=_batch_matmul,
        becomes="one of batches that were broadcast, or sums of products",
        why="TensorFlow.js repeats the smaller batch as a whole, and wasm has it for floats only",
    ),
    "Einsum": Lowering(
        lower=_einsum,
        becomes="Transpose, Reshape and BatchMatMulV2",
        why="the wasm backend has no Einsum, and TensorFlow.js knows no ellipsis in it",
    ),
}
