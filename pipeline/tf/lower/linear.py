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
    """Multiply the pivots of an elimination; an exchange of rows turns the sign."""
    size = _require_square(input)
    rest, product = input, tf.ones([], input.dtype)
    for i in range(size):
        rest, is_moved = _exchange(rest, i, size)
        pivot = rest[..., i, i]
        product *= pivot * (1 - 2 * is_moved)
        safe = tf.where(tf.equal(pivot, 0), tf.ones_like(pivot), pivot)
        below = rest[..., i] * _from(i + 1, size, input.dtype)
        rest -= _outer(below, rest[..., i, :] / tf.expand_dims(safe, -1))
    return product


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
}
