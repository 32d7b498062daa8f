"""Lowerings of linear algebra on matrices of a small fixed size, unrolled by columns.

Elimination chooses the greatest element of a column as pivot, as Eigen does (core/kernels/linalg).
TensorFlow raises for a matrix without inverse; these forms return infinity or NaN.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotLowered, NotNeeded, require_sizes

_MOST_ROWS = 32


def _cholesky(*, input: tf.Tensor, **_: Any) -> tf.Tensor:
    """Take one column of the factor after the other from what the columns before leave."""
    size = _require_square(input)
    rest, columns = input, []
    for i in range(size):
        pivot = tf.sqrt(rest[..., i : i + 1, i])
        column = rest[..., i] / pivot * _from(i, size, input.dtype)
        columns.append(column)
        rest -= _outer(column, column)
    return tf.stack(columns, -1)


def _triangular_solve(
    *, matrix: tf.Tensor, rhs: tf.Tensor, lower: bool, adjoint: bool, **_: Any
) -> tf.Tensor:
    """Solve for one row after the other; the batches of both broadcast."""
    size = _require_square(matrix, rhs)
    turned = tf.linalg.matrix_transpose(matrix) if adjoint else matrix
    order = range(size) if lower != adjoint else reversed(range(size))
    rest, rows = rhs, {}
    for i in order:
        row = rest[..., i, :] / turned[..., i : i + 1, i]
        others = turned[..., i] * (1 - _unit(i, size, rhs.dtype))
        rest -= _outer(others, row)
        rows[i] = row
    return tf.stack([rows[i] for i in range(size)], -2)


def _inverse(*, input: tf.Tensor, adjoint: bool, **_: Any) -> tf.Tensor:
    size = _require_square(input)
    turned = tf.linalg.matrix_transpose(input) if adjoint else input
    units = tf.zeros_like(turned) + np.eye(size, dtype=input.dtype.as_numpy_dtype)
    return _eliminate(turned, units)


def _solve(*, matrix: tf.Tensor, rhs: tf.Tensor, adjoint: bool, **_: Any) -> tf.Tensor:
    _require_square(matrix, rhs)
    return _eliminate(tf.linalg.matrix_transpose(matrix) if adjoint else matrix, rhs)


def _eliminate(matrix: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Return the solution of matrix @ x = right, by Gauss and Jordan."""
    size = require_sizes(matrix, slice(-1, None))[0]
    joined = tf.concat([matrix, right], -1)
    for i in range(size):
        joined, _ = _exchange(joined, i, size)
        row = joined[..., i, :] / joined[..., i, i : i + 1]
        others = joined[..., i] - _unit(i, size, matrix.dtype)
        joined -= _outer(others, row)
    return joined[..., size:]


def _determinant(*, input: tf.Tensor, **_: Any) -> tf.Tensor:
    return _find_pivots(input)[0]


def _log_determinant(*, input: tf.Tensor, **_: Any) -> list[tf.Tensor]:
    """Return the sign, and the logarithm of the absolute value."""
    _, pivots, sign = _find_pivots(input)
    signs = sign * tf.reduce_prod(tf.sign(pivots), -1)
    return [signs, tf.reduce_sum(tf.math.log(tf.abs(pivots)), -1)]


