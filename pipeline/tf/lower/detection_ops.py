"""Lowering of suppression by class, after core/kernels/image/non_max_suppression_op.cc.

TensorFlow.js suppresses boxes of one image and one class. A loop goes through the images and
classes; it is a loop of TensorFlow 1, which runs in graphs and in functions, on every backend.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.lower.lowering_rule import (
    Lowering,
    NotLowered,
    NotNeeded,
    gather_rows,
    require_static,
    size_of,
)

_LEAST_OVERLAP = 1e-30
_TYPES = {"T", "T_threshold"}


def _suppress(
    *,
    boxes: tf.Tensor,
    scores: tf.Tensor,
    max_output_size_per_class: tf.Tensor,
    max_total_size: tf.Tensor,
    iou_threshold: tf.Tensor,
    score_threshold: tf.Tensor,
    pad_per_class: bool,
    clip_boxes: bool,
    **_: Any,
) -> list[tf.Tensor]:
    """Suppress each class of each image, then take the best of all classes.

    boxes is (images, boxes, 1 or classes, 4), scores (images, boxes, classes).
    """
    per_class = int(require_static(max_output_size_per_class, "number of boxes"))
    total = int(require_static(max_total_size, "number of boxes"))
    classes, shared = size_of(scores, 2), size_of(boxes, 2)
    boxes_by_class = _put_class_first(boxes)
    scores_by_class = _put_class_first(tf.expand_dims(scores, -1))[..., 0]
    limit = tf.minimum(per_class, size_of(boxes, 1))
    number = tf.range(tf.shape(scores_by_class)[0])
    # Boxes for a row of scores: those of its class, or those that all classes share.
    rows = (number // classes) * shared + tf.minimum(number % classes, shared - 1)
    chosen = _suppress_rows(
        tf.gather(boxes_by_class, rows),
        scores_by_class,
        limit,
        (iou_threshold, score_threshold),
    )
    kept = tf.greater_equal(chosen, 0)
    places = tf.maximum(chosen, 0)
    lowest = tf.constant(scores.dtype.min, scores.dtype)
    found = tf.where(kept, gather_rows(scores_by_class, places, 1), lowest)
    wanted = tf.minimum(total, per_class * classes) if pad_per_class else tf.constant(total)
    per_image = tf.reshape(found, tf.stack([tf.shape(scores)[0], classes * limit]))
    best, order = tf.math.top_k(per_image, tf.minimum(wanted, classes * limit))
    corners = gather_rows(tf.gather(boxes_by_class, rows), places, 1)
    per_image_corners = tf.reshape(corners, tf.stack([tf.shape(scores)[0], classes * limit, 4]))
    taken = gather_rows(per_image_corners, order, 1)
    if clip_boxes:
        taken = tf.maximum(tf.minimum(taken, 1), 0)
    is_valid = tf.greater(best, lowest)
    missing = wanted - tf.shape(best)[1]
    return [
        _fill(tf.where(tf.expand_dims(is_valid, -1), taken, 0), missing, 3),
        _fill(tf.where(is_valid, best, 0), missing, 2),
        _fill(tf.where(is_valid, tf.cast(order // limit, scores.dtype), 0), missing, 2),
        tf.reduce_sum(tf.cast(is_valid, tf.int32), 1),
    ]


def _suppress_above(op: str) -> Callable[..., Any]:
    """Return a rule that raises the limit of overlap to the next number.

    TensorFlow suppresses a box that overlaps more, TensorFlow.js one that overlaps as much, too
    (`suppressIou` in tfjs-core/src/backends/non_max_suppression_impl.ts).
    """
    raw = getattr(tf.raw_ops, op)

    def lower(*, iou_threshold: tf.Tensor, **given: Any) -> Any:
        limit = tf.get_static_value(iou_threshold)
        if limit is None or limit >= 1:
            raise NotNeeded
        above = max(np.nextafter(np.float32(limit), np.float32(1)), np.float32(_LEAST_OVERLAP))
        options = {key: value for key, value in given.items() if key not in _TYPES}
        return raw(iou_threshold=tf.constant(above), **options)

    return lower


def _suppress_softly(
    *,
    iou_threshold: tf.Tensor,
    soft_nms_sigma: tf.Tensor,
    pad_to_max_output_size: bool,
    **given: Any,
) -> list[tf.Tensor]:
    """Count the boxes, which TensorFlow.js does not; a soft limit lets an equal overlap through."""
    limit, sigma = tf.get_static_value(iou_threshold), tf.get_static_value(soft_nms_sigma)
    if pad_to_max_output_size:
        raise NotLowered("filled up to the number of boxes")
    if limit is not None and limit < 1 and sigma == 0:
        above = np.nextafter(np.float32(limit), np.float32(1))
        iou_threshold = tf.constant(max(above, np.float32(_LEAST_OVERLAP)))
    options = {key: value for key, value in given.items() if key not in _TYPES}
    chosen, scores, _ = tf.raw_ops.NonMaxSuppressionV5(
        iou_threshold=iou_threshold, soft_nms_sigma=soft_nms_sigma, **options
    )
    return [chosen, scores, tf.size(chosen)]


def _put_class_first(values: tf.Tensor) -> tf.Tensor:
    """Turn (images, boxes, classes, n) into (images * classes, boxes, n)."""
    shape = tf.shape(values)
    turned = tf.transpose(values, [0, 2, 1, 3])
    return tf.reshape(turned, tf.stack([shape[0] * shape[2], shape[1], shape[3]]))


def _suppress_rows(
    boxes: tf.Tensor,
    scores: tf.Tensor,
    limit: Any,
    thresholds: tuple[tf.Tensor, tf.Tensor],
) -> tf.Tensor:
    """Return (rows, limit): the numbers of the boxes that each row keeps, then -1."""
    count = tf.shape(scores)[0]

    def suppress(row: tf.Tensor, chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        kept = tf.raw_ops.NonMaxSuppressionV3(
            boxes=tf.gather(boxes, row),
            scores=tf.gather(scores, row),
            max_output_size=limit,
            iou_threshold=thresholds[0],
            score_threshold=thresholds[1],
        )
        paddings = tf.reshape(tf.stack([0, limit - tf.size(kept)]), [1, 2])
        filled = tf.reshape(tf.pad(kept, paddings, constant_values=-1), tf.stack([1, limit]))
        return row + 1, tf.tensor_scatter_nd_update(chosen, tf.reshape(row, [1, 1]), filled)

    start = tf.fill(tf.stack([count, limit]), -1)
    with _first_control_flow():
        _, chosen = tf.compat.v1.while_loop(
            lambda row, _: tf.less(row, count),
            suppress,
            [tf.constant(0), start],
            shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, None])],
        )
    return chosen


@contextmanager
def _first_control_flow() -> Iterator[None]:
    """Trace loops as TensorFlow 1 does."""
    was_on = tf.compat.v1.control_flow_v2_enabled()
    tf.compat.v1.disable_control_flow_v2()
    try:
        yield
    finally:
        if was_on:
            tf.compat.v1.enable_control_flow_v2()


def _fill(values: tf.Tensor, missing: Any, ndim: int) -> tf.Tensor:
    """Put zeros behind the second axis."""
    behind = [tf.stack([0, missing]) if axis == 1 else tf.constant([0, 0]) for axis in range(ndim)]
    return tf.pad(values, tf.stack(behind))


RULES = {
    "CombinedNonMaxSuppression": Lowering(
        lower=_suppress, becomes="NonMaxSuppressionV3 in a loop over images and classes"
    ),
    **{
        op: Lowering(
            lower=_suppress_above(op),
            becomes="one with the next higher limit of overlap",
            why="TensorFlow.js suppresses a box that overlaps just as much",
        )
        for op in (
            "NonMaxSuppressionV2",
            "NonMaxSuppressionV3",
            "NonMaxSuppressionV4",
        )
    },
    "NonMaxSuppressionV5": Lowering(
        lower=_suppress_softly,
        becomes="one with the next higher limit of overlap, and a Size",
        why="TensorFlow.js suppresses a box that overlaps just as much, and does not count",
    ),
}
