"""Lowerings of arithmetic on whole numbers: quotients, bits, and the wrap of small types.

TensorFlow.js has integers of 32 bits only. Its wasm backend divides them as float32 (FloorDiv.cc of
tfjs-backend-wasm), which is exact below 2^24; its FloorMod is exact everywhere. So a quotient is
taken of what the remainder leaves, and corrected. TensorFlow.js takes Div of integers for FloorDiv,
and Mod for FloorMod.
"""

import inspect
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.tf.lower import whole_products
from pipeline.tf.lower.lowering_rule import SMALL, Lowering, NotLowered, NotNeeded
from pipeline.tf.lower.whole_products import keep_lower

_HALF = 1 << 16
_POWERS = [1 << bit for bit in range(16)]
_NUM_BITS = 32
_SMALL_ENUMS = {dtype.as_datatype_enum for dtype in SMALL}
_WHOLE_ENUMS = {tf.int32.as_datatype_enum, tf.int64.as_datatype_enum}
_BITWISE = {tf.int32, tf.int64, *SMALL}


def _divide_exactly(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Divide by a number that leaves no remainder: twice, then add what one misses."""
    first = tf.math.floordiv(x, y)
    rest = x - first * y
    second = tf.math.floordiv(rest, y)
    left = rest - second * y
    missing = tf.cast(tf.equal(left, y), x.dtype) - tf.cast(tf.equal(left, -y), x.dtype)
    return first + second + missing


def _floor_div(*, x: tf.Tensor, y: tf.Tensor, **_: Any) -> tf.Tensor:
    if x.shape.rank == 0 or tf.get_static_value(x) is not None:
        raise NotNeeded  # a size, and no tensor has 2^24 elements along an axis
    zero = tf.zeros([], x.dtype)
    remainder = _truncate_mod(x=x, y=y)
    apart = tf.not_equal(tf.less(x, zero), tf.less(y, zero))
    below = tf.logical_and(tf.not_equal(remainder, zero), apart)
    return _divide_exactly(x - remainder, y) - tf.cast(below, x.dtype)


def _div(*, x: tf.Tensor, y: tf.Tensor, **given: Any) -> tf.Tensor:
    if x.dtype.is_floating:
        raise NotNeeded
    return _truncate_div(x=x, y=y, **given)


def _truncate_div(*, x: tf.Tensor, y: tf.Tensor, **_: Any) -> tf.Tensor:
    """Divide towards zero."""
    if x.dtype.is_floating:
        quotient = x / y
        return tf.where(tf.less(quotient, 0), tf.math.ceil(quotient), tf.floor(quotient))
    if x.dtype in SMALL:
        return tf.cast(_truncate_div(x=tf.cast(x, tf.int32), y=tf.cast(y, tf.int32)), x.dtype)
    return _divide_exactly(x - _truncate_mod(x=x, y=y), y)


def _truncate_mod(*, x: tf.Tensor, y: tf.Tensor, **_: Any) -> tf.Tensor:
    """Return the remainder with the sign of x, as fmod does."""
    if x.dtype.is_integer:
        _require_signed(x)
        zero = tf.zeros([], x.dtype)
        remainder = tf.math.floormod(x, y)
        apart = tf.not_equal(tf.less(x, zero), tf.less(y, zero))
        is_apart = tf.logical_and(tf.not_equal(remainder, zero), apart)
        return tf.where(is_apart, remainder - y, remainder)
    remainder = tf.math.floormod(tf.abs(x), tf.abs(y))
    return tf.where(tf.less(x, tf.zeros([], x.dtype)), -remainder, remainder)


def _require_signed(x: tf.Tensor) -> None:
    if x.dtype.is_unsigned:
        raise NotLowered(f"of {x.dtype.name}")


def _invert(*, x: tf.Tensor, **_: Any) -> tf.Tensor:
    return tf.cast(-1 - _as_bits(x), x.dtype)


def _right_shift(*, x: tf.Tensor, y: tf.Tensor, **_: Any) -> tf.Tensor:
    """Divide both halves by powers of two; a shift of all bits leaves the sign."""
    count = tf.minimum(tf.maximum(_as_bits(y), 0), _NUM_BITS - 1)
    high, low = _halves(_as_bits(x))
    near, far = tf.minimum(count, 16), tf.maximum(count - 16, 0)
    by_few = high * _power_of_two(16 - near) + tf.math.floordiv(low, _power_of_two(near))
    by_many = tf.math.floordiv(high, _power_of_two(far))
    return tf.cast(tf.where(tf.greater(count, 16), by_many, by_few), x.dtype)


def _left_shift(*, x: tf.Tensor, y: tf.Tensor, **_: Any) -> tf.Tensor:
    """Multiply by two powers of two, which int32 holds."""
    count = tf.minimum(tf.maximum(_as_bits(y), 0), _NUM_BITS - 1)
    near = tf.minimum(count, 16)
    shifted = _as_bits(x) * _power_of_two(near) * _power_of_two(count - near)
    return tf.cast(shifted, x.dtype)


def _power_of_two(exponents: tf.Tensor) -> tf.Tensor:
    return tf.gather(tf.constant([*_POWERS, _HALF]), exponents)


def _bitwise(combine: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Return a rule that combines bits, which are 0 or 1, one by one."""

    def lower(*, x: tf.Tensor, y: tf.Tensor, **_: Any) -> tf.Tensor:
        pairs = zip(_halves(_as_bits(x)), _halves(_as_bits(y)), strict=True)
        high, low = (_join(combine(_split(a), _split(b))) for a, b in pairs)
        return tf.cast(high * _HALF + low, x.dtype)

    return lower


def _count_bits(*, x: tf.Tensor, **_: Any) -> tf.Tensor:
    """Count the bits that are 1; the upper half of int64 repeats the sign."""
    if x.dtype in SMALL:
        parts = [tf.math.floormod(_as_bits(x), 1 << SMALL[x.dtype])]
    else:
        parts = list(_halves(_as_bits(x)))
    count = tf.add_n([tf.reduce_sum(_split(part), -1) for part in parts])
    if x.dtype == tf.int64:
        count += tf.cast(tf.less(x, tf.zeros([], x.dtype)), tf.int32) * _NUM_BITS
    return tf.cast(count, tf.uint8)


def _as_bits(x: tf.Tensor) -> tf.Tensor:
    """Return integers as int32; the bits of int64 that TensorFlow.js lacks repeat the sign."""
    if x.dtype not in _BITWISE:
        raise NotLowered(f"the bits of {x.dtype.name} are not those of int32")
    return tf.cast(x, tf.int32)


def _halves(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the upper 16 bits with the sign, and the lower 16 bits."""
    low = tf.math.floormod(x, _HALF)
    return tf.math.floordiv(x - low, _HALF), low


def _split(half: tf.Tensor) -> tf.Tensor:
    """Return 16 bits of each number along a new last axis."""
    bits = tf.math.floordiv(tf.expand_dims(tf.math.floormod(half, _HALF), -1), tf.constant(_POWERS))
    return tf.math.floormod(bits, 2)


def _join(bits: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(bits * tf.constant(_POWERS), -1)


def _draw(
    *, shape: tf.Tensor, minval: tf.Tensor, maxval: tf.Tensor, Tout: tf.DType, **_: Any
) -> tf.Tensor:
    """Draw whole numbers, the lower bits of which are 0 in a range above 2^24."""
    count = tf.cast(maxval, tf.float32) - tf.cast(minval, tf.float32)
    drawn = tf.raw_ops.RandomUniform(shape=shape, dtype=tf.float32)
    return minval + tf.cast(tf.minimum(tf.floor(drawn * count), count - 1.0), Tout)


def _wrap(*, x: tf.Tensor, DstT: tf.DType, **_: Any) -> tf.Tensor:
    """Keep the lower bits, as TensorFlow does; a type that the new one holds needs nothing."""
    is_narrower = x.dtype.is_integer and DstT.min <= x.dtype.min and x.dtype.max <= DstT.max
    if is_narrower or x.dtype == tf.bool:
        raise NotNeeded
    return keep_lower(tf.cast(x, tf.int32), DstT)


def _compute_wide(op: str, *narrow: str) -> Callable[..., tf.Tensor]:
    """Return a rule that computes in int32, and keeps the lower bits of the result.

    Args:
        op: The op.
        narrow: Inputs that are no numbers of the small type, as indices.
    """
    raw = getattr(tf.raw_ops, op)

    def widen(key: str, value: Any) -> Any:
        if isinstance(value, list):
            return [tf.cast(each, tf.int32) for each in value]
        is_small = isinstance(value, tf.Tensor) and key not in narrow
        return tf.cast(value, tf.int32) if is_small else value

    def lower(*, T: tf.DType, **given: Any) -> tf.Tensor:
        names = inspect.signature(raw).parameters
        kept = {key: widen(key, value) for key, value in given.items() if key in names}
        return keep_lower(raw(**kept), T)

    return lower


def _of_small_or_whole(
    small: Callable[..., tf.Tensor], whole: Callable[..., tf.Tensor]
) -> Callable[..., tf.Tensor]:
    """Return a rule that takes one of two, by the dtype."""
    return lambda *, T, **given: (small if T in SMALL else whole)(T=T, **given)


def _is(dtypes: set[int]) -> Callable[[NodeDef], bool]:
    return lambda node: node.attr["T"].type in dtypes


RULES = {
    "BitwiseAnd": Lowering(
        is_final=True, lower=_bitwise(lambda a, b: a * b), becomes="a product of bits"
    ),
    "BitwiseOr": Lowering(is_final=True, lower=_bitwise(tf.maximum), becomes="the Maximum of bits"),
    "BitwiseXor": Lowering(
        is_final=True, lower=_bitwise(lambda a, b: tf.abs(a - b)), becomes="where bits differ"
    ),
    "Cast": Lowering(
        is_final=True,
        lower=_wrap,
        becomes="FloorMod by the numbers of its type",
        why="all integers of TensorFlow.js have 32 bits",
        applies=lambda node: node.attr["DstT"].type in _SMALL_ENUMS,
    ),
    "Div": Lowering(
        is_final=True,
        lower=_div,
        becomes="a quotient towards zero",
        why="TensorFlow.js rounds down",
        applies=_is(_WHOLE_ENUMS | _SMALL_ENUMS),
    ),
    "FloorDiv": Lowering(
        is_final=True,
        lower=_floor_div,
        becomes="a quotient without remainder, corrected",
        why="the wasm backend divides integers as float32",
        applies=_is(_WHOLE_ENUMS),
    ),
    "Invert": Lowering(lower=_invert, becomes="-1 - x"),
    "LeftShift": Lowering(lower=_left_shift, becomes="a product with powers of two"),
    "Mod": Lowering(
        is_final=True,
        lower=_truncate_mod,
        becomes="FloorMod with the sign of x",
        why="TensorFlow.js takes it for FloorMod",
    ),
    "PopulationCount": Lowering(lower=_count_bits, becomes="a sum of bits"),
    "RandomUniformInt": Lowering(
        lower=_draw,
        becomes="Floor of a multiple of RandomUniform",
        why="TensorFlow.js looks for the bounds among the attributes, and draws only 0",
    ),
    "RightShift": Lowering(is_final=True, lower=_right_shift, becomes="FloorDiv by powers of two"),
    "TruncateDiv": Lowering(
        is_final=True, lower=_truncate_div, becomes="a quotient without remainder, corrected"
    ),
    "TruncateMod": Lowering(
        is_final=True, lower=_truncate_mod, becomes="FloorMod with the sign of x"
    ),
    **{
        op: Lowering(
            lower=_compute_wide(op),
            becomes="one of int32 whose lower bits are kept",
            why="all integers of TensorFlow.js have 32 bits",
            applies=_is(_SMALL_ENUMS),
        )
        for op in ("Abs", "Add", "AddN", "AddV2", "Neg", "Sub")
    },
    "ScatterNd": Lowering(
        lower=_compute_wide("ScatterNd", "indices", "shape"),
        becomes="one of int32 whose lower bits are kept",
        why="all integers of TensorFlow.js have 32 bits",
        applies=_is(_SMALL_ENUMS),
    ),
    **{
        op: Lowering(
            is_final=True,
            lower=_of_small_or_whole(_compute_wide(op), whole_products.RULES[op].lower),
            becomes="products of halves, or one of int32 whose lower bits are kept",
            why="the cpu backend loses the lower bits above 2^53, and none keeps small types",
            applies=_is(_SMALL_ENUMS | {tf.int32.as_datatype_enum}),
        )
        for op in ("Mul", "Square")
    },
}
