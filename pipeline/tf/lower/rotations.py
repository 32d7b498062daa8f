"""Lowerings of eigenvalues and singular values of small matrices, by Jacobi's rotations.

Golub and Van Loan, "Matrix Computations", 8.5 and 8.6.3: each round turns disjoint pairs of axes,
so that their products vanish; some sweeps over all pairs leave nothing in float32. The values are
those of TensorFlow. Each vector may have the other sign: the decomposition itself leaves it open.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotLowered, NotNeeded, require_sizes

_MOST_AXES = 8
_NUM_SWEEPS = 6

_Places = npt.NDArray[np.int64]


def _eigen(*, input: tf.Tensor, compute_v: bool, **_: Any) -> list[tf.Tensor]:
    """Return the eigenvalues of symmetric matrices in order, and their vectors in columns."""
    rows, size = _require_small(input)
    if rows != size:
        raise NotLowered(f"of {rows} rows and {size} columns")
    # TensorFlow reads the lower half alone.
    below, middle = (
        tf.where(mask, input, tf.zeros_like(input))
        for mask in (np.tri(size, k=-1, dtype=bool), np.eye(size, dtype=bool))
    )
    matrix = below + middle + tf.linalg.matrix_transpose(below)
    vectors = tf.zeros_like(matrix) + np.eye(size, dtype=input.dtype.as_numpy_dtype)
    for first, second in _rounds(size) * _NUM_SWEEPS:
        products = (
            _pick(matrix, *pair) for pair in ((first, first), (second, second), (first, second))
        )
        turn = _turn(*products, places=(first, second), size=size)
        matrix = tf.matmul(turn, tf.matmul(matrix, turn), transpose_a=True)
        vectors = tf.matmul(vectors, turn)
    values = tf.reduce_sum(matrix * np.eye(size, dtype=input.dtype.as_numpy_dtype), -1)
    values, (vectors,) = _sort(values, vectors, is_rising=True)
    return [values, vectors if compute_v else tf.zeros([], input.dtype)]


def _singular(
    *, input: tf.Tensor, compute_uv: bool, full_matrices: bool, **_: Any
) -> list[tf.Tensor]:
    """Return the singular values from the greatest, and both sides in columns."""
    rows, columns = _require_small(input)
    if compute_uv and full_matrices and rows != columns:
        raise NotLowered("with full matrices")
    is_wide = columns > rows
    left = tf.linalg.matrix_transpose(input) if is_wide else input
    size = min(rows, columns)
    right = tf.zeros_like(tf.matmul(left, left, transpose_a=True))
    right += np.eye(size, dtype=input.dtype.as_numpy_dtype)
    for first, second in _rounds(size) * _NUM_SWEEPS:
        one, other = (tf.gather(left, places, axis=-1) for places in (first, second))
        sums = (tf.reduce_sum(a * b, -2) for a, b in ((one, one), (other, other), (one, other)))
        turn = _turn(*sums, places=(first, second), size=size)
        left, right = tf.matmul(left, turn), tf.matmul(right, turn)
    values = tf.sqrt(tf.reduce_sum(tf.square(left), -2))
    values, (left, right) = _sort(values, left, right, is_rising=False)
    if not compute_uv:
        return [values, *[tf.zeros([], input.dtype)] * 2]
    safe = tf.where(tf.equal(values, 0), tf.ones_like(values), values)
    sides = [left / tf.expand_dims(safe, -2), right]
    return [values, *(reversed(sides) if is_wide else sides)]


def _turn(
    one: tf.Tensor,
    other: tf.Tensor,
    product: tf.Tensor,
    *,
    places: tuple[_Places, _Places],
    size: int,
) -> tf.Tensor:
    """Return the rotation (..., size, size) that makes the products of pairs of axes vanish.

    Args:
        one: Squares of the first axis of each pair.
        other: Squares of the second.
        product: Products of both.
        places: The axes of each pair.
        size: The number of axes.
    """
    first, second = places
    is_done = tf.equal(product, 0)
    safe = tf.where(is_done, tf.ones_like(product), product)
    ratio = (other - one) / (2.0 * safe)
    # Of two equal ones the angle is 45 degrees; the root overflows for a large ratio.
    sign = tf.where(ratio < 0, -tf.ones_like(ratio), tf.ones_like(ratio))
    bounded = tf.minimum(tf.abs(ratio), 1e18)
    tangent = sign / (bounded + tf.sqrt(1.0 + tf.square(bounded)))
    tangent = tf.where(is_done, tf.zeros_like(tangent), tangent)
    cosine = tf.math.rsqrt(1.0 + tf.square(tangent))
    sine = cosine * tangent
    on, off = (np.zeros([len(first), size, size], np.float32) for _ in range(2))
    numbers = np.arange(len(first))
    on[numbers, first, first] = on[numbers, second, second] = 1
    off[numbers, first, second], off[numbers, second, first] = 1, -1
    flat = [tf.constant(part.reshape(len(first), -1), one.dtype) for part in (on, off)]
    still = np.eye(size, dtype=np.float32) - on.sum(0)
    shape = tf.concat([tf.shape(cosine)[:-1], [size, size]], 0)
    parts = zip((cosine, sine), flat, strict=True)
    turned = tf.add_n([tf.reduce_sum(tf.expand_dims(a, -1) * b, -2) for a, b in parts])
    return tf.reshape(turned, shape) + tf.constant(still, one.dtype)


def _rounds(size: int) -> list[tuple[_Places, _Places]]:
    """Return rounds of disjoint pairs that meet each pair once, as a tournament does."""
    players = list(range(size + size % 2))
    rounds = []
    for _ in range(len(players) - 1):
        half = len(players) // 2
        pairs = [sorted(p) for p in zip(players[:half], players[: half - 1 : -1], strict=True)]
        pairs = [pair for pair in pairs if pair[1] < size]
        rounds.append((np.array([p for p, _ in pairs]), np.array([q for _, q in pairs])))
        players = [players[0], players[-1], *players[1:-1]]
    return rounds if size > 1 else []


def _pick(matrix: tf.Tensor, rows: _Places, columns: _Places) -> tf.Tensor:
    """Return some elements of matrices: (..., elements)."""
    size = int(matrix.shape[-1])
    flat = tf.reshape(matrix, tf.concat([tf.shape(matrix)[:-2], [size * size]], 0))
    return tf.gather(flat, rows * size + columns, axis=-1)


def _sort(
    values: tf.Tensor, *columns: tf.Tensor, is_rising: bool
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Return values and columns of matrices in the order of the values."""
    size = int(values.shape[-1])
    found, order = tf.math.top_k(-values if is_rising else values, size)
    places = tf.equal(tf.expand_dims(order, -2), np.arange(size, dtype=np.int32)[:, None])
    pick = tf.cast(places, values.dtype)
    return -found if is_rising else found, [tf.matmul(each, pick) for each in columns]


def _require_small(matrix: tf.Tensor) -> tuple[int, int]:
    if tf.get_static_value(matrix) is not None:
        raise NotNeeded  # the converter computes it
    rows, columns = require_sizes(matrix, slice(-2, None))
    if matrix.dtype.is_complex:
        raise NotLowered("of complex numbers")
    if not 0 < min(rows, columns) <= _MOST_AXES:
        raise NotLowered(f"of {rows} rows and {columns} columns; up to {_MOST_AXES} are turned")
    return rows, columns


RULES = {
    "SelfAdjointEigV2": Lowering(lower=_eigen, becomes="rotations of pairs of axes", is_final=True),
    "Svd": Lowering(lower=_singular, becomes="rotations of pairs of axes", is_final=True),
}
