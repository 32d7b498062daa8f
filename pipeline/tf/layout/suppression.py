"""Boxes that do not overlap better ones, for each row of scores by itself, as dense tables.

TensorFlow.js has the choice of one row as an op; rows are written out, or run in a loop where there
are many.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import ConversionError
from pipeline.tf.layout.selection import choose_in_row

# So many rows are chosen from without a loop.
_MAX_UNROLLED = 32
_LAST = np.iinfo(np.int32).max
NO_SCORE = np.float32(np.finfo(np.float32).min)
"""The score of a place that no box fills."""


def above(limit: float) -> Any:
    """Return the limit of overlap for boxes that are left out only above it."""
    return check_limit(np.nextafter(np.float32(limit), np.float32(np.inf)))


def check_limit(limit: Any) -> Any:
    """Return a limit of overlap.

    Raises:
        ConversionError: It is none that the op takes.
    """
    if not 0 <= limit <= 1:
        raise ConversionError(
            f"its limit of overlap is {limit:g}; it has to be within 0 and 1, and below 1 where "
            "boxes with the limit itself are kept"
        )
    return limit


def at_least(limit: float) -> Any:
    """Return the limit of scores for boxes that count with the limit itself, too."""
    return np.nextafter(np.float32(limit), np.float32(-np.inf))


def widen(boxes: Any, offset: float) -> Any:
    """Return corners of boxes whose sides are longer by an offset; none is turned over.

    Args:
        boxes: float32 (…, 4): two numbers of the one corner, two of the opposite.
        offset: 1 where the pixel at the far corner belongs to a box, else 0.
    """
    near, far = boxes[..., :2], boxes[..., 2:]
    return tf.concat([near, tf.maximum(far + offset if offset else far, near)], -1)


def choose_rows(boxes: Any, scores: Any, limit: int, *, overlap: Any, least: Any) -> Any:
    """Return the boxes of each row that do not overlap better ones.

    Args:
        boxes: float32 (rows, boxes, 4), or (groups, boxes, 4) where rows share them, in order.
        scores: float32 (rows, boxes).
        limit: The most boxes of a row.
        overlap: Boxes that overlap a better one by as much are left out.
        least: Only boxes of a greater score count.

    Returns:
        Numbers of boxes, int32 (rows, limit), best first; -1 for no box.
    """
    rows, groups = scores.shape[0], boxes.shape[0]
    if rows <= _MAX_UNROLLED:
        made = [
            _fill(
                choose_in_row(boxes[row * groups // rows], scores[row], limit, overlap, least),
                limit,
            )
            for row in range(rows)
        ]
        return tf.stack(made)

    def choose(row: Any, chosen: Any) -> tuple[Any, Any]:
        own = tf.gather(boxes, tf.math.floordiv(row * groups, rows))
        kept = choose_in_row(own, tf.gather(scores, row), limit, overlap, least)
        filled = tf.reshape(_fill(kept, limit), [1, limit])
        return row + 1, tf.tensor_scatter_nd_update(chosen, tf.reshape(row, [1, 1]), filled)

    start = tf.fill([rows, limit], -1)
    return tf.while_loop(lambda row, _: row < rows, choose, [tf.constant(0), start])[1]


def _fill(chosen: Any, limit: int) -> Any:
    """Return the numbers of a row, filled up with -1."""
    missing = tf.reshape(tf.stack([0, limit - tf.size(chosen)]), [1, 2])
    return tf.ensure_shape(tf.pad(chosen, missing, constant_values=-1), [limit])


def best(scores: Any, count: int) -> tuple[Any, Any]:
    """Return the greatest scores of rows and their places; all of them where there are fewer."""
    found, places = tf.math.top_k(scores, min(count, scores.shape[-1]))
    return found, places


def keep_best(scores: Any, count: int) -> Any:
    """Return the places of the greatest scores of rows in the order of places.

    Args:
        scores: float32 (rows, places), `NO_SCORE` where nothing is.
        count: The most of a row; -1 for all.

    Returns:
        int32 (rows, kept), behind them the largest int32 where a row has fewer.
    """
    width = scores.shape[-1]
    if count < 0 or count >= width:
        places = tf.broadcast_to(tf.range(width), tf.shape(scores))
        found = scores
    else:
        found, places = tf.math.top_k(scores, count)
    return ascending(tf.where(found > NO_SCORE, places, _LAST))


def ascending(keys: Any) -> Any:
    """Return whole numbers of rows in ascending order."""
    return -tf.math.top_k(-keys, keys.shape[-1])[0]


def is_filled(places: Any) -> Any:
    """Return which places of `keep_best` are filled."""
    return places < _LAST
