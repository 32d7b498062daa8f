"""Convolutions, dense layers and products of matrices.

TensorFlow Lite keeps kernels as OHWI, TensorFlow as HWIO; constants are laid out anew here, so
that the graph holds no transposition. Where the output is quantized, whole numbers are summed
and the sum is scaled once: input_scale * kernel_scale / output_scale, in float32, as XNNPACK has
it.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.tflite.call import (
    Call,
    Row,
    Table,
    activate,
    is_held_as_integers,
    quantize,
)
from pipeline.tf.tflite.rounding import clip, half_even, note_sums

_PADDINGS = {0: "SAME", 1: "VALID"}
_SHUFFLED = 1
# Below all sums of whole numbers.
_LEAST = -(2.0**40)


def lay_out(value: Any, order: tuple[int, ...]) -> Any:
    """Return a kernel with its axes in another order."""
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(np.transpose(value, order))
    return tf.transpose(value, order)


def padding_of(call: Call) -> str:
    """Return the padding of an operator: "SAME" or "VALID"."""
    return _PADDINGS[call.option("padding")]


def _strides(call: Call) -> list[int]:
    return [1, call.option("strideH", 1), call.option("strideW", 1), 1]


def _dilations(call: Call) -> list[int]:
    return [call.option("dilationHFactor", 1), call.option("dilationWFactor", 1)]


def _convolve(call: Call, value: Any, kernel: Any) -> Any:
    return tf.nn.conv2d(
        value,
        lay_out(kernel, (1, 2, 3, 0)),
        strides=_strides(call),
        padding=padding_of(call),
        dilations=_dilations(call),
    )


def _convolve_depthwise(call: Call, value: Any, kernel: Any) -> Any:
    """Convolve each channel by itself; the kernel is 1HWC, all multiples of a channel together."""
    channels = value.shape[-1] if value.shape.rank else None
    total = kernel.shape[-1]
    height, width = kernel.shape[1:3]
    multiplier = total // channels if channels else call.option("depthMultiplier", 1)
    shape = (height, width, total // multiplier, multiplier)
    reshaped = (
        kernel.reshape(shape) if isinstance(kernel, np.ndarray) else tf.reshape(kernel, shape)
    )
    strides, dilations = _strides(call), _dilations(call)
    if strides[1] == strides[2] or dilations != [1, 1]:
        return tf.nn.depthwise_conv2d(
            value, reshaped, strides=strides, padding=padding_of(call), dilations=dilations
        )
    # TensorFlow has equal strides only: two strides are a step of the smaller one, thinned out.
    padded = (
        value if padding_of(call) == "VALID" else _pad_same(value, (height, width), strides[1:3])
    )
    full = tf.nn.depthwise_conv2d(padded, reshaped, strides=[1, 1, 1, 1], padding="VALID")
    return full[:, :: strides[1], :: strides[2], :]


def _pad_same(value: Any, window: tuple[int, int], strides: list[int]) -> Any:
    """Pad as SAME does for a window and strides."""
    pads = [(0, 0)]
    for axis, (size, stride) in enumerate(zip(window, strides, strict=True), start=1):
        length = value.shape[axis]
        total = max((-(-length // stride) - 1) * stride + size - length, 0)
        pads.append((total // 2, total - total // 2))
    return tf.pad(value, [*pads, (0, 0)])


def _convolve_3d(call: Call) -> Any:
    value = tf.nn.conv3d(
        call.real(0),
        call.real(1),
        strides=[
            1,
            call.option("strideD", 1),
            call.option("strideH", 1),
            call.option("strideW", 1),
            1,
        ],
        padding=padding_of(call),
        dilations=[1, call.option("dilationDFactor", 1), *_dilations(call), 1],
    )
    return _finish(call, value)


def _transpose_3d(call: Call) -> Any:
    strides = [
        1,
        call.option("strideD", 1),
        call.option("strideH", 1),
        call.option("strideW", 1),
        1,
    ]
    value = tf.nn.conv3d_transpose(
        call.real(2), call.real(1), call.real(0), strides=strides, padding=padding_of(call)
    )
    if call.has(3):
        value += call.bias(3)
    return activate(value, call.option("fusedActivationFunction"))


def _transpose_2d(call: Call, value: Any, kernel: Any) -> Any:
    return tf.nn.conv2d_transpose(
        value,
        lay_out(kernel, (1, 2, 0, 3)),
        _output_shape(call, value),
        strides=_strides(call),
        padding=padding_of(call),
    )


def _output_shape(call: Call, value: Any) -> Any:
    """Return the shape of a deconvolution, whose first size may be that of its input."""
    stated = call.known(0)
    if stated is None:
        return call.real(0)
    batch = value.shape[0]
    return [tf.shape(value)[0] if batch is None else batch, *[int(n) for n in stated[1:]]]


def _dense(call: Call, value: Any, weights: Any) -> Any:
    """Multiply by a matrix of (outputs, inputs); other axes than the last are kept or flattened."""
    if call.option("weightsFormat") == _SHUFFLED:
        raise call.refuse("its weights are shuffled for one kind of processor")
    if call.option("keepNumDims"):
        if value.shape.rank == 2:  # noqa: PLR2004  # a matrix
            return tf.matmul(value, lay_out(weights, (1, 0)))
        flat = tf.matmul(tf.reshape(value, [-1, weights.shape[1]]), lay_out(weights, (1, 0)))
        return tf.reshape(flat, _kept_shape(value, int(weights.shape[0])))
    if value.shape.rank != 2 or value.shape[1] != weights.shape[1]:  # noqa: PLR2004
        value = tf.reshape(value, [-1, weights.shape[1]])
    return tf.matmul(value, lay_out(weights, (1, 0)))


def _kept_shape(value: Any, size: int) -> Any:
    sizes = value.shape.as_list()[:-1]
    if sizes.count(None) <= 1:
        return [*[-1 if n is None else n for n in sizes], size]
    return tf.concat([tf.shape(value)[:-1], [size]], 0)


def _finish(call: Call, value: Any, bias: int = 2) -> Any:
    if call.has(bias):
        value = value + call.bias(bias)
    return activate(value, call.option("fusedActivationFunction"))


def _real(product: Any, data: int = 0, bias: int = 2) -> Any:
    def build(call: Call) -> Any:
        value = tf.convert_to_tensor(call.real(data))
        return _finish(call, product(call, value, call.real(1)), bias)

    return build


def _integer(product: Any, data: int = 0, bias: int = 2) -> Any:
    """Return a builder for whole numbers; with real values where an input is not quantized."""
    real = _real(product, data, bias)

    def build(call: Call) -> Any:
        own, kernel, target = call.spec(data), call.spec(1), call.outputs[0]
        if not (is_held_as_integers(own) and is_held_as_integers(kernel)):
            return quantize(real(call), target)
        assert own.quantization is not None
        assert kernel.quantization is not None
        assert target.quantization is not None
        weights = call.held[1]
        total = product(call, tf.convert_to_tensor(call.held[data]), weights)
        if isinstance(weights, np.ndarray):
            is_depthwise = call.operator.name == "DEPTHWISE_CONV_2D"
            summed = (0, 1, 2) if is_depthwise else tuple(range(1, weights.ndim))
            note_sums(call, own, weights, summed)
            call.state.kernels[hash(weights.tobytes())] = weights.size
        if call.has(bias) and np.any(call.held[bias]):
            total = total + call.held[bias].astype(np.float32)
        else:
            # Else the optimizer moves the factors into the kernel, which then has fractions.
            total = tf.maximum(total, np.float32(_LEAST))
        factors = (own.quantization.scale * kernel.quantization.scales.astype(np.float32)).astype(
            np.float32
        ) / target.quantization.scale
        factors = factors.astype(np.float32)
        return clip(half_even(total * (factors if len(factors) > 1 else factors[0])), call)

    return build


def _matmul(call: Call) -> Any:
    first, second = call.real(0), call.real(1)
    return tf.matmul(
        first,
        second,
        adjoint_a=bool(call.option("adjX")),
        adjoint_b=bool(call.option("adjY")),
    )


def _matmul_integers(call: Call) -> Any:
    if not all(is_held_as_integers(call.spec(i)) for i in (0, 1)):
        return quantize(_matmul(call), call.outputs[0])
    total = tf.matmul(
        call.held[0],
        call.held[1],
        transpose_a=bool(call.option("adjX")),
        transpose_b=bool(call.option("adjY")),
    )
    scales = [each.quantization.scale for each in (call.spec(0), call.spec(1), call.outputs[0])]  # type: ignore[union-attr]
    return clip(half_even(total * np.float32(scales[0] * scales[1] / scales[2])), call)


def _deconvolve_media_pipe(call: Call) -> Any:
    """Convolution2DTransposeBias: padding and strides are its options, three int32."""
    options = np.frombuffer(call.operator.custom_options[:12], "<i4")
    if len(options) < 3:  # noqa: PLR2004
        raise call.refuse("its options are cut off")
    padding, stride_width, stride_height = (int(n) for n in options)
    value, kernel = tf.convert_to_tensor(call.real(0)), call.real(1)
    strides = [stride_height, stride_width]
    name = "SAME" if padding == 1 else "VALID"
    sizes = [
        value.shape[i + 1] * strides[i]
        if padding == 1
        else (value.shape[i + 1] - 1) * strides[i] + kernel.shape[i + 1]
        for i in range(2)
    ]
    batch = tf.shape(value)[0] if value.shape[0] is None else value.shape[0]
    made = tf.nn.conv2d_transpose(
        value,
        lay_out(kernel, (1, 2, 0, 3)),
        [batch, *sizes, kernel.shape[0]],
        strides=strides,
        padding=name,
    )
    return made + call.real(2) if call.has(2) else made


ROWS: Table = {
    "CONV_2D": Row(build=_real(_convolve), integer=_integer(_convolve)),
    "DEPTHWISE_CONV_2D": Row(
        build=_real(_convolve_depthwise), integer=_integer(_convolve_depthwise)
    ),
    "TRANSPOSE_CONV": Row(build=_real(_transpose_2d, 2, 3), integer=_integer(_transpose_2d, 2, 3)),
    "FULLY_CONNECTED": Row(build=_real(_dense), integer=_integer(_dense)),
    "CONV_3D": Row(build=_convolve_3d),
    "CONV_3D_TRANSPOSE": Row(build=_transpose_3d),
    "BATCH_MATMUL": Row(build=_matmul, integer=_matmul_integers),
    "Convolution2DTransposeBias": Row(build=_deconvolve_media_pipe),
}
