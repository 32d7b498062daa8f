"""Operators of OpenVINO that suppress boxes; see `pipeline.tf.layout.suppression`.

Their outputs are those of its CPU plugin:
https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets/operation-specs.html
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.selection import choose_boxes, corners
from pipeline.tf.layout.suppression import (
    NO_SCORE,
    above,
    ascending,
    at_least,
    check_limit,
    is_filled,
    keep_best,
)
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.rules.openvino.boxes import Rows, choose, filled_places, grow, known_sizes

_INT32_MAX = 2**31 - 1


def _suppress(call: Call) -> list[Any]:
    """NonMaxSuppression: triples of image, class and box, and of image, class and score.

    Boxes that overlap a better one by the limit itself are left out, as TensorFlow.js does it.
    """
    boxes, scores = call.value(0), call.value(1)
    if call.attribute("is_center"):
        boxes = corners(boxes)
    known = call.known(2) if call.has(2) else np.zeros(1, np.int64)
    if known is not None and int(known.reshape(-1)[0]) <= 0:
        return [np.zeros((0, 3), np.int64), np.zeros((0, 3), np.float32), np.zeros(1, np.int64)]
    limit: Any = tf.reshape(call.plain(2), []) if known is None else _limit(known)
    overlap, least = (_number(call, index) for index in (3, 4))
    if isinstance(overlap, np.float32):
        check_limit(overlap)
    chosen = choose_boxes(boxes, scores, limit, overlap=overlap, least=least).plain
    found = tf.gather_nd(scores.plain, chosen)
    if call.attribute("sorts"):
        found, order = tf.math.top_k(found, tf.size(found))
        chosen = tf.gather(chosen, order)
    rows = tf.concat([tf.cast(chosen[:, :2], tf.float32), found[:, None]], 1)
    return [chosen, rows, tf.reshape(tf.size(found), [1])]


def _limit(known: Any) -> int:
    return min(int(known.reshape(-1)[0]), _INT32_MAX)


def _number(call: Call, index: int) -> Any:
    """Return a limit: 0 where it is left out."""
    if not call.has(index):
        return np.float32(0)
    known = call.known(index)
    return tf.reshape(call.plain(index), []) if known is None else np.float32(known.reshape(-1)[0])


def _detect_by_class(call: Call) -> list[Any]:
    """ExperimentalDetectronDetectionOutput: boxes, classes and scores of regions."""
    regions, classes = known_sizes(call, 2)
    boxes, most = call.plain(0), int(call.attribute("most"))
    weights = np.array(call.attribute("weights"), np.float32)
    moved = tf.reshape(call.plain(1), [regions, classes, 4]) / weights
    limit = np.float32(call.attribute("max_growth"))
    near, far = grow(boxes[:, None], moved, 1.0, limit)
    made = tf.maximum(tf.concat([near, far - 1.0], -1), 0.0)
    sound = tf.reduce_all(boxes[:, 2:] > boxes[:, :2], 1)
    scores = tf.where(sound[:, None], call.plain(2), 0.0)
    rows = choose(
        tf.transpose(made, [1, 0, 2])[1:], tf.transpose(scores)[1:], top=-1,
        most=int(call.attribute("post_nms")), overlap=above(call.attribute("overlap")),
        least=np.float32(call.attribute("least")), offset=1.0,
    )  # fmt: skip
    flat = tf.reshape(rows.scores, [-1])
    total = tf.reduce_sum(tf.cast(flat > NO_SCORE, tf.int32))
    count = min(most, flat.shape[0])
    by_place = keep_best(flat[None], -1)[0, :count]
    # The best come first only where some are left out.
    kept = tf.where(total > most, tf.math.top_k(flat, count)[1], by_place)
    filled = tf.range(count) < total
    kept = tf.where(filled, kept, 0)
    taken, _ = rows.take(kept)
    kind = tf.math.floordiv(kept, rows.scores.shape[1]) + 1
    missing = [0, most - count]
    return [
        tf.pad(tf.where(filled[:, None], taken, 0.0), [missing, [0, 0]]),
        tf.pad(tf.where(filled, kind, 0), [missing]),
        tf.pad(tf.where(filled, tf.gather(flat, kept), 0.0), [missing]),
    ]


def _suppress_classes(call: Call) -> list[Any]:
    """MulticlassNms: rows of class, score and box, numbers of boxes, and how many of each image."""
    images, classes, count = known_sizes(call, 1)
    kinds = [kind for kind in range(classes) if kind != call.attribute("background")]
    scores = tf.reshape(tf.gather(call.plain(1), kinds, axis=1), [-1, count])
    made = choose(
        call.plain(0), scores, top=int(call.attribute("top_k")), most=-1,
        overlap=check_limit(np.float32(call.attribute("overlap"))),
        least=at_least(call.attribute("least")),
        offset=0.0 if call.attribute("normalized") else 1.0,
    )  # fmt: skip
    return _list_rows(call, made, (images, count), kinds)


def _list_rows(call: Call, made: Rows, sizes: tuple[int, int], kinds: Sequence[int]) -> list[Any]:
    """Return what was chosen in the order that the operator asks for."""
    images, count = sizes
    scores = tf.reshape(made.scores, [images, -1])
    width, most = scores.shape[1], made.scores.shape[1]
    keep = int(call.attribute("keep_top_k"))
    keep = width if keep < 0 else min(keep, width)
    found, places = tf.math.top_k(scores, keep)
    filled = found > NO_SCORE
    numbers = tf.reduce_sum(tf.cast(filled, tf.int32), 1)
    order, across = call.attribute("order"), bool(call.attribute("across"))
    if order == "classid" and (across or call.attribute("sorts_images")):
        # Within a class, places are in the order of scores.
        places = ascending(tf.where(filled, places, _INT32_MAX))
        filled = is_filled(places)
    own = places + (np.arange(images, dtype=np.int32) * width)[:, None]
    kept = tf.gather(tf.reshape(own, [-1]), filled_places(filled))
    row = tf.math.floordiv(kept, most)
    if across and images > 1 and order != "none":
        if order == "score":
            keys = tf.gather(tf.reshape(scores, [-1]), kept)
        else:
            keys = -tf.math.floormod(row, len(kinds))
        kept = tf.gather(kept, tf.math.top_k(keys, tf.size(keys))[1])
        row = tf.math.floordiv(kept, most)
    boxes, number = made.take(kept)
    kind = tf.gather(np.array(kinds, np.int32), tf.math.floormod(row, len(kinds)))
    score = tf.gather(tf.reshape(scores, [-1]), kept)
    listed = tf.concat([tf.cast(kind, tf.float32)[:, None], score[:, None], boxes], 1)
    image = tf.math.floordiv(row, len(kinds))
    return [listed, (image * count + number)[:, None], numbers]


def _decay(call: Call) -> list[Any]:
    """MatrixNms: scores are lowered by how much better boxes overlap, all at once."""
    images, classes, count = known_sizes(call, 1)
    kinds = [kind for kind in range(classes) if kind != call.attribute("background")]
    scores = tf.reshape(tf.gather(call.plain(1), kinds, axis=1), [-1, count])
    top = int(call.attribute("top_k"))
    top = count if top < 0 else min(top, count)
    rows = images * len(kinds)
    if rows * top * top > _MAX_PAIRS:
        raise call.refuse(f"it compares {top} boxes of each of {rows} classes with each other")
    found, numbers = tf.math.top_k(scores, top)
    counts = found > np.float32(call.attribute("least"))
    shared = tf.reshape(numbers, [images, -1])
    boxes = tf.reshape(tf.gather(call.plain(0), shared, batch_dims=1), [rows, top, 4])
    overlaps = _overlaps(boxes, 0.0 if call.attribute("normalized") else 1.0)
    better = np.tril(np.ones((top, top), bool), -1)
    overlaps = tf.where(better, overlaps, 0.0)
    most = tf.reduce_max(overlaps, 2)[:, None, :]
    if call.attribute("is_gaussian"):
        shares = tf.exp((most * most - overlaps * overlaps) * np.float32(call.attribute("sigma")))
    else:
        shares = (1.0 - overlaps) / (1.0 - most + np.float32(1e-10))
    least = tf.reduce_min(tf.where(better, shares, 1.0), 2)
    lowered = found * tf.minimum(least, 1.0)
    kept = tf.logical_and(counts, lowered > np.float32(call.attribute("least_after")))
    lowered = tf.where(kept, lowered, NO_SCORE)
    # Places of a class are in the order of the scores that are returned.
    lowered, order = tf.math.top_k(lowered, top)
    made = Rows(boxes=boxes, numbers=numbers, chosen=order, scores=lowered)
    return _list_rows(call, made, (images, count), kinds)


_MAX_PAIRS = 2**25


def _overlaps(boxes: Any, offset: float) -> Any:
    """Return intersection over union of all pairs of a row, (rows, boxes, boxes)."""
    near, far = boxes[..., :2], boxes[..., 2:]
    sound = tf.reduce_all(far >= near, -1)
    area = tf.where(sound, tf.reduce_prod(far - near + offset, -1), 0.0)
    low = tf.maximum(near[:, :, None], near[:, None])
    high = tf.minimum(far[:, :, None], far[:, None])
    apart = tf.reduce_any(high < low, -1)
    shared = tf.reduce_prod(high - low + offset, -1)
    made = shared / (area[:, :, None] + area[:, None] - shared)
    return tf.where(apart, 0.0, made)


RULES: Table = {
    "ExperimentalDetectronDetectionOutput": _detect_by_class,
    "MatrixNms": _decay,
    "MulticlassNms": _suppress_classes,
    "NonMaxSuppression": _suppress,
}
