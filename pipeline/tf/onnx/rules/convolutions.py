"""Convolutions, products of matrices."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.convolution import Window, convolve
from pipeline.tf.layout.deconvolution import deconvolve
from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.matmul import matmul
from pipeline.tf.layout.reshape import reshape
from pipeline.tf.layout.sizes import Size, is_known, product
from pipeline.tf.layout.value import Value, transpose, wrap
from pipeline.tf.onnx.call import Call, Table


def window_of(call: Call, size: Sequence[Size], space: Sequence[Size]) -> Window:
    """Return the window of a convolution or pool.

    Args:
        call: The operator.
        size: The size of the window, where the operator does not state it.
        space: The sizes of the axes that it moves over.
    """
    shape = [int(n) for n in call.attribute("kernel_shape", size)]
    count = len(shape)
    strides = [int(n) for n in call.attribute("strides", [1] * count)]
    dilations = [int(n) for n in call.attribute("dilations", [1] * count)]
    pads = [int(n) for n in call.attribute("pads", [0] * 2 * count)]
    automatic = call.attribute("auto_pad", "NOTSET")
    before, after = pads[:count], pads[count:]
    if automatic == "VALID":
        before, after = [0] * count, [0] * count
    elif automatic in ("SAME_UPPER", "SAME_LOWER"):
        before, after = [], []
        for length, n, stride, dilation in zip(space, shape, strides, dilations, strict=True):
            if not is_known(length):
                if stride != 1:
                    raise call.refuse("auto_pad over an axis of a size that is not known")
                total = (n - 1) * dilation
            else:
                reach = (n - 1) * dilation + 1
                total = max((-(-length // stride) - 1) * stride + reach - length, 0)
            less, more = total // 2, total - total // 2
            before.append(less if automatic == "SAME_UPPER" else more)
            after.append(more if automatic == "SAME_UPPER" else less)
    return Window(size=shape, strides=strides, dilations=dilations, before=before, after=after)


def _convolve(call: Call) -> Value:
    value, kernel = call.value(0), call.value(1)
    window = window_of(call, kernel.sizes[2:], value.sizes[2:])
    bias = call.value(2) if call.has(2) else None
    return convolve(value, kernel, bias, window, int(call.attribute("group", 1)))


def _deconvolve(call: Call) -> Value:
    value, kernel = call.value(0), call.value(1)
    window = window_of(call.replaced(call.inputs, auto_pad="NOTSET"), kernel.sizes[2:], ())
    extra = [int(n) for n in call.attribute("output_padding", [0] * len(window.size))]
    wanted = call.attribute("output_shape")
    automatic = call.attribute("auto_pad", "NOTSET")
    if wanted is not None or automatic in ("SAME_UPPER", "SAME_LOWER"):
        window = _fit(call, window, value.sizes[2:], extra, wanted)
    bias = call.value(2) if call.has(2) else None
    groups = int(call.attribute("group", 1))
    return deconvolve(value, kernel, bias, window, groups=groups, extra=extra)


def _fit(
    call: Call,
    window: Window,
    space: Sequence[Size],
    extra: Sequence[int],
    wanted: Sequence[int] | None,
) -> Window:
    """Return a window whose cuts give the wanted sizes; those of the input times the strides."""
    before, after = [], []
    for place, stride in enumerate(window.strides):
        # size * stride + reach - stride + extra - total = wanted
        if wanted is None:
            total = window.reach[place] - stride + extra[place]
        elif is_known(length := space[place]):
            full = (length - 1) * stride + window.reach[place] + extra[place]
            total = full - int(wanted[-len(window.size) :][place])
        else:
            raise call.refuse("output_shape over an axis of a size that is not known")
        less, more = total // 2, total - total // 2
        upper = call.attribute("auto_pad", "NOTSET") == "SAME_UPPER"
        before.append(less if upper else more)
        after.append(more if upper else less)
    return Window(
        size=window.size,
        strides=window.strides,
        dilations=window.dilations,
        before=before,
        after=after,
    )


def _matmul(call: Call) -> Value:
    """MatMul: the third input is a bias that `fold_norms` has put there."""
    bias = call.value(2) if call.has(2) else None
    return matmul(call.value(0), call.value(1), bias=bias)


def _gemm(call: Call) -> Value:
    """Gemm: alpha * A * B + beta * C."""
    alpha, beta = float(call.attribute("alpha", 1.0)), float(call.attribute("beta", 1.0))
    values = [
        transpose(call.value(index), (1, 0)) if call.attribute(name, 0) else call.value(index)
        for index, name in ((0, "transA"), (1, "transB"))
    ]
    if alpha != 1.0 and values[1].is_known:
        values[1] = _scale(values[1], alpha)
        alpha = 1.0
    made = matmul(values[0], values[1])
    if alpha != 1.0:
        made = elementwise(lambda a: a * alpha, [made])
    if not call.has(2) or beta == 0.0:
        return made
    bias = call.value(2)
    if bias.is_known and beta != 1.0:
        bias, beta = _scale(bias, beta), 1.0
    if beta != 1.0:
        bias = elementwise(lambda a: a * beta, [bias])
    if bias.rank and bias.sizes[-1] == made.sizes[-1] == product(bias.sizes):
        # TensorFlow fuses the addition of one row, and then wants a vector.
        row = reshape(bias, bias.sizes[-1:]).tensor
        return wrap(tf.nn.bias_add(made.tensor, row), made.dtype, sizes=made.sizes)
    return elementwise(tf.add, [made, bias])


def _scale(value: Value, factor: float) -> Value:
    array = (value.array.astype(np.float64) * factor).astype(value.dtype)
    return wrap(array, value.dtype)


RULES: Table = {
    "Conv": _convolve,
    "ConvTranspose": _deconvolve,
    "MatMul": _matmul,
    "Gemm": _gemm,
}
