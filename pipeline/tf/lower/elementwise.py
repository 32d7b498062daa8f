"""Lowerings of elementwise ops, after the kernels of TensorFlow (core/kernels/cwise_op_*).

If TensorFlow's result differs from the plain formula at infinity, NaN or the smallest number,
these forms give TensorFlow's result.
"""

from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotLowered

# Widest shift that a power of two of int32 allows.
_MAX_SHIFT = 30


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


def _truncate_div(*, x: tf.Tensor, y: tf.Tensor, **_: Any) -> tf.Tensor:
    """Divide towards zero: add 1 if the quotient is negative and was rounded down."""
    _require_signed(x)
    quotient = tf.math.floordiv(x, y)
    zero = tf.zeros([], x.dtype)
    inexact = tf.not_equal(quotient * y, x)
    apart = tf.not_equal(tf.less(x, zero), tf.less(y, zero))
    return quotient + tf.cast(tf.logical_and(inexact, apart), x.dtype)


def _truncate_mod(*, x: tf.Tensor, y: tf.Tensor, **_: Any) -> tf.Tensor:
    """Return the remainder with the sign of x, as fmod does."""
    if x.dtype.is_integer:
        return x - _truncate_div(x=x, y=y) * y
    remainder = tf.math.floormod(tf.abs(x), tf.abs(y))
    return tf.where(tf.less(x, tf.zeros([], x.dtype)), -remainder, remainder)


def _invert(*, x: tf.Tensor, **_: Any) -> tf.Tensor:
    _require_int32(x)
    return -tf.ones([], x.dtype) - x


def _right_shift(*, x: tf.Tensor, y: tf.Tensor, **_: Any) -> tf.Tensor:
    """Divide by a power of two, rounding down; a shift of all bits leaves the sign."""
    _require_int32(x)
    shifted = tf.math.floordiv(x, _power_of_two(tf.minimum(y, _MAX_SHIFT)))
    sign = -tf.cast(tf.less(x, 0), x.dtype)
    return tf.where(tf.greater(y, _MAX_SHIFT), sign, shifted)


def _left_shift(*, x: tf.Tensor, y: tf.Tensor, **_: Any) -> tf.Tensor:
    """Multiply by a power of two; by the largest, which int32 does not hold, in two steps."""
    _require_int32(x)
    shifted = x * _power_of_two(tf.minimum(y, _MAX_SHIFT))
    return tf.where(tf.greater(y, _MAX_SHIFT), shifted * 2, shifted)


def _power_of_two(exponents: tf.Tensor) -> tf.Tensor:
    powers = tf.constant([2**exponent for exponent in range(_MAX_SHIFT + 1)], exponents.dtype)
    return tf.gather(powers, tf.maximum(exponents, 0))


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
    if not input.dtype.is_complex:
        return tf.identity(input)
    return tf.complex(tf.math.real(input), -tf.math.imag(input))


def _conjugate_transpose(*, x: tf.Tensor, perm: tf.Tensor, **_: Any) -> tf.Tensor:
    if not x.dtype.is_complex:
        return tf.transpose(x, perm)
    real, imag = tf.math.real(x), tf.math.imag(x)
    return tf.complex(tf.transpose(real, perm), -tf.transpose(imag, perm))


def _angle(*, input: tf.Tensor, **_: Any) -> tf.Tensor:
    return tf.math.atan2(tf.math.imag(input), tf.math.real(input))


def _cross(*, a: tf.Tensor, b: tf.Tensor, **_: Any) -> tf.Tensor:
    """Return a x b over the last axis, which has size 3."""
    a_1, a_2 = tf.gather(a, [1, 2, 0], axis=-1), tf.gather(a, [2, 0, 1], axis=-1)
    b_1, b_2 = tf.gather(b, [1, 2, 0], axis=-1), tf.gather(b, [2, 0, 1], axis=-1)
    return a_1 * b_2 - a_2 * b_1


def _require_signed(x: tf.Tensor) -> None:
    if x.dtype.is_integer and x.dtype.is_unsigned:
        raise NotLowered(f"of {x.dtype.name}")


def _require_int32(x: tf.Tensor) -> None:
    """Raise for other dtypes, whose bits TensorFlow.js does not have: its integers are int32."""
    if x.dtype != tf.int32:
        raise NotLowered(f"the bits of {x.dtype.name} are not those of int32")


RULES = {
    "Angle": Lowering(lower=_angle, becomes="Atan2 of Imag and Real"),
    "ApproximateEqual": Lowering(lower=_approximate_equal, becomes="Less of a difference"),
    "Bucketize": Lowering(lower=_bucketize, becomes="a count of the boundaries not above"),
    "Conj": Lowering(lower=_conj, becomes="Complex of Real and the negative of Imag"),
    "ConjugateTranspose": Lowering(
        lower=_conjugate_transpose, becomes="Transpose of its real and imaginary part"
    ),
    "Cross": Lowering(lower=_cross, becomes="a difference of products"),
    "Erfc": Lowering(lower=_erfc, becomes="1 - Erf"),
    "Inv": Lowering(lower=_inv, becomes="Reciprocal"),
    "Invert": Lowering(lower=_invert, becomes="-1 - x"),
    "L2Loss": Lowering(lower=_l2_loss, becomes="half the Sum of Square"),
    "LeftShift": Lowering(lower=_left_shift, becomes="a product with a power of two"),
    "MulNoNan": Lowering(lower=_mul_no_nan, becomes="Mul, and 0 where y is 0"),
    "RightShift": Lowering(lower=_right_shift, becomes="FloorDiv by a power of two"),
    "Rint": Lowering(lower=_rint, becomes="Round"),
    "Select": Lowering(
        lower=_select,
        becomes="SelectV2",
        why="TensorFlow.js takes a vector of conditions for one row",
    ),
    "Softsign": Lowering(lower=_softsign, becomes="x / (Abs(x) + 1)"),
    "TruncateDiv": Lowering(lower=_truncate_div, becomes="FloorDiv, and 1 more below zero"),
    "TruncateMod": Lowering(lower=_truncate_mod, becomes="FloorMod with the sign of x"),
    "Xdivy": Lowering(lower=_xdivy, becomes="RealDiv, and 0 where x is 0"),
    "Xlog1py": Lowering(lower=_xlog1py, becomes="x * Log1p(y), and 0 where x is 0"),
    "Xlogy": Lowering(lower=_xlogy, becomes="x * Log(y), and 0 where x is 0"),
}
