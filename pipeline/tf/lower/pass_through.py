"""Lowerings of ops that compute nothing, or the same as an op of another name."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import SMALL, Lowering, require_ndim, require_static


def _pass(name: str) -> Callable[..., tf.Tensor]:
    """Return a rule that passes on the input of this name."""
    return lambda **given: tf.identity(given[name])


def _placeholder(*, dtype: tf.DType, shape: tf.TensorShape, **_: Any) -> tf.Tensor:
    return tf.raw_ops.Placeholder(dtype=dtype, shape=shape)


def _print(**_: Any) -> list[tf.Tensor]:
    return []


def _accumulate(*, inputs: list[tf.Tensor], **_: Any) -> tf.Tensor:
    return tf.raw_ops.AddN(inputs=inputs)


def _parallel_concat(*, values: list[tf.Tensor], **_: Any) -> tf.Tensor:
    return tf.concat(values, 0)


def _bias_add(*, value: tf.Tensor, bias: tf.Tensor, **_: Any) -> tf.Tensor:
    return tf.nn.bias_add(value, bias)


def _bias_add_sum(*, value: tf.Tensor, bias: tf.Tensor, data_format: bytes, **_: Any) -> tf.Tensor:
    """Add along the second axis or the last one."""
    if data_format != b"NCHW":
        return value + bias
    return value + tf.reshape(bias, [-1] + [1] * (require_ndim(value) - 2))


def _shapes(*, input: list[tf.Tensor], out_type: tf.DType, **_: Any) -> list[tf.Tensor]:
    return [tf.shape(tensor, out_type) for tensor in input]


def _empty(*, shape: tf.Tensor, dtype: tf.DType, **_: Any) -> tf.Tensor:
    if dtype == tf.string:
        return tf.fill(shape, "")
    return tf.zeros(shape, dtype)


def _batch_matmul(
    *,
    x: tf.Tensor,
    y: tf.Tensor,
    Tout: tf.DType,
    adj_x: bool,
    adj_y: bool,
    **_: Any,
) -> tf.Tensor:
    x, y = tf.cast(x, Tout), tf.cast(y, Tout)
    return tf.raw_ops.BatchMatMulV2(x=x, y=y, adj_x=adj_x, adj_y=adj_y)


def _sparse_matmul(
    *, a: tf.Tensor, b: tf.Tensor, transpose_a: bool, transpose_b: bool, **_: Any
) -> tf.Tensor:
    a, b = tf.cast(a, tf.float32), tf.cast(b, tf.float32)
    return tf.raw_ops.MatMul(a=a, b=b, transpose_a=transpose_a, transpose_b=transpose_b)


def _space_to_batch(
    *,
    input: tf.Tensor,
    paddings: tf.Tensor,
    block_size: int,
    **_: Any,
) -> tf.Tensor:
    return tf.space_to_batch(input, [block_size, block_size], paddings)


def _batch_to_space(
    *,
    input: tf.Tensor,
    crops: tf.Tensor,
    block_size: int,
    **_: Any,
) -> tf.Tensor:
    return tf.raw_ops.BatchToSpaceND(
        input=input, block_shape=tf.constant([block_size, block_size]), crops=crops
    )


def _max_pool(
    *,
    input: tf.Tensor,
    ksize: tf.Tensor,
    strides: tf.Tensor,
    padding: bytes,
    data_format: bytes,
    **_: Any,
) -> tf.Tensor:
    return tf.raw_ops.MaxPool(
        input=input,
        ksize=require_static(ksize, "window").tolist(),
        strides=require_static(strides, "strides").tolist(),
        padding=padding,
        data_format=data_format,
    )


def _suppress(
    *,
    boxes: tf.Tensor,
    scores: tf.Tensor,
    max_output_size: tf.Tensor,
    iou_threshold: float,
    **_: Any,
) -> tf.Tensor:
    return tf.raw_ops.NonMaxSuppressionV2(
        boxes=boxes,
        scores=scores,
        max_output_size=max_output_size,
        iou_threshold=tf.constant(iou_threshold),
    )


def _transform(
    *,
    images: tf.Tensor,
    transforms: tf.Tensor,
    output_shape: tf.Tensor,
    interpolation: bytes,
    fill_mode: bytes,
    **_: Any,
) -> tf.Tensor:
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=output_shape,
        fill_value=tf.constant(0.0),
        interpolation=interpolation,
        fill_mode=fill_mode or b"CONSTANT",
    )


def _normalize(
    *,
    t: tf.Tensor,
    m: tf.Tensor,
    v: tf.Tensor,
    beta: tf.Tensor,
    gamma: tf.Tensor,
    variance_epsilon: float,
    scale_after_normalization: bool,
    **_: Any,
) -> tf.Tensor:
    scale = tf.math.rsqrt(v + tf.constant(variance_epsilon, v.dtype))
    if scale_after_normalization:
        scale *= gamma
    return (t - m) * scale + beta


def _pad_and_convolve(
    *,
    input: tf.Tensor,
    paddings: tf.Tensor,
    filter: tf.Tensor,
    mode: bytes,
    strides: list[int],
    padding: bytes,
    **_: Any,
) -> tf.Tensor:
    padded = tf.raw_ops.MirrorPad(input=input, paddings=paddings, mode=mode)
    return tf.raw_ops.Conv2D(input=padded, filter=filter, strides=strides, padding=padding)


def _switch(
    *, data: tf.Tensor, output_index: tf.Tensor, num_outs: int, **_: Any
) -> list[tf.Tensor]:
    """Test for each branch in turn; the last branch takes all other values."""
    branches = []
    for i in range(num_outs - 1):
        is_chosen = tf.equal(output_index, i)
        data, chosen = tf.raw_ops.Switch(data=data, pred=is_chosen)
        output_index, _ = tf.raw_ops.Switch(data=output_index, pred=is_chosen)
        branches.append(chosen)
    return [*branches, data]


def _empty_optional(**_: Any) -> tf.Tensor:
    """Return a tensor of a kind that TensorFlow.js can make; no op opens it."""
    return tf.raw_ops.EmptyTensorList(
        element_shape=tf.constant([], tf.int32),
        max_num_elements=tf.constant(0),
        element_dtype=tf.float32,
    )


def _matrix_fft(op: str) -> Callable[..., tf.Tensor]:
    raw = getattr(tf.raw_ops, op)
    return lambda *, input, **_: raw(input=input)


_ITSELF = "what it is of"

RULES = {
    "AccumulateNV2": Lowering(lower=_accumulate, becomes="AddN"),
    "BatchFFT": Lowering(lower=_matrix_fft("FFT"), becomes="FFT"),
    "BatchIFFT": Lowering(lower=_matrix_fft("IFFT"), becomes="IFFT"),
    "BatchMatMulV3": Lowering(lower=_batch_matmul, becomes="BatchMatMulV2"),
    "BatchNormWithGlobalNormalization": Lowering(
        lower=_normalize, becomes="(t - m) * Rsqrt(v) * gamma + beta"
    ),
    "BatchToSpace": Lowering(lower=_batch_to_space, becomes="BatchToSpaceND"),
    "BiasAdd": Lowering(
        lower=_bias_add_sum,
        becomes="AddV2",
        why="TensorFlow.js adds a bias to the last axis, and keeps no small types",
        applies=lambda node: (
            node.attr["data_format"].s == b"NCHW" or tf.as_dtype(node.attr["T"].type) in SMALL
        ),
    ),
    "BiasAddV1": Lowering(lower=_bias_add, becomes="BiasAdd"),
    "CheckNumerics": Lowering(lower=_pass("tensor"), becomes=_ITSELF),
    "CheckNumericsV2": Lowering(lower=_pass("tensor"), becomes=_ITSELF),
    "Copy": Lowering(lower=_pass("input"), becomes=_ITSELF),
    "CopyHost": Lowering(lower=_pass("input"), becomes=_ITSELF),
    "DebugGradientIdentity": Lowering(lower=_pass("input"), becomes=_ITSELF),
    "DeepCopy": Lowering(lower=_pass("x"), becomes=_ITSELF),
    "Empty": Lowering(lower=_empty, becomes="Fill with 0"),
    "EnsureShape": Lowering(
        lower=_pass("input"),
        becomes=_ITSELF,
        why="TensorFlow.js 4 looks for its shape among its inputs",
    ),
    "FusedPadConv2D": Lowering(lower=_pad_and_convolve, becomes="MirrorPad and Conv2D"),
    "GuaranteeConst": Lowering(lower=_pass("input"), becomes=_ITSELF),
    "ImageProjectiveTransformV2": Lowering(lower=_transform, becomes="ImageProjectiveTransformV3"),
    "MaxPoolV2": Lowering(lower=_max_pool, becomes="MaxPool"),
    "NonMaxSuppression": Lowering(lower=_suppress, becomes="NonMaxSuppressionV2"),
    "OptionalFromValue": Lowering(lower=_empty_optional, becomes="an empty list that nobody reads"),
    "OptionalNone": Lowering(lower=_empty_optional, becomes="an empty list that nobody reads"),
    "ParallelConcat": Lowering(lower=_parallel_concat, becomes="ConcatV2"),
    "PlaceholderV2": Lowering(lower=_placeholder, becomes="Placeholder"),
    "PreventGradient": Lowering(lower=_pass("input"), becomes=_ITSELF),
    "PrintV2": Lowering(lower=_print, becomes="nothing: a page has no terminal"),
    "RefIdentity": Lowering(lower=_pass("input"), becomes=_ITSELF),
    "ShapeN": Lowering(
        lower=_shapes, becomes="a Shape for each", why="TensorFlow.js returns float32"
    ),
    "SpaceToBatch": Lowering(lower=_space_to_batch, becomes="SpaceToBatchND"),
    "SparseMatMul": Lowering(lower=_sparse_matmul, becomes="MatMul"),
    "_SwitchN": Lowering(lower=_switch, becomes="a Switch for each branch"),
    "XlaSharding": Lowering(lower=_pass("input"), becomes=_ITSELF),
}
