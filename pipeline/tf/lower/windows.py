"""Lowerings of ops on the space of images and volumes: blocks, patches, resizing, transposes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.lower.interpolation import bicubic_matrix, span_matrix
from pipeline.tf.lower.lowering_rule import (
    Lowering,
    NotLowered,
    NotNeeded,
    require_ndim,
    require_sizes,
    require_static,
    size_of,
)

_NUM_IMAGE_AXES = 4


def _space_to_depth(
    *,
    input: tf.Tensor,
    block_size: int,
    data_format: bytes,
    **_: Any,
) -> tf.Tensor:
    if data_format not in (b"NHWC", b"NCHW"):
        raise NotLowered(f"in the layout {data_format.decode()}")
    first = data_format == b"NCHW"
    image = tf.transpose(input, [0, 2, 3, 1]) if first else input
    rows, columns = size_of(image, 1) // block_size, size_of(image, 2) // block_size
    channels = size_of(image, 3)
    blocks = tf.reshape(image, tf.stack([-1, rows, block_size, columns, block_size, channels]))
    deep = tf.reshape(
        tf.transpose(blocks, [0, 1, 3, 2, 4, 5]),
        tf.stack([-1, rows, columns, channels * block_size**2]),
    )
    return tf.transpose(deep, [0, 3, 1, 2]) if first else deep


def _patches(
    *,
    images: tf.Tensor,
    ksizes: list[int],
    strides: list[int],
    rates: list[int],
    padding: bytes,
    **_: Any,
) -> tf.Tensor:
    """Gather the rows of all windows, then the columns, and join those of a window."""
    padded, counts = images, []
    for axis in (1, 2):
        padded, indices = _window(
            padded, axis, ksizes[axis], strides[axis], rates[axis], padding=padding
        )
        padded = tf.gather(padded, indices, axis=axis)
        counts.append(tf.size(indices) // ksizes[axis])
    channels = size_of(images, 3)
    windows = tf.reshape(
        padded, tf.stack([-1, counts[0], ksizes[1], counts[1], ksizes[2], channels])
    )
    return tf.reshape(
        tf.transpose(windows, [0, 1, 3, 2, 4, 5]),
        tf.stack([-1, *counts, ksizes[1] * ksizes[2] * channels]),
    )


def _window(  # a window over an axis
    images: tf.Tensor, axis: int, size: int, stride: int, rate: int, *, padding: bytes
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the image padded along an axis, and the indices of all windows end to end."""
    reach = (size - 1) * rate + 1
    length = size_of(images, axis)
    if padding == b"SAME":
        total = tf.maximum((-(-length // stride) - 1) * stride + reach - length, 0)
        paddings = [tf.constant([0, 0])] * _NUM_IMAGE_AXES
        paddings[axis] = tf.stack([total // 2, total - total // 2])
        images = tf.pad(images, tf.stack(paddings))
        length += total
    starts = tf.range(0, tf.maximum(length - reach + 1, 0), stride)
    inside = tf.range(0, reach, rate)
    return images, tf.reshape(tf.expand_dims(starts, 1) + inside, [-1])


def _resize_area(*, images: tf.Tensor, size: tf.Tensor, T: tf.DType, **options: Any) -> tf.Tensor:
    """Multiply by matrices: an op that resizes is linear, and the same along rows and columns.

    Its results for the unit vectors are the matrix to multiply by.
    """
    require_sizes(images, slice(1, 4))
    require_static(size, "size")
    return _multiply_axes(
        images,
        size,
        lambda before, after, _: _matrix(
            lambda units: tf.raw_ops.ResizeArea(images=units, size=[after, 1], **options),
            before,
            after,
        ),
    )


def _resize_cubic(*, images: tf.Tensor, size: tf.Tensor, T: tf.DType, **options: Any) -> tf.Tensor:
    """Multiply by matrices, which are computed where a size is known only in the run."""

    def fill(before: Any, after: Any, _: int) -> tf.Tensor:
        if not (isinstance(before, int) and isinstance(after, int)):
            return bicubic_matrix(before, after, **options)
        return _matrix(
            lambda units: tf.raw_ops.ResizeBicubic(images=units, size=[after, 1], **options),
            before,
            after,
        )

    return _multiply_axes(images, size, fill)


def _resize_nearest(
    *,
    images: tf.Tensor,
    size: tf.Tensor,
    align_corners: bool,
    half_pixel_centers: bool,
    **_: Any,
) -> tf.Tensor:
    """Gather the rows and columns that TensorFlow takes, where TensorFlow.js takes others."""
    before = require_sizes(images, slice(1, 3))
    after = require_static(size, "size").tolist()
    options = {"align_corners": align_corners, "half_pixel_centers": half_pixel_centers}
    chosen = [_nearest(*pair, **options) for pair in zip(before, after, strict=True)]
    formulas = [
        [_nearest_in_js(*pair, number, **options) for number in (np.float32, np.float64)]
        for pair in zip(before, after, strict=True)
    ]
    if all(
        np.array_equal(right, found)
        for right, both in zip(chosen, formulas, strict=True)
        for found in both
    ):
        raise NotNeeded
    rows, columns = (tf.constant(indices) for indices in chosen)
    return tf.gather(tf.gather(images, rows, axis=1), columns, axis=2)


def _nearest(before: int, after: int, **options: bool) -> Any:
    """Return the index that TensorFlow takes for each position along an axis."""
    numbers = np.arange(before, dtype=np.float32).reshape([1, before, 1, 1])
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        made = tf.raw_ops.ResizeNearestNeighbor(images=numbers, size=[after, 1], **options)
        return session.run(made).reshape(-1).astype(np.int32)


def _nearest_in_js(
    before: int, after: int, number: Any, *, align_corners: bool, half_pixel_centers: bool
) -> Any:
    """Return the index that TensorFlow.js takes: in float32 on wasm, in float64 on cpu."""
    less = 1 if align_corners and after > 1 else 0
    scale = number(before - less) / number(after - less)
    offset = number(0.5 if half_pixel_centers else 0)
    places = scale * (np.arange(after).astype(number) + offset)
    found = np.floor(places + number(0.5)) if align_corners else np.floor(places)
    return np.clip(found, 0, before - 1).astype(np.int32)


def _scale_and_translate(
    *,
    images: tf.Tensor,
    size: tf.Tensor,
    scale: tf.Tensor,
    translation: tf.Tensor,
    kernel_type: bytes,
    antialias: bool,
    **_: Any,
) -> tf.Tensor:
    scales, translations = tf.get_static_value(scale), tf.get_static_value(translation)

    def fill(before: Any, after: Any, axis: int) -> tf.Tensor:
        known = isinstance(before, int) and isinstance(after, int)
        if not known or scales is None or translations is None:
            return span_matrix(
                before,
                after,
                scale[axis],
                translation[axis],
                kernel=kernel_type.decode(),
                antialias=antialias,
            )
        return _matrix(
            lambda units: tf.raw_ops.ScaleAndTranslate(
                images=units,
                size=[after, 1],
                scale=[scales[axis], 1],
                translation=[translations[axis], 0],
                kernel_type=kernel_type,
                antialias=antialias,
            ),
            before,
            after,
        )

    return _multiply_axes(images, size, fill)


def _multiply_axes(
    images: tf.Tensor, size: tf.Tensor, fill: Callable[[Any, Any, int], tf.Tensor]
) -> tf.Tensor:
    """Multiply the rows, then the columns, by (after, before) matrices."""
    height, width, channels = (size_of(images, axis) for axis in (1, 2, 3))
    known = tf.get_static_value(size)
    rows, columns = (size[0], size[1]) if known is None else known.tolist()
    values = tf.cast(images, tf.float32)
    vertical, horizontal = fill(height, rows, 0), fill(width, columns, 1)
    tall = tf.matmul(vertical, tf.reshape(values, tf.stack([-1, height, width * channels])))
    wide = tf.matmul(horizontal, tf.reshape(tall, tf.stack([-1, width, channels])))
    return tf.reshape(wide, tf.stack([-1, rows, columns, channels]))


def _matrix(resize: Callable[[Any], tf.Tensor], before: int, after: int) -> tf.Tensor:
    """Return the (after, before) matrix of a resizing along one axis."""
    units = np.eye(before, dtype=np.float32).reshape([1, before, 1, before])
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        made = session.run(resize(tf.constant(units)))
    return tf.constant(made.reshape([after, before]))


def _convolve_transposed(
    *,
    input_sizes: tf.Tensor,
    filter: tf.Tensor,
    out_backprop: tf.Tensor,
    strides: list[int],
    padding: bytes,
    data_format: bytes,
    dilations: list[int],
    **_: Any,
) -> tf.Tensor:
    """Write zeros between the elements, and convolve with the reversed filter."""
    if data_format != b"NDHWC" or set(dilations) != {1}:
        raise NotLowered("with another layout or dilations")
    if require_ndim(filter) != len(strides):
        raise NotLowered("of another number of axes")
    kernel = require_sizes(filter, slice(0, 3))
    values, paddings = out_backprop, [tf.constant([0, 0])]
    for axis, (size, stride) in enumerate(zip(kernel, strides[1:4], strict=True), 1):
        length = (size_of(out_backprop, axis) - 1) * stride + 1
        values = _insert_zeros(values, axis, stride)
        wanted = tf.cast(input_sizes[axis], tf.int32)
        cut = tf.maximum(length - 1 + size - wanted, 0) // 2 if padding == b"SAME" else 0
        before = size - 1 - cut
        paddings.append(tf.stack([before, wanted - length + size - 1 - before]))
    padded = tf.pad(values, tf.stack([*paddings, tf.constant([0, 0])]))
    turned = tf.transpose(tf.reverse(filter, [0, 1, 2]), [0, 1, 2, 4, 3])
    return tf.nn.conv3d(padded, turned, [1] * len(strides), "VALID")


def _insert_zeros(volume: tf.Tensor, axis: int, stride: int) -> tf.Tensor:
    """Write stride - 1 zeros between the elements along an axis, and none after the last."""
    if stride == 1:
        return volume
    shape = tf.shape(volume)
    split = tf.reshape(volume, tf.concat([shape[: axis + 1], [1], shape[axis + 1 :]], 0))
    paddings = np.zeros([require_ndim(volume) + 1, 2], np.int32)
    paddings[axis + 1, 1] = stride - 1
    longer = tf.concat([shape[:axis], [shape[axis] * stride], shape[axis + 1 :]], 0)
    spread = tf.reshape(tf.pad(split, paddings), longer)
    return spread[(slice(None),) * axis + (slice(None, (size_of(volume, axis) - 1) * stride + 1),)]


_BY_MATRICES = "products with the matrices of its interpolation"

RULES = {
    "Conv3DBackpropInputV2": Lowering(
        lower=_convolve_transposed, becomes="Conv3D with zeros between the elements"
    ),
    "ExtractImagePatches": Lowering(lower=_patches, becomes="GatherV2 of rows and columns"),
    "ResizeArea": Lowering(lower=_resize_area, becomes=_BY_MATRICES),
    "ResizeBicubic": Lowering(lower=_resize_cubic, becomes=_BY_MATRICES),
    "ResizeNearestNeighbor": Lowering(
        lower=_resize_nearest,
        becomes="GatherV2 of rows and columns",
        why="TensorFlow.js rounds another way, and takes others",
    ),
    "ScaleAndTranslate": Lowering(lower=_scale_and_translate, becomes=_BY_MATRICES),
    "SpaceToDepth": Lowering(lower=_space_to_depth, becomes="Reshape and Transpose"),
}
