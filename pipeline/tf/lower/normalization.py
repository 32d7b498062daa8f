"""Lowerings of normalization, after TensorFlow's kernels (core/kernels/fused_batch_norm_op.cc).

A FusedBatchNorm that trains normalizes by the mean and variance of its input: Keras 2 writes layer
normalization so. TensorFlow.js reads both from the op's inputs, which are empty then, and returns
NaN without an error (executors/normalization_executor.ts).
"""

from typing import Any

import tensorflow as tf
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.tf.lower.lowering_rule import Lowering, require_ndim

_LAYOUTS = {b"NHWC": -1, b"NDHWC": -1, b"NCHW": 1, b"NCDHW": 1}


def _batch_norm(
    *,
    x: tf.Tensor,
    scale: tf.Tensor,
    offset: tf.Tensor,
    mean: tf.Tensor,
    variance: tf.Tensor,
    epsilon: float,
    data_format: bytes,
    num_outputs: int,
    exponential_avg_factor: float = 1.0,
    **_: Any,
) -> list[tf.Tensor]:
    values = tf.cast(x, scale.dtype)
    ndim = require_ndim(x)
    channel = _LAYOUTS[data_format] % ndim
    axes = [axis for axis in range(ndim) if axis != channel]
    sizes = [-1 if axis == channel else 1 for axis in range(ndim)]
    own_mean = tf.reduce_mean(values, axes, keepdims=True)
    centred = values - own_mean
    own_variance = tf.reduce_mean(tf.square(centred), axes, keepdims=True)
    factor = tf.reshape(scale, sizes) * tf.math.rsqrt(own_variance + epsilon)
    y = tf.cast(centred * factor + tf.reshape(offset, sizes), x.dtype)
    count = tf.cast(tf.size(x) / tf.size(scale), scale.dtype)
    unbiased = own_variance * (count / tf.maximum(count - 1.0, 1.0))
    # The last two are for its gradient.
    parts = (own_mean, unbiased, own_mean, own_variance)
    flat = [tf.reshape(part, [-1]) for part in parts]
    if exponential_avg_factor != 1.0:  # it averages with former batches
        share = tf.constant(exponential_avg_factor, scale.dtype)
        flat[:2] = [
            new * share + old * (1.0 - share)
            for new, old in zip(flat[:2], (mean, variance), strict=True)
        ]
    return [y, *flat, *([tf.zeros([0], scale.dtype)] * (num_outputs - 1 - len(flat)))]


def _batch_norm_of_five(**given: Any) -> list[tf.Tensor]:
    return _batch_norm(num_outputs=5, **given)


def _batch_norm_of_six(**given: Any) -> list[tf.Tensor]:
    return _batch_norm(num_outputs=6, **given)


def _trains(node: NodeDef) -> bool:
    # A file may leave out an attribute at its default.
    return "is_training" not in node.attr or bool(node.attr["is_training"].b)


def _lowering(rule: Any) -> Lowering:
    return Lowering(
        lower=rule,
        becomes="mean, variance and arithmetic",
        why="TensorFlow.js does not take the mean and variance of what it normalizes",
        applies=_trains,
    )


RULES = {
    "FusedBatchNorm": _lowering(_batch_norm_of_five),
    "FusedBatchNormV2": _lowering(_batch_norm_of_five),
    "FusedBatchNormV3": _lowering(_batch_norm_of_six),
}
