"""Operators of OpenVINO that propose regions: boxes around anchors, without classes.

Their outputs are those of its CPU plugin:
https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets/operation-specs.html
"""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.suppression import (
    NO_SCORE,
    above,
    best,
)
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.rules.openvino.boxes import Rows, choose, filled_places, grow, known_sizes

# The logarithm of the most that a box grows: 1000 / 16.
_MAX_GROWTH = np.float32(np.log(1000.0 / 16.0))


def _propose(call: Call) -> list[Any]:
    """Proposal: rows of image and box, and scores, a stated number of each image."""
    images, _, rows, columns = known_sizes(call, 0)
    anchors = _make_anchors(call)
    count, offset = len(anchors), 0.0 if call.attribute("is_tensorflow") else 1.0
    shape = tf.reshape(call.plain(2), [-1])
    height, width = shape[0], shape[1]
    scales = tf.stack([shape[3 if shape.shape[0] > 3 else 2], shape[2]])  # noqa: PLR2004
    # What runs down and across is exchanged for TensorFlow, the limits of an image, too.
    limits = tf.stack([height, width] if call.attribute("is_tensorflow") else [width, height])
    scores = tf.transpose(call.plain(0)[:, count:], [0, 2, 3, 1])
    moved = tf.reshape(call.plain(1), [images, count, 4, rows, columns])
    moved = tf.transpose(moved, [0, 3, 4, 1, 2])
    divisors = [call.attribute("coordinate_scale")] * 2 + [call.attribute("size_scale")] * 2
    if set(divisors) != {1.0}:
        moved = moved / np.array(divisors, np.float32)
    boxes = _place(call, anchors, rows, columns)
    if call.attribute("is_tensorflow"):
        boxes = tf.clip_by_value(boxes, 0.0, tf.tile(limits, [2]))
    near, far = grow(boxes, moved, offset)
    if call.attribute("clips_before"):
        near, far = (tf.clip_by_value(each, 0.0, limits - offset) for each in (near, far))
    large = tf.reduce_all(far - near + offset >= float(call.attribute("min_size")) * scales, -1)
    scores = tf.reshape(tf.where(large, scores, 0.0), [images, -1])
    boxes = tf.reshape(tf.concat([near, far], -1), [images, -1, 4])
    top, post = int(call.attribute("pre_nms")), int(call.attribute("post_nms"))
    made = choose(
        boxes, scores, top=min(top, scores.shape[1]), most=post,
        overlap=above(call.attribute("overlap")), least=NO_SCORE, offset=offset,
    )  # fmt: skip
    return _list_proposals(call, made, (images, post), limits)


def _list_proposals(call: Call, made: Rows, sizes: tuple[int, int], limits: Any) -> list[Any]:
    images, post = sizes
    most = made.scores.shape[1]
    places = tf.reshape(tf.range(images * most), [images, most])
    boxes, _ = made.take(places)
    both = tf.tile(limits, [2])
    if call.attribute("clips_after"):
        boxes = tf.clip_by_value(boxes, 0.0, both)
    if call.attribute("normalizes"):
        boxes = boxes / both
    filled = made.scores > NO_SCORE
    numbers = np.arange(images, dtype=np.float32)[:, None, None]
    heads = tf.broadcast_to(numbers, [images, most, 1])
    listed = tf.where(filled[..., None], tf.concat([heads, boxes], -1), 0.0)
    scores = tf.where(filled, made.scores, 0.0)
    listed = tf.pad(listed, [[0, 0], [0, post - most], [0, 0]])
    total = tf.reduce_sum(tf.cast(filled, tf.int32), 1)
    ends = tf.cast(tf.equal(tf.range(post)[None], total[:, None]), tf.float32)
    listed -= tf.pad(ends[..., None], [[0, 0], [0, 0], [0, 4]])
    scores = tf.pad(scores, [[0, 0], [0, post - most]])
    return [tf.reshape(listed, [-1, 5]), tf.reshape(scores, [-1])]


def _make_anchors(call: Call) -> Any:
    """Return boxes x, y, x, y of all ratios and scales around the first cell."""
    is_tensorflow, base = bool(call.attribute("is_tensorflow")), int(call.attribute("base_size"))
    offset = np.float32(0 if is_tensorflow else 1)
    area, centre = np.float32(base * base), np.float32(0.5) * (np.float32(base) - offset)
    if is_tensorflow:
        centre -= np.float32(0.5 * base)
    made = []
    for ratio in np.asarray(call.attribute("ratios"), np.float32):
        width = np.sqrt(area / ratio, dtype=np.float32)
        width = width if is_tensorflow else np.floor(width + np.float32(0.5))
        height = width * ratio
        height = height if is_tensorflow else np.floor(height + np.float32(0.5))
        for scale in np.asarray(call.attribute("scales"), np.float32):
            half = np.float32(0.5) * (np.array([width, height]) * scale - offset)
            made.append([*(centre - half), *(centre + half)])
    return np.array(made, np.float32)


