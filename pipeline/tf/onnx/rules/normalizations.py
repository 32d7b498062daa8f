"""Normalizations: by constants, by the mean and variance of some axes, by a norm, by neighbours."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.reshape import reshape
from pipeline.tf.layout.sizes import Size, is_known
from pipeline.tf.layout.value import Value, arrange, constant, wrap
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.fold_norms import fold_statistics
from pipeline.tf.onnx.rules.reductions import reduce

_EPSILON = 1e-5


def _per_channel(value: Value, rank: int) -> Value:
    """Return a vector as (channels, 1, …), for values (batch, channels, space …)."""
    return reshape(value, (value.sizes[0], *(1,) * (rank - 2)))


def _normalize_batch(call: Call) -> Any:
    """BatchNormalization: two operations where its numbers are constants."""
    value = call.value(0)
    parts = [call.value(index) for index in range(1, 5)]
    epsilon = float(call.attribute("epsilon", _EPSILON))
    is_training = call.attribute("training_mode", 0) or (
        call.version < 14 and len([name for name in call.node.outputs if name]) > 1  # noqa: PLR2004
    )
    if is_training:
        return _train_batch(call, value, parts, epsilon)
    if not all(part.is_known for part in parts):
        wide = [_per_channel(part, value.rank) for part in parts]
        return _apply(value, wide[2], wide[3], wide[:2], epsilon)
    factor, summand = fold_statistics(epsilon, *(part.array for part in parts))
    numbers = [
        _per_channel(constant(array.astype(np.float32)), value.rank) for array in (factor, summand)
    ]
    return elementwise(lambda a, f, s: a * f + s, [value, *numbers])


def _train_batch(call: Call, value: Value, parts: Sequence[Value], epsilon: float) -> list[Value]:
    """Normalize by the numbers of the batch itself; return the running ones besides."""
    if call.version < 14:  # noqa: PLR2004  # older versions leave open how the variance counts
        raise call.refuse("it trains")
    axes = [axis for axis in range(value.rank) if axis != 1]
    mean, variance = _moments(value, axes)
    wide = [_per_channel(part, value.rank) for part in parts[:2]]
    share = float(call.attribute("momentum", 0.9))
    running = [
        elementwise(
            lambda old, new: old * share + new * (1 - share),
            [part, reshape(own, (value.sizes[1],))],
        )
        for part, own in zip(parts[2:], (mean, variance), strict=True)
    ]
    return [_apply(value, mean, variance, wide, epsilon), *running]


def _moments(value: Value, axes: Sequence[int]) -> tuple[Value, Value]:
    """Return the mean and the variance along axes, which stay with size 1."""
    mean = reduce(_mean, value, list(axes), keep=True)
    squares = elementwise(tf.math.squared_difference, [value, mean])
    return mean, reduce(_mean, squares, list(axes), keep=True)


def _mean(tensor: Any, axes: list[int], keep: bool) -> Any:  # noqa: FBT001  # as all reductions
    return tf.reduce_mean(tensor, axis=axes, keepdims=keep)


def _apply(
    value: Value, mean: Value, variance: Value, numbers: Sequence[Value], epsilon: float
) -> Value:
    """Return (value - mean) / sqrt(variance + epsilon), times and plus numbers."""
    factor = elementwise(lambda a: tf.math.rsqrt(a + epsilon), [variance])
    if numbers:
        factor = elementwise(tf.multiply, [factor, numbers[0]])
    centred = elementwise(tf.subtract, [value, mean])
    made = elementwise(tf.multiply, [centred, factor])
    return elementwise(tf.add, [made, numbers[1]]) if len(numbers) > 1 else made


def _normalize_instance(call: Call) -> Value:
    value = call.value(0)
    numbers = [_per_channel(call.value(index), value.rank) for index in (1, 2)]
    mean, variance = _moments(value, range(2, value.rank))
    return _apply(value, mean, variance, numbers, float(call.attribute("epsilon", _EPSILON)))


def _normalize_groups(call: Call) -> Value:
    """GroupNormalization: scale and bias are per group before version 21, then per channel."""
    value = call.value(0)
    groups, channels = int(call.attribute("num_groups")), value.sizes[1]
    if not is_known(channels):
        raise call.refuse("the number of channels is not known")
    inner = channels // groups
    space = value.sizes[2:]
    wide = reshape(value, (value.sizes[0], groups, inner, *space))
    own: Size = 1 if call.version < 21 else inner  # noqa: PLR2004
    ones = (1,) * len(space)
    numbers = [reshape(call.value(index), (groups, own, *ones)) for index in (1, 2)]
    mean, variance = _moments(wide, range(2, wide.rank))
    made = _apply(wide, mean, variance, numbers, float(call.attribute("epsilon", _EPSILON)))
    return reshape(made, value.sizes)


def _normalize_layer(call: Call) -> list[Value]:
    """LayerNormalization: its other outputs are the mean and the inverse of the deviation."""
    value = call.value(0)
    axes = range(call.axis(-1), value.rank)
    epsilon = float(call.attribute("epsilon", _EPSILON))
    mean, variance = _moments(value, axes)
    numbers = [call.value(index) for index in (1, 2) if call.has(index)]
    made = _apply(value, mean, variance, numbers, epsilon)
    inverse = elementwise(lambda a: tf.math.rsqrt(a + epsilon), [variance])
    return [made, mean.with_dtype("float32"), inverse.with_dtype("float32")]


def _normalize_square(call: Call) -> Value:
    """RMSNormalization: divide by the root of the mean of squares."""
    value = call.value(0)
    axes = list(range(call.axis(-1), value.rank))
    epsilon = float(call.attribute("epsilon", _EPSILON))
    squares = reduce(_mean, elementwise(tf.square, [value]), axes, keep=True)
    factor = elementwise(lambda a: tf.math.rsqrt(a + epsilon), [squares])
    made = elementwise(tf.multiply, [value, factor])
    return elementwise(tf.multiply, [made, call.value(1)])


def _normalize_norm(call: Call) -> Value:
    """LpNormalization: what is zero stays zero."""
    value = call.value(0)
    axis, power = call.axis(-1), int(call.attribute("p", 2))

    def norm(tensor: Any, axes: list[int], keep: bool) -> Any:  # noqa: FBT001
        if power == 1:
            return tf.reduce_sum(tf.abs(tensor), axis=axes, keepdims=keep)
        return tf.sqrt(tf.reduce_sum(tf.square(tensor), axis=axes, keepdims=keep))

    size = reduce(norm, value, [axis], keep=True)
    size = elementwise(lambda a: tf.where(tf.equal(a, 0.0), tf.ones_like(a), a), [size])
    return elementwise(tf.divide, [value, size])


def _normalize_mean(call: Call) -> Value:
    """MeanVarianceNormalization: as its function has it, 1e-9 is added to the deviation."""
    value = call.value(0)
    axes = [call.from_front(int(a), value.rank) for a in call.attribute("axes", (0, 2, 3))]
    mean, variance = _moments(value, axes)
    centred = elementwise(tf.subtract, [value, mean])
    deviation = elementwise(lambda a: tf.sqrt(a) + 1e-9, [variance])
    return elementwise(tf.divide, [centred, deviation])


def _normalize_neighbours(call: Call) -> Value:
    """LRN: divide by a power of the sum of squares of neighbouring channels."""
    value = call.value(0)
    size = int(call.attribute("size"))
    alpha = float(call.attribute("alpha", 1e-4)) / size
    beta, bias = float(call.attribute("beta", 0.75)), float(call.attribute("bias", 1.0))
    order = (0, *range(2, value.rank), 1)
    held = arrange(value, order).tensor
    if size % 2 and value.rank == 4:  # noqa: PLR2004  # what the op knows
        made = tf.nn.local_response_normalization(held, size // 2, bias, alpha, beta)
    else:
        total = _sum_neighbours(tf.square(held), size)
        made = held * tf.pow(total * alpha + bias, -beta)
    return wrap(made, value.dtype, order=order, sizes=value.sizes)


def _sum_neighbours(held: Any, size: int) -> Any:
    """Return the sums of windows over the last axis, each around its element or before it."""
    before = (size - 1) // 2
    pads = [(0, 0)] * (len(held.shape) - 1) + [(before, size - 1 - before)]
    padded = tf.pad(held, pads)
    return tf.add_n([padded[..., place : place - size + 1 or None] for place in range(size)])


RULES: Table = {
    "BatchNormalization": _normalize_batch,
    "InstanceNormalization": _normalize_instance,
    "GroupNormalization": _normalize_groups,
    "LayerNormalization": _normalize_layer,
    "RMSNormalization": _normalize_square,
    "LpNormalization": _normalize_norm,
    "MeanVarianceNormalization": _normalize_mean,
    "LRN": _normalize_neighbours,
}
