"""Operators of OpenVINO that choose among boxes; see `pipeline.tf.layout.suppression`.

Their outputs are those of its CPU plugin:
https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets/operation-specs.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.selection import choose_boxes, corners
from pipeline.tf.layout.sizes import is_known
from pipeline.tf.layout.suppression import (
    NO_SCORE,
    above,
    ascending,
    at_least,
    best,
    check_limit,
    choose_rows,
    is_filled,
    keep_best,
    widen,
)
from pipeline.tf.layout.value import Value, wrap
from pipeline.tf.onnx.call import Call, Table

_INT32_MAX = 2**31 - 1
# The logarithm of the most that a box grows: 1000 / 16.
_MAX_GROWTH = np.float32(np.log(1000.0 / 16.0))


def known_sizes(call: Call, index: int) -> list[int]:
    """Return the sizes of an input.

    Raises:
        ConversionError: One is open.
    """
    sizes = call.value(index).sizes
    if not all(map(is_known, sizes)):
        raise call.refuse(f"input {index} has open sizes")
    return [int(size) for size in sizes if is_known(size)]


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


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """What was chosen from rows of boxes.

    Attributes:
        boxes: float32 (rows or groups of them, boxes, 4), as the operator has them.
        numbers: The number of each box in its image, int32 (rows, boxes); None for its place.
        chosen: Places of boxes, int32 (rows, most); -1 for none.
        scores: Their scores, float32 (rows, most); `NO_SCORE` for none.
    """

    boxes: Any
    numbers: Any
    chosen: Any
    scores: Any

    def take(self, places: Any) -> tuple[Any, Any]:
        """Return the boxes at places of all rows, and their numbers."""
        rows, most = self.chosen.shape
        row = tf.math.floordiv(places, most)
        place = tf.gather(tf.reshape(self.chosen, [-1]), places)
        groups, count = self.boxes.shape[:2]
        group = row if groups == rows else tf.math.floordiv(row * groups, rows)
        taken = tf.gather(tf.reshape(self.boxes, [-1, 4]), group * count + place)
        if self.numbers is None:
            return taken, place
        return taken, tf.gather(tf.reshape(self.numbers, [-1]), row * count + place)


def _choose(  # noqa: PLR0913  # the limits of a choice
    boxes: Any, scores: Any, *, top: int, most: int, overlap: Any, least: Any, offset: float = 0.0
) -> _Rows:
    """Choose from each row of scores, of its best boxes.

    Args:
        boxes: float32 (rows, boxes, 4), or (groups, boxes, 4) where rows share them.
        scores: float32 (rows, boxes).
        top: How many of the best boxes count; -1 for all.
        most: How many are chosen; -1 for all.
        overlap: Boxes that overlap a better one by as much are left out.
        least: Only boxes of a greater score count.
        offset: What is added to the sides of boxes.
    """
    rows, count = scores.shape
    groups, numbers = boxes.shape[0], None
    if 0 <= top < count:
        scores, numbers = best(scores, top)
        shared = tf.reshape(numbers, [groups, -1])
        boxes = tf.reshape(tf.gather(boxes, shared, batch_dims=1), [rows, top, 4])
        count = top
    limit = count if most < 0 else min(most, count)
    chosen = choose_rows(widen(boxes, offset), scores, limit, overlap=overlap, least=least)
    found = tf.gather(scores, tf.maximum(chosen, 0), batch_dims=1)
    found = tf.where(chosen >= 0, found, NO_SCORE)
    return _Rows(boxes=boxes, numbers=numbers, chosen=tf.maximum(chosen, 0), scores=found)


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
    made = _choose(boxes, scores, top=top, most=-1, overlap=above(number["overlap"]), least=least)
    return _list_detections(call, made, images, kinds, number)


def _list_detections(
    call: Call, made: _Rows, images: int, kinds: Sequence[int], number: Mapping[str, Any]
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


def _grow(boxes: Any, moved: Any, offset: float, most: Any = None) -> Any:
    """Return boxes x, y, x, y that are moved by their centre and the logarithm of their size."""
    size = boxes[..., 2:] - boxes[..., :2] + offset
    centre = boxes[..., :2] + 0.5 * size
    growth = moved[..., 2:] if most is None else tf.minimum(moved[..., 2:], most)
    centre = moved[..., :2] * size + centre
    half = 0.5 * (tf.exp(growth) * size)
    return centre - half, centre + half


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
    near, far = _grow(boxes, moved, offset)
    if call.attribute("clips_before"):
        near, far = (tf.clip_by_value(each, 0.0, limits - offset) for each in (near, far))
    large = tf.reduce_all(far - near + offset >= float(call.attribute("min_size")) * scales, -1)
    scores = tf.reshape(tf.where(large, scores, 0.0), [images, -1])
    boxes = tf.reshape(tf.concat([near, far], -1), [images, -1, 4])
    top, post = int(call.attribute("pre_nms")), int(call.attribute("post_nms"))
    made = _choose(
        boxes, scores, top=min(top, scores.shape[1]), most=post,
        overlap=above(call.attribute("overlap")), least=NO_SCORE, offset=offset,
    )  # fmt: skip
    return _list_proposals(call, made, (images, post), limits)


def _list_proposals(call: Call, made: _Rows, sizes: tuple[int, int], limits: Any) -> list[Any]:
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
    near, far = _grow(tf.reshape(call.plain(1), [1, -1, 4]), moved, offset, _MAX_GROWTH)
    near, far = (tf.clip_by_value(each, 0.0, limits - offset) for each in (near, far - offset))
    size = far - near + offset
    large = tf.reduce_all(size >= float(call.attribute("min_size")) * ratio, -1)
    top = min(int(call.attribute("pre_nms")), scores.shape[1])
    # Boxes that are too small count among the best, and are left out then.
    found, places = best(scores, top)
    boxes = tf.gather(tf.concat([near, far], -1), places, batch_dims=1)
    found = tf.where(tf.gather(large, places, batch_dims=1), found, NO_SCORE)
    made = _choose(
        boxes, found, top=-1, most=int(call.attribute("post_nms")),
        overlap=above(call.attribute("overlap")), least=NO_SCORE, offset=offset,
    )  # fmt: skip
    filled = made.scores > NO_SCORE
    kept = _places_of(filled)
    taken, _ = made.take(kept)
    return [
        taken,
        tf.gather(tf.reshape(made.scores, [-1]), kept),
        tf.reduce_sum(tf.cast(filled, tf.int32), 1),
    ]


def _places_of(filled: Any) -> Any:
    """Return the places of a table that are filled, one behind the other."""
    return tf.reshape(tf.cast(tf.where(tf.reshape(filled, [-1])), tf.int32), [-1])


def _generate_of_image(call: Call) -> list[Any]:
    """ExperimentalDetectronGenerateProposalsSingleImage: a stated number of boxes and scores."""
    count, rows, columns = known_sizes(call, 3)
    info = tf.reshape(call.plain(0), [-1])
    limits = tf.stack([info[1], info[0]])
    moved = tf.reshape(call.plain(2), [count, 4, rows, columns])
    moved = tf.reshape(tf.transpose(moved, [2, 3, 0, 1]), [-1, 4])
    scores = tf.reshape(tf.transpose(call.plain(3), [1, 2, 0]), [-1])
    near, far = _grow(tf.reshape(call.plain(1), [-1, 4]), moved, 1.0, _MAX_GROWTH)
    near, far = (tf.clip_by_value(each, 0.0, limits - 1.0) for each in (near, far - 1.0))
    large = tf.reduce_all(far - near + 1.0 >= float(call.attribute("min_size")), -1)
    scores = tf.where(large, scores, 0.0)[None]
    post = int(call.attribute("post_nms"))
    made = _choose(
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


def _detect_by_class(call: Call) -> list[Any]:
    """ExperimentalDetectronDetectionOutput: boxes, classes and scores of regions."""
    regions, classes = known_sizes(call, 2)
    boxes, most = call.plain(0), int(call.attribute("most"))
    weights = np.array(call.attribute("weights"), np.float32)
    moved = tf.reshape(call.plain(1), [regions, classes, 4]) / weights
    limit = np.float32(call.attribute("max_growth"))
    near, far = _grow(boxes[:, None], moved, 1.0, limit)
    made = tf.maximum(tf.concat([near, far - 1.0], -1), 0.0)
    sound = tf.reduce_all(boxes[:, 2:] > boxes[:, :2], 1)
    scores = tf.where(sound[:, None], call.plain(2), 0.0)
    rows = _choose(
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
    made = _choose(
        call.plain(0), scores, top=int(call.attribute("top_k")), most=-1,
        overlap=check_limit(np.float32(call.attribute("overlap"))),
        least=at_least(call.attribute("least")),
        offset=0.0 if call.attribute("normalized") else 1.0,
    )  # fmt: skip
    return _list_rows(call, made, (images, count), kinds)


def _list_rows(call: Call, made: _Rows, sizes: tuple[int, int], kinds: Sequence[int]) -> list[Any]:
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
    kept = tf.gather(tf.reshape(own, [-1]), _places_of(filled))
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
    made = _Rows(boxes=boxes, numbers=numbers, chosen=order, scores=lowered)
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
    "DetectionOutput": _detect,
    "ExperimentalDetectronDetectionOutput": _detect_by_class,
    "ExperimentalDetectronGenerateProposalsSingleImage": _generate_of_image,
    "GenerateProposals": _generate,
    "MatrixNms": _decay,
    "MulticlassNms": _suppress_classes,
    "NonMaxSuppression": _suppress,
    "Proposal": _propose,
}