def _find_pivots(matrix: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the determinant, the pivots of an elimination, and the sign of its exchanges."""
    size = _require_square(matrix)
    rest, sign, pivots = matrix, tf.ones([], matrix.dtype), []
    product = tf.ones([], matrix.dtype)
    for i in range(size):
        rest, is_moved = _exchange(rest, i, size)
        pivots.append(rest[..., i, i])
        sign *= 1 - 2 * is_moved
        product *= pivots[i] * (1 - 2 * is_moved)
        rest -= _outer(_below(rest, i), rest[..., i, :])
    return product, tf.stack(pivots, -1), sign


def _below(matrix: tf.Tensor, i: int) -> tf.Tensor:
    """Return column i below its pivot, divided by the pivot; by 1 if that is 0."""
    pivot = matrix[..., i, i]
    safe = tf.where(tf.equal(pivot, 0), tf.ones_like(pivot), pivot)
    size = int(matrix.shape[-2])
    return matrix[..., i] * _from(i + 1, size, matrix.dtype) / tf.expand_dims(safe, -1)


def _lu(*, input: tf.Tensor, output_idx_type: tf.DType, **_: Any) -> list[tf.Tensor]:
    """Return both factors in one matrix, and the row of the input that each row was."""
    size = _require_square(input)
    numbers = tf.zeros_like(input[..., :1]) + np.arange(size, dtype=np.float32)[:, None]
    rest = tf.concat([input, tf.cast(numbers, input.dtype)], -1)
    for i in range(size):
        rest, _ = _exchange(rest, i, size)
        below = _below(rest, i)
        kept = rest[..., : i + 1]
        joined = tf.concat([kept[..., :i], _put(kept[..., i], below, i, size)[..., None]], -1)
        other = rest[..., i + 1 : size] - _outer(below, rest[..., i, i + 1 : size])
        rest = tf.concat([joined, other, rest[..., size:]], -1)
    return [rest[..., :size], tf.cast(tf.round(rest[..., size]), output_idx_type)]


def _put(column: tf.Tensor, below: tf.Tensor, i: int, size: int) -> tf.Tensor:
    return tf.where(np.arange(size) > i, below, column)


def _qr(*, input: tf.Tensor, full_matrices: bool, **_: Any) -> list[tf.Tensor]:
    """Reflect one column after the other onto an axis, as Householder does (Eigen's signs)."""
    if tf.get_static_value(input) is not None:
        raise NotNeeded
    rows, columns = require_sizes(input, slice(-2, None))
    if input.dtype.is_complex or not 0 < min(rows, columns) <= max(rows, columns) <= _MOST_ROWS:
        raise NotLowered(f"of {rows} rows and {columns} columns; up to {_MOST_ROWS} are unrolled")
    rest = input
    turned = tf.zeros_like(input[..., :1]) + np.eye(rows, dtype=input.dtype.as_numpy_dtype)
    for i in range(min(rows, columns)):
        column = rest[..., i] * _from(i, rows, input.dtype)
        tail = tf.reduce_sum(tf.square(column * _from(i + 1, rows, input.dtype)), -1)
        head = column[..., i]
        length = tf.sqrt(tf.square(head) + tail)
        beta = tf.where(head >= 0, -length, length)
        is_done = tf.equal(tail, 0)
        beta = tf.where(is_done, head, beta)
        axis = column - tf.expand_dims(beta, -1) * _unit(i, rows, input.dtype)
        square = tf.reduce_sum(tf.square(axis), -1, keepdims=True)
        axis = axis * tf.sqrt(2.0 / tf.where(tf.equal(square, 0), tf.ones_like(square), square))
        rest -= _outer(axis, tf.reduce_sum(tf.expand_dims(axis, -1) * rest, -2))
        turned -= _outer(tf.reduce_sum(turned * tf.expand_dims(axis, -2), -1), axis)
    upper = tf.linalg.band_part(rest, 0, -1)
    size = min(rows, columns)
    return [turned, upper] if full_matrices else [turned[..., :size], upper[..., :size, :]]


def _exchange(matrix: tf.Tensor, i: int, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Exchange row i with that of the greatest element below it in column i.

    Returns:
        The matrix; 1 where the rows differ, else 0.
    """
    candidates = tf.abs(matrix[..., i:, i])
    chosen = tf.expand_dims(tf.argmax(candidates, -1, tf.int32), -1) + i
    pick = tf.expand_dims(tf.equal(chosen, np.arange(size, dtype=np.int32)), -1)
    pivot_row = tf.reduce_sum(tf.cast(pick, matrix.dtype) * matrix, -2, keepdims=True)
    own = np.expand_dims(np.arange(size) == i, -1)
    moved = tf.where(own, pivot_row, tf.where(pick, matrix[..., i : i + 1, :], matrix))
    return moved, tf.cast(tf.not_equal(chosen[..., 0], i), matrix.dtype)


def _outer(column: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
    return tf.expand_dims(column, -1) * tf.expand_dims(row, -2)


def _unit(i: int, size: int, dtype: tf.DType) -> tf.Tensor:
    return tf.constant([float(j == i) for j in range(size)], dtype)


def _from(i: int, size: int, dtype: tf.DType) -> tf.Tensor:
    """Return a vector that is 0 before a place and 1 from it on."""
    return tf.constant([float(j >= i) for j in range(size)], dtype)


def _require_square(matrix: tf.Tensor, *others: tf.Tensor) -> int:
    if all(tf.get_static_value(tensor) is not None for tensor in (matrix, *others)):
        raise NotNeeded  # the converter computes it
    rows, columns = require_sizes(matrix, slice(-2, None))
    if matrix.dtype.is_complex:
        raise NotLowered("of complex numbers")
    if rows != columns or not 0 < rows <= _MOST_ROWS:
        raise NotLowered(f"of {rows} rows and {columns} columns; up to {_MOST_ROWS} are unrolled")
    return rows


_BY_COLUMNS = "steps over its columns"

RULES = {
    **{
        op: Lowering(lower=lower, becomes=_BY_COLUMNS)
        for name, lower in (
            ("Cholesky", _cholesky),
            ("MatrixDeterminant", _determinant),
            ("MatrixInverse", _inverse),
            ("MatrixSolve", _solve),
            ("MatrixTriangularSolve", _triangular_solve),
        )
        for op in (name, f"Batch{name}")
    },
    "LogMatrixDeterminant": Lowering(lower=_log_determinant, becomes=_BY_COLUMNS),
    "Lu": Lowering(lower=_lu, becomes=_BY_COLUMNS),
    "Qr": Lowering(lower=_qr, becomes=_BY_COLUMNS),
}
