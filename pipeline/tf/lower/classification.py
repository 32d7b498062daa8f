"""Lowerings on scores of classes: losses, the best classes, and rounding to steps.

The formulas are those of tensorflow/core/kernels: xent_op.h, sparse_xent_op.h, in_topk_op.h,
quantize_and_dequantize_op.h.
"""

from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotLowered, require_ndim, require_static


def _cross_entropy(*, features: tf.Tensor, labels: tf.Tensor, **_: Any) -> list[tf.Tensor]:
    """Return the loss of each row, and its gradient by the features."""
    shape = tf.broadcast_dynamic_shape(tf.shape(features), tf.shape(labels))
    logits, wanted = tf.broadcast_to(features, shape), tf.broadcast_to(labels, shape)
    logarithms = tf.nn.log_softmax(logits)
    zero = tf.zeros([], features.dtype)
    parts = tf.where(tf.equal(wanted, zero), zero, wanted * logarithms)
    return [-tf.reduce_sum(parts, -1), tf.exp(logarithms) - wanted]


def _sparse_cross_entropy(*, features: tf.Tensor, labels: tf.Tensor, **_: Any) -> list[tf.Tensor]:
    classes = tf.range(tf.shape(features)[1])
    is_label = tf.equal(tf.cast(labels, tf.int32)[:, None], classes[None])
    return _cross_entropy(features=features, labels=tf.cast(is_label, features.dtype))


def _in_top(*, predictions: tf.Tensor, targets: tf.Tensor, k: Any, **_: Any) -> tf.Tensor:
    """Return whether fewer than k classes score more; of a row with NaN or infinity, no."""
    classes = tf.range(tf.shape(predictions)[1])
    is_target = tf.equal(tf.cast(targets, tf.int32)[:, None], classes[None])
    is_finite = tf.reduce_all(tf.math.is_finite(predictions), 1)
    score = tf.reduce_sum(tf.where(is_target, predictions, tf.zeros_like(predictions)), 1)
    more = tf.reduce_sum(tf.cast(predictions > score[:, None], tf.int32), 1)
    is_in = tf.logical_and(more < tf.cast(k, tf.int32), tf.reduce_any(is_target, 1))
    return tf.logical_and(is_in, is_finite)


def _approximate_top(
    *, input: tf.Tensor, k: int, reduction_dimension: int, is_max_k: bool, **_: Any
) -> list[tf.Tensor]:
    """Return the exact ones, as TensorFlow's own kernel for processors does."""
    if reduction_dimension != -1 or not is_max_k:
        raise NotLowered("TensorFlow computes it on accelerators only")
    return list(tf.math.top_k(input, k))


def _quantize_and_dequantize(  # the op's own inputs and attributes
    *,
    input: tf.Tensor,
    input_min: tf.Tensor,
    input_max: tf.Tensor,
    num_bits: Any,
    signed_input: bool,
    range_given: bool,
    narrow_range: bool,
    axis: int,
    round_mode: bytes = b"HALF_TO_EVEN",
    **_: Any,
) -> tf.Tensor:
    """Round to steps that both ends of the range allow."""
    bits = int(require_static(num_bits, "number of bits")) if tf.is_tensor(num_bits) else num_bits
    most = 2 ** (bits - 1) - 1 if signed_input else 2**bits - 1
    least = -most - (not narrow_range) if signed_input else 0
    low, high = _read_range(input, input_min, input_max, axis, is_given=range_given)
    limit = tf.float32.max
    from_low = tf.where(least * low > 0, least / _not_zero(low), tf.cast(limit, low.dtype))
    from_high = tf.where(most * high > 0, most / _not_zero(high), tf.cast(limit, low.dtype))
    is_low = tf.less(from_low, from_high)
    scale = tf.where(is_low, from_low, from_high)
    step = tf.where(is_low, low / (least or 1), high / most)
    if range_given:
        first = tf.where(is_low, low, least * step)
        last = tf.where(is_low, most * step, high)
        input = tf.minimum(tf.maximum(input, first), last)
    scaled = input * scale
    is_up = round_mode == b"HALF_UP"
    return (tf.floor(scaled + 0.5) if is_up else tf.round(scaled)) * step


def _not_zero(x: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.equal(x, 0), tf.ones_like(x), x)


def _read_range(
    input: tf.Tensor, low: tf.Tensor, high: tf.Tensor, axis: int, *, is_given: bool
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return both ends, for the whole tensor or for each place along an axis."""
    if axis < 0:
        return (low, high) if is_given else (tf.reduce_min(input), tf.reduce_max(input))
    ndim = require_ndim(input)
    others = [i for i in range(ndim) if i != axis]
    if not is_given:
        return (
            tf.reduce_min(input, others, keepdims=True),
            tf.reduce_max(input, others, keepdims=True),
        )
    shape = [-1 if i == axis else 1 for i in range(ndim)]
    return tf.reshape(low, shape), tf.reshape(high, shape)


_ROUNDED = "the rounding that it stands for"

RULES = {
    "ApproxTopK": Lowering(lower=_approximate_top, becomes="TopKV2"),
    "InTopK": Lowering(lower=_in_top, becomes="a count of the scores above"),
    "InTopKV2": Lowering(lower=_in_top, becomes="a count of the scores above"),
    **{
        f"QuantizeAndDequantize{version}": Lowering(
            lower=_quantize_and_dequantize, becomes=_ROUNDED, is_final=True
        )
        for version in ("V2", "V3", "V4")
    },
    "SoftmaxCrossEntropyWithLogits": Lowering(
        lower=_cross_entropy, becomes="the Sum of labels and LogSoftmax"
    ),
    "SparseSoftmaxCrossEntropyWithLogits": Lowering(
        lower=_sparse_cross_entropy, becomes="the Sum of labels and LogSoftmax"
    ),
}
