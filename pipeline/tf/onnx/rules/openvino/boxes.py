"""Rows of boxes: decoded, and chosen by their scores."""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from pipeline.tf.layout.sizes import is_known
from pipeline.tf.layout.suppression import (
    NO_SCORE,
    best,
    choose_rows,
    widen,
)
from pipeline.tf.onnx.call import Call


def known_sizes(call: Call, index: int) -> list[int]:
    """Return the sizes of an input.

    Raises:
        ConversionError: One is open.
    """
    sizes = call.value(index).sizes
    if not all(map(is_known, sizes)):
        raise call.refuse(f"input {index} has open sizes")
    return [int(size) for size in sizes if is_known(size)]


@dataclass(frozen=True, kw_only=True)
class Rows:
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


def choose(  # noqa: PLR0913  # the limits of a choice
    boxes: Any, scores: Any, *, top: int, most: int, overlap: Any, least: Any, offset: float = 0.0
) -> Rows:
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
    return Rows(boxes=boxes, numbers=numbers, chosen=tf.maximum(chosen, 0), scores=found)


def filled_places(filled: Any) -> Any:
    """Return the places of a table that are filled, one behind the other."""
    return tf.reshape(tf.cast(tf.where(tf.reshape(filled, [-1])), tf.int32), [-1])


def grow(boxes: Any, moved: Any, offset: float, most: Any = None) -> Any:
    """Return boxes x, y, x, y that are moved by their centre and the logarithm of their size."""
    size = boxes[..., 2:] - boxes[..., :2] + offset
    centre = boxes[..., :2] + 0.5 * size
    growth = moved[..., 2:] if most is None else tf.minimum(moved[..., 2:], most)
    centre = moved[..., :2] * size + centre
    half = 0.5 * (tf.exp(growth) * size)
    return centre - half, centre + half
