"""DetectionOutput of OpenVINO: what detectors with prior boxes have found.

Their outputs are those of its CPU plugin:
https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets/operation-specs.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.suppression import (
    NO_SCORE,
    above,
    ascending,
    is_filled,
    keep_best,
)
from pipeline.tf.layout.value import Value, wrap
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.rules.openvino.boxes import Rows, choose, known_sizes

_INT32_MAX = 2**31 - 1


def _detect(call: Call) -> Value:
    """DetectionOutput: rows of image, class, score and box, of all images; -1 ends the list."""
    number = {
        name: call.attribute(name)
        for name in ("top_k", "keep_top_k", "background", "confidence", "overlap", "num_rows")
    }
    images = known_sizes(call, 0)[0]
    size = 4 if call.attribute("normalized") else 5
    priors = known_sizes(call, 2)[2] // size
    classes = known_sizes(call, 1)[1] // priors
    scores = tf.transpose(tf.reshape(call.plain(1), [images, priors, classes]), [0, 2, 1])
    boxes = _decode_priors(call, (images, priors, classes))
    if call.has(3):
        scores = _with_objects(call, scores, (images, priors, classes))
    kinds = [kind for kind in range(classes) if kind != number["background"]]
    if call.attribute("by_best_class"):
        kinds = [kind for kind in kinds if kind]
    scores = tf.gather(scores, kinds, axis=1)
    if boxes.shape[1] > 1:
        boxes = tf.gather(boxes, kinds, axis=1)
    boxes = tf.reshape(boxes, [-1, priors, 4])
    scores = tf.reshape(scores, [images * len(kinds), priors])
    least, top = np.float32(number["confidence"]), int(number["top_k"])
    if call.attribute("by_best_class"):
        scores, least, top = _of_best_class(scores, images, least, top), NO_SCORE, -1
    if size > 4:  # noqa: PLR2004  # a prior of image -1 ends the list
        scores = tf.where(_behind_end(call, images, priors, len(kinds)), NO_SCORE, scores)
    made = choose(boxes, scores, top=top, most=-1, overlap=above(number["overlap"]), least=least)
    return _list_detections(call, made, images, kinds, number)


def _list_detections(
    call: Call, made: Rows, images: int, kinds: Sequence[int], number: Mapping[str, Any]
) -> Value:
    scores = tf.reshape(made.scores, [images, -1])
    width, count = scores.shape[1], int(number["num_rows"])
    kept = keep_best(scores, int(number["keep_top_k"]))
    if images > 1:
        own = kept + (np.arange(images, dtype=np.int32) * width)[:, None]
        kept = ascending(tf.reshape(tf.where(is_filled(kept), own, kept), [1, -1]))
    places = tf.reshape(kept, [-1])[:count]
    missing = count - places.shape[0]
    if missing > 0:
        places = tf.pad(places, [[0, missing]], constant_values=_INT32_MAX)
    filled = is_filled(places)
    safe = tf.where(filled, places, 0)
    boxes, _ = made.take(safe)
    if call.attribute("clips_after"):
        boxes = tf.clip_by_value(boxes, 0.0, 1.0)
    row = tf.math.floordiv(safe, made.scores.shape[1])
    labels = np.array(kinds, np.int32) - (1 if call.attribute("by_best_class") else 0)
    label = tf.gather(labels, tf.math.floormod(row, len(kinds)))
    image = tf.math.floordiv(row, len(kinds))
    heads = tf.cast(tf.stack([image, label], 1), tf.float32)
    score = tf.gather(tf.reshape(scores, [-1]), safe)[:, None]
    listed = tf.where(filled[:, None], tf.concat([heads, score, boxes], 1), 0.0)
    ends = tf.equal(tf.range(count), tf.reduce_sum(tf.cast(filled, tf.int32)))
    mark = tf.pad(tf.cast(ends, tf.float32)[:, None], [[0, 0], [0, 6]])
    return wrap(tf.reshape(listed - mark, [1, 1, count, 7]), "float32")


def _of_best_class(scores: Any, images: int, least: Any, top: int) -> Any:
    """Return scores where only the best class of each box has one, and only the best boxes."""
    priors = scores.shape[1]
    by_class = tf.reshape(scores, [images, -1, priors])
    kinds = by_class.shape[1]
    highest = tf.reduce_max(by_class, 1)
    own = tf.argmax(by_class, 1, tf.int32)
    counts = highest >= least
    if 0 <= top < priors:
        # The rank of a box: how many are better, or as good and before it.
        order = tf.math.top_k(tf.where(counts, highest, NO_SCORE), priors)[1]
        rank = tf.math.top_k(-order, priors)[1]
        counts = tf.logical_and(counts, rank < top)
    is_own = tf.equal(own[:, None], np.arange(kinds, dtype=np.int32)[None, :, None])
    made = tf.where(tf.logical_and(is_own, counts[:, None]), highest[:, None], NO_SCORE)
    return tf.reshape(made, [images * kinds, priors])


def _behind_end(call: Call, images: int, priors: int, kinds: int) -> Any:
    """Return which boxes come behind a prior that ends the list: (rows, priors)."""
    stated = call.plain(2)
    parts = 1 if call.attribute("encodes_variance") else 2
    first = tf.reshape(stated, [-1, parts, priors, 5])[:, 0, :, 0]
    ends = tf.cumsum(tf.cast(tf.equal(first, -1.0), tf.int32), 1) > 0
    wide = tf.broadcast_to(ends[:, None], [ends.shape[0], kinds, priors])
    if ends.shape[0] != images:
        wide = tf.tile(wide, [images, 1, 1])
    return tf.reshape(wide, [images * kinds, priors])


def _with_objects(call: Call, scores: Any, sizes: tuple[int, int, int]) -> Any:
    """Return scores where boxes without an object are all background."""
    images, priors, classes = sizes
    there = tf.reshape(call.plain(3), [images, 1, priors, 2])[..., 1]
    empty = np.zeros((1, classes, 1), np.float32)
    if 0 <= call.attribute("background") < classes:
        empty[0, call.attribute("background")] = 1
    return tf.where(there < np.float32(call.attribute("objectness")), empty, scores)


def _decode_priors(call: Call, sizes: tuple[int, int, int]) -> Any:
    """Return the boxes of all images and classes, (images, classes or 1, priors, 4)."""
    images, priors, classes = sizes
    kinds = 1 if call.attribute("shares") else classes
    size = 4 if call.attribute("normalized") else 5
    stated = tf.reshape(
        call.plain(2), [-1, 1 if call.attribute("encodes_variance") else 2, priors * size]
    )
    boxes = tf.reshape(stated[:, 0], [-1, 1, priors, size])[..., size - 4 :]
    if size > 4:  # noqa: PLR2004
        width, height = (float(call.attribute(name)) for name in ("width", "height"))
        boxes = boxes / np.array([width, height] * 2, np.float32)
    variances = None
    if not call.attribute("encodes_variance"):
        variances = tf.reshape(stated[:, 1, : priors * 4], [-1, 1, priors, 4])
    for index in (4, 0) if call.has(4) else (0,):
        moved = tf.reshape(call.plain(index), [images, priors, kinds, 4])
        moved = tf.transpose(moved, [0, 2, 1, 3]) if kinds > 1 else moved[:, None, :, 0]
        boxes = _decode(call, boxes, moved if variances is None else moved * variances)
    return boxes


def _decode(call: Call, boxes: Any, moved: Any) -> Any:
    """Return boxes that are moved: by their corners, or by their centre and size."""
    if call.attribute("by_corners"):
        made = boxes + moved
    else:
        near, far = boxes[..., :2], boxes[..., 2:]
        size, centre = far - near, (near + far) * 0.5
        centre = moved[..., :2] * size + centre
        half = tf.exp(moved[..., 2:]) * size * 0.5
        made = tf.concat([centre - half, centre + half], -1)
    return tf.clip_by_value(made, 0.0, 1.0) if call.attribute("clips_before") else made


RULES: Table = {
    "DetectionOutput": _detect,
}
