"""Lowerings of products of whole numbers, which keep the lower bits of each.

The cpu backend multiplies int32 as doubles, so that the lower bits of a product above 2^53 are
lost; the wasm backend has no product of matrices of int32. Pow of int32 is that of float32.
"""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.tf.lower.lowering_rule import SMALL, Lowering, NotLowered, NotNeeded

_HALF = 1 << 16
# With a factor of int32 at most this large, a product is below 2^53.
_SMALL_FACTOR = 1 << 22
_MOST_PRODUCTS = 1 << 24
_WHOLE = {tf.int32, tf.int64, *SMALL}
_INT32 = tf.int32.as_datatype_enum
_WHOLE_ENUMS = {dtype.as_datatype_enum for dtype in _WHOLE}
_CPU = "the cpu backend loses the lower bits of products above 2^53"


def multiply(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Multiply int32 by halves of 16 bits."""
    low = tf.math.floormod(x, _HALF)
    high = tf.math.floordiv(x - low, _HALF)
    return high * y * _HALF + low * y


def keep_lower(whole: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Return the lower bits of int32 as a small type, or all as one of more bits."""
    if dtype not in SMALL:
        return tf.cast(whole, dtype)
    wrapped = tf.math.floormod(whole - dtype.min, 1 << SMALL[dtype]) + dtype.min
    return tf.cast(wrapped, dtype)


def product_along(x: tf.Tensor, axis: int) -> tf.Tensor:
    """Return the product of int32 along an axis of known size, which is left out."""
    while (count := int(x.shape[axis])) > 1:
        half = count // 2
        first, second, rest = tf.split(x, [half, half, count - 2 * half], axis)
        x = multiply(first, second)
        if count % 2:
            x = tf.concat([x, rest], axis)
    return tf.squeeze(x, axis) if x.shape[axis] else tf.reduce_prod(x, axis)


def products_along(x: tf.Tensor, axis: int) -> tf.Tensor:
    """Return the product of int32 of each element and all before it, along an axis of known size.

    After each step a product reaches back twice as far.
    """
    count, reach = int(x.shape[axis]), 1
    while reach < count:
        kept, moved = tf.split(x, [reach, count - reach], axis)
        before, _ = tf.split(x, [count - reach, reach], axis)
        x = tf.concat([kept, multiply(moved, before)], axis)
        reach *= 2
    return x


def _mul(*, x: tf.Tensor, y: tf.Tensor, **_: Any) -> tf.Tensor:
    if x.shape.rank == 0 and y.shape.rank == 0:
        raise NotNeeded  # a size, and no tensor has 2^26 elements along two axes
    for factor in (x, y):
        value = tf.get_static_value(factor)
        if value is not None and np.max(np.abs(value.astype(float)), initial=0) <= _SMALL_FACTOR:
            raise NotNeeded
    return multiply(x, y)


def _square(*, x: tf.Tensor, **_: Any) -> tf.Tensor:
    return multiply(x, x)


def _squared_difference(*, x: tf.Tensor, y: tf.Tensor, **_: Any) -> tf.Tensor:
    difference = tf.cast(x, tf.int32) - tf.cast(y, tf.int32)
    return keep_lower(multiply(difference, difference), x.dtype)


def _pow(*, x: tf.Tensor, y: tf.Tensor, **_: Any) -> tf.Tensor:
    """Multiply the squares that the bits of the exponent choose."""
    exponent = tf.cast(y, tf.int32)
    known = tf.get_static_value(exponent)
    greatest = tf.int32.max if known is None else int(np.max(known, initial=0))
    power = tf.cast(x, tf.int32) + tf.zeros_like(exponent)
    made = tf.ones_like(power)
    while greatest:
        is_chosen = tf.equal(tf.math.floormod(exponent, 2), 1)
        made = tf.where(is_chosen, multiply(made, power), made)
        exponent = tf.math.floordiv(exponent - tf.math.floormod(exponent, 2), 2)
        power = multiply(power, power)
        greatest //= 2
    return keep_lower(made, x.dtype)


def matmul_whole(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Multiply matrices of whole numbers, whose batches may broadcast, as sums of products.

    Raises:
        NotLowered: There are too many products.
    """
    shapes = tf.broadcast_static_shape(x.shape[:-2], y.shape[:-2]), x.shape[-2:], y.shape[-1:]
    count = shapes[0].concatenate(shapes[1]).concatenate(shapes[2]).num_elements()
    if count is not None and count > _MOST_PRODUCTS:
        raise NotLowered(f"of {count:,} products")
    left, right = tf.cast(x, tf.int32), tf.cast(y, tf.int32)
    products = multiply(tf.expand_dims(left, -1), tf.expand_dims(right, -3))
    return keep_lower(tf.reduce_sum(products, -2), x.dtype)


def _matmul(
    *, a: tf.Tensor, b: tf.Tensor, transpose_a: bool, transpose_b: bool, **_: Any
) -> tf.Tensor:
    left = tf.transpose(a) if transpose_a else a
    return matmul_whole(left, tf.transpose(b) if transpose_b else b)


def _is(*dtypes: int) -> Any:
    def applies(node: NodeDef) -> bool:
        return node.attr["T"].type in dtypes

    return applies


RULES = {
    "MatMul": Lowering(
        is_final=True,
        lower=_matmul,
        becomes="sums of products",
        why="the wasm backend has it for floats only",
        applies=_is(*_WHOLE_ENUMS),
    ),
    "Mul": Lowering(
        is_final=True, lower=_mul, becomes="products of halves", why=_CPU, applies=_is(_INT32)
    ),
    "Pow": Lowering(
        is_final=True,
        lower=_pow,
        becomes="products of squares",
        why="TensorFlow.js computes it as float32",
        applies=_is(*_WHOLE_ENUMS),
    ),
    "Square": Lowering(
        is_final=True, lower=_square, becomes="products of halves", why=_CPU, applies=_is(_INT32)
    ),
    "SquaredDifference": Lowering(
        is_final=True,
        lower=_squared_difference,
        becomes="products of halves",
        why=_CPU,
        applies=_is(_INT32, *(dtype.as_datatype_enum for dtype in SMALL)),
    ),
}
