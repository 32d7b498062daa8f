"""Lowering of CropAndResize by the nearest pixel.

The cpu backend computes places in float64 (tfjs-backend-cpu/src/kernels/CropAndResize.ts), so that
a place in the middle of two pixels of TensorFlow's float32 may go to the other one, and a place at
the border may be outside.
"""

from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotNeeded, require_sizes, require_static


def _crop(  # the op's
    *,
    image: tf.Tensor,
    boxes: tf.Tensor,
    box_ind: tf.Tensor,
    crop_size: tf.Tensor,
    method: bytes,
    extrapolation_value: float,
    **_: Any,
) -> tf.Tensor:
    if method != b"nearest":
        raise NotNeeded
    height, width = (int(size) for size in require_static(crop_size, "crop_size"))
    require_sizes(image, slice(3, 4))
    sizes = tf.shape(image)
    rows, above = _find_places(boxes[:, 0], boxes[:, 2], height, sizes[1])
    columns, beside = _find_places(boxes[:, 1], boxes[:, 3], width, sizes[2])
    starts = tf.expand_dims(box_ind, 1) * sizes[1] + rows
    places = tf.expand_dims(starts, 2) * sizes[2] + tf.expand_dims(columns, 1)
    pixels = tf.reshape(tf.cast(image, tf.float32), [-1, image.shape[3]])
    found = tf.gather(pixels, places)
    inside = tf.logical_and(tf.expand_dims(above, 2), tf.expand_dims(beside, 1))
    return tf.where(tf.expand_dims(inside, 3), found, extrapolation_value)


def _find_places(
    first: tf.Tensor, last: tf.Tensor, count: int, size: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return places along an axis for each box, int32 (boxes, count), and whether they are inside.

    crop_and_resize_op.cc computes in float32, each step rounded, and rounds halves up.
    """
    most = tf.cast(size - 1, tf.float32)
    if count > 1:
        # The optimizer makes of a quotient by a constant the product with its reciprocal.
        step = tf.math.divide_no_nan((last - first) * most, float(count - 1))
        steps = tf.range(count, dtype=tf.float32)
        place = tf.expand_dims(first * most, 1) + steps * tf.expand_dims(step, 1)
    else:
        place = tf.expand_dims(0.5 * (first + last) * most, 1)
    inside = tf.logical_and(place >= 0.0, place <= most)
    kept = tf.where(inside, place, 0.0)
    below = tf.floor(kept)
    nearest = below + tf.cast(kept - below >= 0.5, tf.float32)  # noqa: PLR2004  # a half
    return tf.cast(nearest, tf.int32), inside


RULES = {
    "CropAndResize": Lowering(
        lower=_crop,
        becomes="GatherV2 of the nearest pixels",
        why="the cpu backend computes places in float64, and takes others between two pixels",
        applies=lambda node: node.attr["method"].s == b"nearest",
    ),
}
