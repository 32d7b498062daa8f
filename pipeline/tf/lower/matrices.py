"""Lowerings of diagonals: of the MatrixDiag family, in all its versions.

All follow one rule: the element in row i and column j lies on the diagonal j - i. Diagonals may be
stacked as rows, the uppermost first; then the element has a position in one of those rows. Rows
of stacked diagonals are padded at the left or at the right, as `align` says for diagonals above
and below the main diagonal (array_ops.cc: MatrixDiagV3).
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotLowered, require_static, size_of

_ALIGN_V2 = b"LEFT_LEFT"
_PAIR = 2


def _diag(*, diagonal: tf.Tensor, **_: Any) -> tf.Tensor:
    """Put the last axis on the main diagonal of a matrix of zeros."""
    size = size_of(diagonal, -1)
    zero = tf.zeros([], diagonal.dtype)
    return _spread(diagonal, (0, 0), (size, size), _ALIGN_V2, zero)


def _diag_v2(
    *,
    diagonal: tf.Tensor,
    k: tf.Tensor,
    num_rows: tf.Tensor,
    num_cols: tf.Tensor,
    padding_value: tf.Tensor,
    align: bytes = _ALIGN_V2,
    **_: Any,
) -> tf.Tensor:
    band = _band(k)
    rows = int(require_static(num_rows, "number of rows"))
    columns = int(require_static(num_cols, "number of columns"))
    length = size_of(diagonal, -1)
    least = (length + max(-band[1], 0), length + max(band[0], 0))
    if rows == -1 and columns == -1:
        size = tf.maximum(*least)
        sizes: tuple[Any, Any] = (size, size)
    else:
        sizes = (least[0] if rows == -1 else rows, least[1] if columns == -1 else columns)
    return _spread(diagonal, band, sizes, align, padding_value)


def _set_diag(*, input: tf.Tensor, diagonal: tf.Tensor, **_: Any) -> tf.Tensor:
    return _set_diag_v2(input=input, diagonal=diagonal, k=tf.constant(0))


def _set_diag_v2(
    *,
    input: tf.Tensor,
    diagonal: tf.Tensor,
    k: tf.Tensor,
    align: bytes = _ALIGN_V2,
    **_: Any,
) -> tf.Tensor:
    sizes = (size_of(input, -2), size_of(input, -1))
    return _spread(diagonal, _band(k), sizes, align, input)


def _part(*, input: tf.Tensor, **_: Any) -> tf.Tensor:
    zero = tf.zeros([], input.dtype)
    return _part_v2(input=input, k=tf.constant(0), padding_value=zero)


def _part_v2(
    *,
    input: tf.Tensor,
    k: tf.Tensor,
    padding_value: tf.Tensor,
    align: bytes = _ALIGN_V2,
    **_: Any,
) -> tf.Tensor:
    """Gather the diagonals of matrices, as rows of one length."""
    band = _band(k)
    rows, columns = size_of(input, -2), size_of(input, -1)
    longest = _longest(band, rows, columns)
    diagonals = tf.expand_dims(tf.range(band[1], band[0] - 1, -1), 1)
    lengths = _length(diagonals, rows, columns)
    positions = tf.expand_dims(tf.range(longest), 0) - _offset(diagonals, lengths, longest, align)
    inside = tf.logical_and(tf.greater_equal(positions, 0), tf.less(positions, lengths))
    row = positions - tf.minimum(diagonals, 0)
    column = positions + tf.maximum(diagonals, 0)
    shape = tf.shape(input)[:-2]
    values = _gather_flat(input, 2, tf.where(inside, row * columns + column, 0), shape)
    found = tf.where(inside, values, padding_value)
    return tf.squeeze(found, -2) if band[0] == band[1] else found


def _diag_all(*, diagonal: tf.Tensor, **_: Any) -> tf.Tensor:
    """Put all elements of a tensor on the diagonal of a tensor with twice as many axes."""
    shape = tf.shape(diagonal)
    matrix = _diag(diagonal=tf.reshape(diagonal, [-1]))
    return tf.reshape(matrix, tf.concat([shape, shape], 0))


def _part_all(*, input: tf.Tensor, **_: Any) -> tf.Tensor:
    shape = tf.shape(input)[: tf.rank(input) // 2]
    size = tf.reduce_prod(tf.concat([[1], shape], 0))
    positions = tf.range(size) * (size + 1)
    return tf.reshape(tf.gather(tf.reshape(input, [-1]), positions), shape)


def _band_part(
    *, input: tf.Tensor, num_lower: tf.Tensor, num_upper: tf.Tensor, **_: Any
) -> tf.Tensor:
    """Keep the band around the main diagonal; a negative width keeps a whole side."""
    below, above = tf.get_static_value(num_lower), tf.get_static_value(num_upper)
    if below is not None and below == above:
        raise NotLowered("its band is as wide on both sides")
    row = tf.expand_dims(tf.range(size_of(input, -2)), 1)
    column = tf.expand_dims(tf.range(size_of(input, -1)), 0)
    inside = tf.logical_and(_within(row - column, num_lower), _within(column - row, num_upper))
    return tf.where(inside, input, tf.zeros([], input.dtype))


def _within(distance: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    limit = tf.cast(width, tf.int32)
    return tf.logical_or(tf.less(limit, 0), tf.less_equal(distance, limit))


def _spread(
    diagonals: tf.Tensor,
    band: tuple[int, int],
    sizes: tuple[Any, Any],
    align: bytes,
    others: tf.Tensor,
) -> tf.Tensor:
    """Return matrices with the given diagonals, and the values of `others` elsewhere."""
    rows, columns = sizes
    row, column = tf.expand_dims(tf.range(rows), 1), tf.expand_dims(tf.range(columns), 0)
    number = column - row
    inside = tf.logical_and(tf.greater_equal(number, band[0]), tf.less_equal(number, band[1]))
    longest = size_of(diagonals, -1)
    lengths = _length(number, rows, columns)
    position = tf.minimum(row, column) + _offset(number, lengths, longest, align)
    single = band[0] == band[1]
    shape = tf.shape(diagonals)[: -1 if single else -2]
    index = tf.where(inside, (band[1] - number) * longest + position, 0)
    values = _gather_flat(diagonals, 1 if single else 2, index, shape)
    return tf.where(inside, values, others)


def _gather_flat(
    tensor: tf.Tensor, num_axes: int, indices: tf.Tensor, outer: tf.Tensor
) -> tf.Tensor:
    """Gather by flat indices into the last axes."""
    inner = tf.reduce_prod(tf.shape(tensor)[-num_axes:])
    # With a 1, because the wasm backend reads stray memory for the product of no numbers.
    number = tf.reduce_prod(tf.concat([[1], outer], 0))
    flat = tf.reshape(tensor, tf.stack([number, inner]))
    positions = tf.reshape(indices, [-1])
    found = tf.gather(flat, positions, axis=1)
    return tf.reshape(found, tf.concat([outer, tf.shape(indices)], 0))


def _band(k: tf.Tensor) -> tuple[int, int]:
    numbers = require_static(k, "diagonal").reshape(-1).tolist()
    if not 1 <= len(numbers) <= _PAIR:
        raise NotLowered("of no diagonal")
    return numbers[0], numbers[-1]


def _length(diagonals: tf.Tensor, rows: Any, columns: Any) -> tf.Tensor:
    """Return the number of elements of diagonals."""
    return tf.minimum(rows + tf.minimum(diagonals, 0), columns - tf.maximum(diagonals, 0))


def _longest(band: Sequence[int], rows: Any, columns: Any) -> Any:
    return tf.minimum(rows + min(band[1], 0), columns - max(band[0], 0))


def _offset(diagonals: tf.Tensor, lengths: tf.Tensor, longest: Any, align: bytes) -> tf.Tensor:
    """Return the position in their row at which diagonals begin."""
    above, _, below = align.partition(b"_")
    right = [below == b"RIGHT", below == above == b"RIGHT", above == b"RIGHT"]
    is_right = tf.gather(tf.constant(right, tf.int32), tf.sign(diagonals) + 1)
    return (longest - lengths) * is_right


_GATHERED = "GatherV2 by diagonal"
_SELECTED = "SelectV2 by diagonal"

RULES = {
    "BatchMatrixBandPart": Lowering(lower=_band_part, becomes=_SELECTED),
    "BatchMatrixDiag": Lowering(lower=_diag, becomes=_GATHERED),
    "BatchMatrixDiagPart": Lowering(lower=_part, becomes=_GATHERED),
    "BatchMatrixSetDiag": Lowering(lower=_set_diag, becomes=_GATHERED),
    "Diag": Lowering(lower=_diag_all, becomes=_GATHERED),
    "DiagPart": Lowering(lower=_part_all, becomes=_GATHERED),
    "MatrixBandPart": Lowering(
        lower=_band_part,
        becomes=_SELECTED,
        why="TensorFlow.js 4 takes the number of diagonals below for that above as well",
    ),
    "MatrixDiag": Lowering(lower=_diag, becomes=_GATHERED),
    "MatrixDiagPart": Lowering(lower=_part, becomes=_GATHERED),
    "MatrixDiagPartV2": Lowering(lower=_part_v2, becomes=_GATHERED),
    "MatrixDiagPartV3": Lowering(lower=_part_v2, becomes=_GATHERED),
    "MatrixDiagV2": Lowering(lower=_diag_v2, becomes=_GATHERED),
    "MatrixDiagV3": Lowering(lower=_diag_v2, becomes=_GATHERED),
    "MatrixSetDiag": Lowering(lower=_set_diag, becomes=_GATHERED),
    "MatrixSetDiagV2": Lowering(lower=_set_diag_v2, becomes=_GATHERED),
    "MatrixSetDiagV3": Lowering(lower=_set_diag_v2, becomes=_GATHERED),
}