def _place(call: Call, anchors: Any, rows: int, columns: int) -> Any:
    """Return anchors around each cell, (rows, columns, anchors, 4)."""
    stride = np.float32(call.attribute("stride"))
    across, down = np.meshgrid(np.arange(columns), np.arange(rows))
    if call.attribute("is_tensorflow"):
        across, down = down, across
    shift = np.stack([across, down, across, down], -1).astype(np.float32) * stride
    return shift[:, :, None] + anchors


def _generate(call: Call) -> list[Any]:
    """GenerateProposals: boxes and scores of all images one behind the other, and their numbers."""
    offset = 0.0 if call.attribute("normalized") else 1.0
    images, count, rows, columns = known_sizes(call, 3)
    info = tf.reshape(call.plain(0), [images, 1, -1])
    limits = tf.stack([info[..., 1], info[..., 0]], -1)
    ratio = info[..., 2:3] if info.shape[-1] < 4 else tf.stack([info[..., 3], info[..., 2]], -1)  # noqa: PLR2004
    moved = tf.reshape(call.plain(2), [images, count, 4, rows, columns])
    moved = tf.reshape(tf.transpose(moved, [0, 3, 4, 1, 2]), [images, -1, 4])
    scores = tf.reshape(tf.transpose(call.plain(3), [0, 2, 3, 1]), [images, -1])
    near, far = grow(tf.reshape(call.plain(1), [1, -1, 4]), moved, offset, _MAX_GROWTH)
    near, far = (tf.clip_by_value(each, 0.0, limits - offset) for each in (near, far - offset))
    size = far - near + offset
    large = tf.reduce_all(size >= float(call.attribute("min_size")) * ratio, -1)
    top = min(int(call.attribute("pre_nms")), scores.shape[1])
    # Boxes that are too small count among the best, and are left out then.
    found, places = best(scores, top)
    boxes = tf.gather(tf.concat([near, far], -1), places, batch_dims=1)
    found = tf.where(tf.gather(large, places, batch_dims=1), found, NO_SCORE)
    made = choose(
        boxes, found, top=-1, most=int(call.attribute("post_nms")),
        overlap=above(call.attribute("overlap")), least=NO_SCORE, offset=offset,
    )  # fmt: skip
    filled = made.scores > NO_SCORE
    kept = filled_places(filled)
    taken, _ = made.take(kept)
    return [
        taken,
        tf.gather(tf.reshape(made.scores, [-1]), kept),
        tf.reduce_sum(tf.cast(filled, tf.int32), 1),
    ]


def _generate_of_image(call: Call) -> list[Any]:
    """ExperimentalDetectronGenerateProposalsSingleImage: a stated number of boxes and scores."""
    count, rows, columns = known_sizes(call, 3)
    info = tf.reshape(call.plain(0), [-1])
    limits = tf.stack([info[1], info[0]])
    moved = tf.reshape(call.plain(2), [count, 4, rows, columns])
    moved = tf.reshape(tf.transpose(moved, [2, 3, 0, 1]), [-1, 4])
    scores = tf.reshape(tf.transpose(call.plain(3), [1, 2, 0]), [-1])
    near, far = grow(tf.reshape(call.plain(1), [-1, 4]), moved, 1.0, _MAX_GROWTH)
    near, far = (tf.clip_by_value(each, 0.0, limits - 1.0) for each in (near, far - 1.0))
    large = tf.reduce_all(far - near + 1.0 >= float(call.attribute("min_size")), -1)
    scores = tf.where(large, scores, 0.0)[None]
    post = int(call.attribute("post_nms"))
    made = choose(
        tf.concat([near, far], -1)[None], scores,
        top=min(int(call.attribute("pre_nms")), scores.shape[1]), most=post,
        overlap=above(call.attribute("overlap")), least=NO_SCORE,
    )  # fmt: skip
    filled = made.scores[0] > NO_SCORE
    taken, _ = made.take(tf.range(filled.shape[0]))
    missing = [0, post - filled.shape[0]]
    return [
        tf.pad(tf.where(filled[:, None], taken, 0.0), [missing, [0, 0]]),
        tf.pad(tf.where(filled, made.scores[0], 0.0), [missing]),
    ]


RULES: Table = {
    "ExperimentalDetectronGenerateProposalsSingleImage": _generate_of_image,
    "GenerateProposals": _generate,
    "Proposal": _propose,
}
