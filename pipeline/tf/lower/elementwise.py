"""Lowerings of elementwise ops, after the kernels of TensorFlow (core/kernels/cwise_op_*).

If TensorFlow's result differs from the plain formula at infinity, NaN or the smallest number,
these forms give TensorFlow's result.
"""

from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotLowered


def _erfc(*, x: tf.Tensor, **_: Any) -> tf.Tensor:
    return tf.ones_like(x) - tf.math.erf(x)


def _inv(*, x: tf.Tensor, **_: Any) -> tf.Tensor:
    return tf.raw_ops.Reciprocal(x=x)


def _rint(*, x: tf.Tensor, **_: Any) -> tf.Tensor:
    return tf.raw_ops.Round(x=x)  # to even at one half, as Rint


def _softsign(*, features: tf.Tensor, **_: Any) -> tf.Tensor:
    return features / (tf.abs(features) + tf.ones_like(features))


def _l2_loss(*, t: tf.Tensor, **_: Any) -> tf.Tensor:
    return tf.reduce_sum(tf.square(t)) * tf.constant(0.5, t.dtype)


def _xlogy(*, x: tf.Tensor, y: tf.Tensor, **_: Any) -> tf.Tensor:
    return _zero_where_zero(x, x * tf.math.log(y))


def _xlog1py(*, x: tf.Tensor, y: tf.Tensor, **_: Any) -> tf.Tensor:
    return _zero_where_zero(x, x * tf.math.log1p(y))


def _xdivy(*, x: tf.Tensor, y: tf.Tensor, **_: Any) -> tf.Tensor:
    return _zero_where_zero(x, x / y)


def _mul_no_nan(*, x: tf.Tensor, y: tf.Tensor, **_: Any) -> tf.Tensor:
    return _zero_where_zero(y, x * y)


def _zero_where_zero(x: tf.Tensor, result: tf.Tensor) -> tf.Tensor:
    """Return 0 where x is 0, whatever the result is there."""
    zero = tf.zeros([], x.dtype)
    return tf.where(tf.equal(x, zero), zero, result)


def _approximate_equal(*, x: tf.Tensor, y: tf.Tensor, tolerance: float, **_: Any) -> tf.Tensor:
    return tf.less(tf.abs(x - y), tf.constant(tolerance, x.dtype))


def _bucketize(*, input: tf.Tensor, boundaries: list[float], **_: Any) -> tf.Tensor:
    """Return the number of boundaries that a value reaches."""
    dtype = tf.float32 if input.dtype.is_integer else input.dtype
    values = tf.expand_dims(tf.cast(input, dtype), -1)
    below = tf.less(values, tf.constant(boundaries, dtype))
    return len(boundaries) - tf.reduce_sum(tf.cast(below, tf.int32), -1)


def _select(*, condition: tf.Tensor, t: tf.Tensor, e: tf.Tensor, **_: Any) -> tf.Tensor:
    """Choose rows by a vector of conditions, as TensorFlow 1 does."""
    ndims = condition.shape.rank, t.shape.rank
    if ndims[0] == 0 or (None not in ndims and ndims[0] == ndims[1]):
        raise NotLowered("a condition for each element, or one for all")
    missing = tf.ones([tf.rank(t) - tf.rank(condition)], tf.int32)
    shape = tf.concat([tf.shape(condition), missing], 0)
    return tf.where(tf.reshape(condition, shape), t, e)


def _conj(*, input: tf.Tensor, **_: Any) -> tf.Tensor:
    return tf.identity(input)


def _conjugate_transpose(*, x: tf.Tensor, perm: tf.Tensor, **_: Any) -> tf.Tensor:
    return tf.transpose(x, perm)


def _cross(*, a: tf.Tensor, b: tf.Tensor, **_: Any) -> tf.Tensor:
    """Return a x b over the last axis, which has size 3."""
    a_1, a_2 = tf.gather(a, [1, 2, 0], axis=-1), tf.gather(a, [2, 0, 1], axis=-1)
    b_1, b_2 = tf.gather(b, [1, 2, 0], axis=-1), tf.gather(b, [2, 0, 1], axis=-1)
    return a_1 * b_2 - a_2 * b_1


RULES = {
    "ApproximateEqual": Lowering(lower=_approximate_equal, becomes="Less of a difference"),
    "Bucketize": Lowering(lower=_bucketize, becomes="a count of the boundaries not above"),
    "Conj": Lowering(lower=_conj, becomes="the real number that it is of"),
    "ConjugateTranspose": Lowering(lower=_conjugate_transpose, becomes="Transpose"),
    "Cross": Lowering(lower=_cross, becomes="a difference of products"),
    "Erfc": Lowering(lower=_erfc, becomes="1 - Erf"),
    "Inv": Lowering(lower=_inv, becomes="Reciprocal"),
    "L2Loss": Lowering(lower=_l2_loss, becomes="half the Sum of Square"),
    "MulNoNan": Lowering(lower=_mul_no_nan, becomes="Mul, and 0 where y is 0"),
    "Rint": Lowering(lower=_rint, becomes="Round"),
    "Select": Lowering(
        lower=_select,
        becomes="SelectV2",
        why="TensorFlow.js takes a vector of conditions for one row",
    ),
    "Softsign": Lowering(lower=_softsign, becomes="x / (Abs(x) + 1)"),
    "Xdivy": Lowering(lower=_xdivy, becomes="RealDiv, and 0 where x is 0"),
    "Xlog1py": Lowering(lower=_xlog1py, becomes="x * Log1p(y), and 0 where x is 0"),
    "Xlogy": Lowering(lower=_xlogy, becomes="x * Log(y), and 0 where x is 0"),
}
