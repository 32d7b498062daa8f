"""Operators on whole numbers that stand for others: real = (held - zero point) * scale.

Products are summed as whole numbers, which float32 holds exactly up to 2^24, and scaled once, as
ONNX Runtime does. Halves round to the even number; results keep to the range of their dtype.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.convolution import convolve
from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.matmul import matmul
from pipeline.tf.layout.quantized import (
    as_float,
    keep_apart,
    limits,
    round_to,
    scale_down,
    scale_up,
    shift,
)
from pipeline.tf.layout.reshape import reshape
from pipeline.tf.layout.sizes import Size, is_known
from pipeline.tf.layout.value import Value, constant, transpose, wrap
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.onnx_model import dtype_name
from pipeline.tf.onnx.rules.convolutions import window_of

_LARGE_SUMS = "sums of whole numbers may pass 2^24, beyond which float32 rounds them"
_LARGE = 2**24
_LEVELS = {"uint8": 255, "int8": 127}
_FLOAT = "float32"


def _spread(call: Call, value: Value | None, rank: int, sizes: Sequence[Size]) -> Value | None:
    """Return scales or zero points in a form that broadcasts: of all, of an axis, of blocks."""
    if value is None:
        return None
    if value.rank == 0 or value.sizes == (1,):
        return reshape(value, [])
    block = int(call.attribute("block_size", 0))
    axis = call.from_front(int(call.attribute("axis", 1)), rank)
    if block and value.rank == rank:
        size = sizes[axis]
        if not is_known(size):
            raise call.refuse("it has blocks along an axis of an open size")
        if value.is_known:
            repeated = np.repeat(value.array, block, axis).take(range(size), axis)
            return constant(repeated, value.dtype)
        places = np.arange(size) // block
        taken = tf.gather(value.plain, places.astype(np.int32), axis=axis)
        return wrap(taken, value.dtype)
    return reshape(value, [value.sizes[0] if each == axis else 1 for each in range(rank)])


def _quantize(call: Call) -> Value:
    """QuantizeLinear: the zero point, else an attribute, says the dtype."""
    value, zero = call.value(0), call.optional(2)
    stated = int(call.attribute("output_dtype", 0))
    dtype = zero.dtype if zero is not None else dtype_name(stated) if stated else "uint8"
    assert dtype is not None
    scale = _spread(call, call.value(1), value.rank, value.sizes)
    assert scale is not None
    return scale_down(value, scale, _spread(call, zero, value.rank, value.sizes), dtype)


def _dequantize(call: Call) -> Value:
    value = call.value(0)
    scale = _spread(call, call.value(1), value.rank, value.sizes)
    assert scale is not None
    zero = _spread(call, call.optional(2), value.rank, value.sizes)
    stated = int(call.attribute("output_dtype", 0))
    dtype = dtype_name(stated) if stated else scale.dtype
    assert dtype is not None
    return scale_up(value, scale, zero, dtype)


def quantize_range(value: Value) -> tuple[Value, Value, Value]:
    """Return a value as uint8 of its own range, which has zero in it; its scale and zero point."""
    tensor = value.tensor
    low = tf.minimum(tf.reduce_min(tensor), 0.0)
    high = tf.maximum(tf.reduce_max(tensor), 0.0)
    levels = keep_apart(constant(np.float32(_LEVELS["uint8"]))).tensor
    scale = (high - low) / levels
    scale = tf.where(tf.equal(scale, 0.0), 1.0, scale)
    zero = tf.clip_by_value(tf.round(-low / scale), 0.0, float(_LEVELS["uint8"]))
    held = (wrap(scale, _FLOAT), wrap(tf.cast(zero, tf.int32), "uint8"))
    return (scale_down(value, held[0], held[1], "uint8"), *held)


def round_to_levels(tensor: Any) -> Any:
    """Return numbers rounded to the 256 levels of their own range, as float32."""
    rounded, scale, zero = quantize_range(wrap(tensor, _FLOAT))
    return scale_up(rounded, scale, zero, _FLOAT).tensor


def _quantize_range(call: Call) -> list[Value]:
    return list(quantize_range(call.value(0)))


def _note_sums(call: Call, value: Value, kernel: Value, axes: tuple[int, ...]) -> None:
    """Tell of sums that float32 may not hold.

    Args:
        call: The operator.
        value: The whole numbers that the kernel multiplies, by their dtype.
        kernel: The kernel less its zero point.
        axes: The axes that are summed over.
    """
    largest = max(abs(n) for n in limits(value.dtype))
    if not kernel.is_known:
        count = np.prod([size if is_known(size) else _LARGE for size in kernel.sizes[-2:-1]])
        bound = float(count) * 255 * largest
    else:
        bound = float(np.abs(kernel.array).sum(axes, dtype=np.float64).max(initial=0)) * largest
    if bound > _LARGE:
        call.state.notes[_LARGE_SUMS] = None


def _multiply(
    call: Call, first: Value, second: Value, zeros: tuple[Value | None, Value | None]
) -> Value:
    """Return products of matrices of whole numbers, as floats.

    A zero point of several numbers is one for each row of the first, or column of the second.
    """
    left_zero, right_zero = zeros
    if left_zero is not None and left_zero.rank == 1 and left_zero.sizes != (1,):
        left_zero = reshape(left_zero, [left_zero.sizes[0], 1])
    right = shift(second, right_zero)
    _note_sums(call, first, right, (-2,))
    return matmul(shift(first, left_zero), right, _FLOAT)


def _multiply_integers(call: Call) -> Value:
    """MatMulInteger: zero points come behind the matrices."""
    zeros = (call.optional(2), call.optional(3))
    return _as_int32(_multiply(call, call.value(0), call.value(1), zeros))


def _as_int32(value: Value) -> Value:
    return elementwise(lambda a: tf.cast(a, tf.int32), [value], "int32")


def _convolve(
    call: Call, value: Value, kernel: Value, zeros: tuple[Value | None, Value | None]
) -> Value:
    """Return a convolution of whole numbers, as floats."""
    value_zero, kernel_zero = zeros
    if kernel_zero is not None and kernel_zero.rank == 1:
        kernel_zero = reshape(kernel_zero, [kernel_zero.sizes[0], *[1] * (kernel.rank - 1)])
    weights = shift(kernel, kernel_zero)
    _note_sums(call, value, weights, tuple(range(1, kernel.rank)))
    window = window_of(call, kernel.sizes[2:], value.sizes[2:])
    groups = int(call.attribute("group", 1))
    return convolve(shift(value, value_zero), weights, None, window, groups)


def _convolve_integers(call: Call) -> Value:
    """ConvInteger: zero points come behind the kernel."""
    zeros = (call.optional(2), call.optional(3))
    return _as_int32(_convolve(call, call.value(0), call.value(1), zeros))


def _rescale(total: Value, scales: Sequence[Value], zero: Value | None, dtype: str) -> Value:
    """Return sums of whole numbers as those of an output.

    Args:
        total: The sums.
        scales: Of both inputs and of the output.
        zero: The zero point of the output.
        dtype: Its dtype.
    """
    first, second, target = scales
    if all(scale.is_known for scale in scales):
        arrays = [scale.array.astype(np.float32) for scale in scales]
        factor = keep_apart(constant(arrays[0] * arrays[1] / arrays[2]))
    else:
        factor = elementwise(lambda a, b, c: a * b / c, [first, second, target], _FLOAT)
    return round_to(elementwise(tf.multiply, [total, factor], _FLOAT), zero, dtype)


def _convolve_quantized(call: Call) -> Value:
    """QLinearConv: each value has a scale and a zero point behind it, then comes a bias."""
    value, kernel = call.value(0), call.value(3)
    total = _convolve(call, value, kernel, (call.optional(2), call.optional(5)))
    shape = [-1, *[1] * (kernel.rank - 2)]
    if call.has(8):
        bias = as_float(call.value(8))
        spread = reshape(bias, [bias.sizes[0], *shape[1:]])
        total = elementwise(tf.add, [total, spread], _FLOAT)
    scale = call.value(4)
    if scale.rank == 1 and scale.sizes != (1,):
        scale = reshape(scale, [scale.sizes[0], *shape[1:]])
    scales = [as_number(call.value(1)), as_number(scale), as_number(call.value(6))]
    zero = call.optional(7)
    return _rescale(total, scales, zero and as_number(zero), zero.dtype if zero else value.dtype)


def as_number(value: Value) -> Value:
    """Return a vector of one number as a number."""
    return reshape(value, []) if value.sizes == (1,) else value


def _multiply_quantized(call: Call) -> Value:
    """QLinearMatMul: each value has a scale and a zero point behind it."""
    first, second = call.value(0), call.value(3)
    zeros = (call.value(2), call.value(5))
    total = _multiply(call, first, second, zeros)
    left = as_number(call.value(1))
    if left.rank == 1:
        left = reshape(left, [left.sizes[0], 1])
    scales = [left, as_number(call.value(4)), as_number(call.value(6))]
    zero = as_number(call.value(7))
    return _rescale(total, scales, zero, zero.dtype)


def _gemm_quantized(call: Call) -> Value:
    """QGemm: with a bias of int32; real numbers where the output has no scale."""
    first, second = (
        transpose(call.value(index), (1, 0)) if call.attribute(name, 0) else call.value(index)
        for index, name in ((0, "transA"), (3, "transB"))
    )
    total = _multiply(call, first, second, (call.value(2), call.value(5)))
    if call.has(6):
        total = elementwise(tf.add, [total, as_float(call.value(6))], _FLOAT)
    alpha = np.float32(call.attribute("alpha", 1.0))
    left = elementwise(lambda a: a * alpha, [as_number(call.value(1))], _FLOAT)
    right = as_number(call.value(4))
    if not call.has(7):
        return elementwise(lambda t, a, b: t * (a * b), [total, keep_apart(left), right], _FLOAT)
    zero = as_number(call.value(8))
    return _rescale(total, [left, right, as_number(call.value(7))], zero, zero.dtype)


def _multiply_to_float(call: Call) -> Value:
    """MatMulIntegerToFloat: both matrices, their scales, their zero points, a bias."""
    zeros = (call.optional(4), call.optional(5))
    total = _multiply(call, call.value(0), call.value(1), zeros)
    return _scale_sum(call, total, (call.value(2), call.value(3)), 6)


def _multiply_dynamically(call: Call) -> Value:
    """DynamicQuantizeMatMul: the first matrix becomes whole numbers of its own range."""
    whole, scale, zero = quantize_range(call.value(0))
    total = _multiply(call, whole, call.value(1), (zero, call.optional(3)))
    return _scale_sum(call, total, (scale, call.value(2)), 4)


def _scale_sum(call: Call, total: Value, scales: tuple[Value, Value], bias: int) -> Value:
    factor = elementwise(tf.multiply, [keep_apart(as_number(scale)) for scale in scales], _FLOAT)
    made = elementwise(tf.multiply, [total, factor], _FLOAT)
    return elementwise(tf.add, [made, call.value(bias)], _FLOAT) if call.has(bias) else made


def _unpack(packed: Any, bits: int, count: int) -> Any:
    """Return whole numbers of few bits that bytes hold along the last axis, the lowest first."""
    spread = np.unpackbits(packed, axis=-1, bitorder="little")
    digits = spread.reshape(*packed.shape[:-1], -1, bits)
    return (digits * (1 << np.arange(bits))).sum(-1)[..., :count]


def _multiply_packed(call: Call) -> Value:
    """MatMulNBits: a matrix of few bits, with a scale for each block of each column."""
    packed, scales = call.require(1, "matrix"), call.require(2, "scales")
    rows, columns = int(call.attribute("K")), int(call.attribute("N"))
    bits, size = int(call.attribute("bits", 4)), int(call.attribute("block_size"))
    blocks = -(-rows // size)
    whole = _unpack(packed.reshape(columns, blocks, -1), bits, size).astype(np.float32)
    zeros = np.float32(2 ** (bits - 1))
    if call.has(3):
        stated = call.require(3, "zero points")
        if stated.dtype == np.uint8:
            stated = _unpack(stated.reshape(columns, -1), bits, blocks)
        zeros = stated.astype(np.float32).reshape(columns, blocks, 1)
    if call.has(4) and np.any(call.require(4, "order of rows") != np.arange(rows) // size):
        raise call.refuse("its rows are grouped in another order")
    real = (whole - zeros) * scales.astype(np.float32).reshape(columns, blocks, 1)
    matrix = np.ascontiguousarray(real.reshape(columns, -1)[:, :rows].T)
    made = matmul(call.value(0), constant(matrix), call.value(0).dtype)
    return elementwise(tf.add, [made, call.value(5)]) if call.has(5) else made


RULES: Table = {
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "DynamicQuantizeLinear": _quantize_range,
    "MatMulInteger": _multiply_integers,
    "ConvInteger": _convolve_integers,
    "QLinearConv": _convolve_quantized,
    "QLinearMatMul": _multiply_quantized,
}

MICROSOFT: Table = {
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "DynamicQuantizeMatMul": _multiply_dynamically,
    "MatMulIntegerToFloat": _multiply_to_float,
    "MatMulNBits": _multiply_packed,
    "QGemm": _gemm_quantized,
}
