"""Choices among elements: the greatest, those that are not zero, those that differ, boxes."""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import ConversionError
from pipeline.tf.layout.sizes import Size, is_known, materialize
from pipeline.tf.layout.value import Value, arrange, is_float, wrap

# So many columns are sorted by one after the other.
_MAX_COLUMNS = 64
# So many classes of images are chosen from without a loop.
_MAX_UNROLLED = 32


def top(
    value: Value, count: Any, axis: int, *, largest: bool, index_dtype: str = "int64"
) -> list[Value]:
    """Return the greatest, or least, elements along an axis and their indices, in order.

    Args:
        value: The elements; of equal ones the first comes first.
        count: How many, a number or a scalar.
        axis: The axis.
        largest: Whether the greatest or the least.
        index_dtype: Dtype of the indices.
    """
    order = (*(each for each in value.order if each != axis), axis)
    tensor = arrange(value, order).tensor
    found, places = tf.math.top_k(tensor if largest else _turned(tensor), count)
    found = found if largest else _turned(found)
    size = count if isinstance(count, int) else None
    sizes = [size if each == axis else own for each, own in enumerate(value.sizes)]
    return [
        wrap(found, value.dtype, order=order, sizes=sizes),
        wrap(places, index_dtype, order=order, sizes=sizes),
    ]


def _turned(tensor: Any) -> Any:
    """Return numbers in the opposite order; of whole numbers, -1 - x is never too large."""
    return -tensor if tensor.dtype.is_floating else -1 - tensor


def find_true(value: Value) -> Value:
    """Return the indices of the elements that are not zero, (axes, number of them)."""
    tensor = value.plain
    if value.rank == 0:
        tensor = tf.reshape(tensor, [1])
    if tensor.dtype != tf.bool:
        tensor = tf.not_equal(tensor, tf.zeros([], tensor.dtype))
    return wrap(tf.cast(tf.where(tensor), tf.int32), "int64", order=(1, 0))


def compress(value: Value, condition: Value, axis: int) -> Value:
    """Return the slices of an axis where a vector of conditions is true."""
    places = tf.reshape(tf.cast(tf.where(condition.plain), tf.int32), [-1])
    held_axis = value.order.index(axis)
    made = tf.gather(value.tensor, places, axis=held_axis)
    sizes = [None if each == axis else size for each, size in enumerate(value.sizes)]
    return wrap(made, value.dtype, order=value.order, sizes=sizes)


def unique(value: Value, axis: int, *, in_order: bool) -> list[Value]:
    """Return the slices of an axis that differ.

    Args:
        value: The slices.
        axis: Their axis.
        in_order: Whether they are sorted, first elements first; else as they come first.

    Returns:
        The slices; where each comes first; which of them each slice is; how often each comes.
    """
    tensor = value.plain
    found, own = (
        tf.raw_ops.Unique(x=tensor)
        if value.rank == 1
        else tf.raw_ops.UniqueV2(x=tensor, axis=[axis])
    )
    shape = tensor.shape.as_list()
    found = tf.ensure_shape(found, [*shape[:axis], None, *shape[axis + 1 :]])
    number = tf.shape(found)[axis]
    counts = tf.scatter_nd(own[:, None], tf.ones_like(own), tf.reshape(number, [1]))
    by_slice = _sort(own)
    first = tf.gather(by_slice, tf.cumsum(counts, exclusive=True))
    if in_order:
        order = _sort_slices(found, axis)
        found, first, counts = (
            tf.gather(found, order, axis=axis),
            tf.gather(first, order),
            tf.gather(counts, order),
        )
        own = tf.gather(_sort(order), own)
    return [
        wrap(found, value.dtype),
        wrap(first, "int64"),
        wrap(own, "int64"),
        wrap(counts, "int64"),
    ]


def _sort(vector: Any) -> Any:
    """Return the indices that sort a vector; of equal elements the first comes first."""
    return tf.math.top_k(_turned(vector), tf.size(vector))[1]


def _sort_slices(tensor: Any, axis: int) -> Any:
    """Return the indices that sort slices of an axis by their elements."""
    if tensor.shape.rank == 1:
        return _sort(tensor)
    shape = tensor.shape.as_list()
    rest = shape[:axis] + shape[axis + 1 :]
    columns = None if None in rest else int(np.prod(rest))
    if columns is None or columns > _MAX_COLUMNS:
        raise ConversionError(f"slices of {columns or 'an open number of'} elements are not sorted")
    moved = tf.transpose(tensor, [axis, *(each for each in range(len(shape)) if each != axis)])
    rows = tf.reshape(moved, [-1, columns])
    order = tf.range(tf.shape(rows)[0])
    for column in reversed(range(columns)):
        order = tf.gather(order, _sort(tf.gather(rows[:, column], order)))
    return order


def choose_boxes(boxes: Value, scores: Value, limit: Any, *, overlap: Any, least: Any) -> Value:
    """Return the boxes that do not overlap better ones, for each image and class by itself.

    Args:
        boxes: Corners of boxes, (images, boxes, 4): y, x of one and of the opposite.
        scores: Scores, (images, classes, boxes).
        limit: The most boxes of an image and class, a number or a scalar.
        overlap: Boxes that overlap a better one by more are left out, as intersection over union.
        least: Only boxes of a greater score count; None for all.

    Returns:
        Triples of an image, a class and a box, (chosen, 3).
    """
    number = _least(limit, boxes.sizes[1])
    least = np.float32(np.finfo(np.float32).min) if least is None else least
    images, classes = scores.sizes[0], scores.sizes[1]
    if is_known(images) and is_known(classes) and images * classes <= _MAX_UNROLLED:
        all_boxes, all_scores = boxes.plain, scores.plain
        by_image = [all_boxes[image] for image in range(images)]
        made = [
            choose_in_row(by_image[image], all_scores[image, kind], number, overlap, least)
            for image in range(images)
            for kind in range(classes)
        ]
        triples = [
            tf.pad(chosen[:, None], [[0, 0], [2, 0]])
            + np.array([[row // classes, row % classes, 0]], np.int32)
            for row, chosen in enumerate(made)
        ]
        return wrap(tf.concat(triples, 0) if len(triples) > 1 else triples[0], "int64")
    return _choose_in_loop(boxes, scores, number, overlap, least)


def _least(limit: Any, size: Size) -> Any:
    """Return how many boxes an image and class can have."""
    if isinstance(limit, int) and is_known(size):
        return min(limit, size)
    return tf.minimum(limit, materialize(size))


def choose_in_row(boxes: Any, scores: Any, limit: Any, overlap: Any, least: Any) -> Any:
    """Return the boxes (boxes, 4) that do not overlap better ones; see `choose_boxes`."""
    return tf.raw_ops.NonMaxSuppressionV3(
        boxes=boxes,
        scores=scores,
        max_output_size=limit,
        iou_threshold=overlap,
        score_threshold=least,
    )


def _choose_in_loop(boxes: Value, scores: Value, limit: Any, overlap: Any, least: Any) -> Value:
    """Choose from each image and class in turn, and list what was chosen at the end."""
    classes = materialize(scores.sizes[1])
    rows = materialize(scores.sizes[0] * scores.sizes[1])
    all_boxes = boxes.plain
    flat = tf.reshape(scores.plain, tf.stack([rows, materialize(scores.sizes[2])]))

    def choose(row: Any, chosen: Any) -> tuple[Any, Any]:
        own = tf.gather(all_boxes, tf.math.floordiv(row, classes))
        kept = choose_in_row(own, tf.gather(flat, row), limit, overlap, least)
        missing = tf.reshape(tf.stack([0, limit - tf.size(kept)]), [1, 2])
        filled = tf.pad(kept, missing, constant_values=-1)
        return row + 1, tf.tensor_scatter_nd_update(
            chosen, tf.reshape(row, [1, 1]), tf.reshape(filled, tf.stack([1, limit]))
        )

    start = tf.fill(tf.stack([rows, limit]), -1)
    _, chosen = tf.while_loop(
        lambda row, _: row < rows,
        choose,
        [tf.constant(0), start],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, None])],
    )
    places = tf.cast(tf.where(chosen >= 0), tf.int32)
    row = places[:, 0]
    found = tf.gather_nd(chosen, places)
    triples = tf.stack([tf.math.floordiv(row, classes), tf.math.floormod(row, classes), found], 1)
    return wrap(tf.reshape(triples, [-1, 3]), "int64")


def corners(boxes: Value) -> Value:
    """Return corners of boxes that are given as x, y of their center, width and height."""
    tensor = boxes.plain
    center, half = tensor[..., :2], tensor[..., 2:] * 0.5
    made = tf.concat([(center - half)[..., ::-1], (center + half)[..., ::-1]], -1)
    return wrap(made, boxes.dtype, sizes=boxes.sizes)


def highest(value: Value, axis: int) -> Value:
    """Return ones where the first greatest element along an axis is, and zeros elsewhere."""
    held = value.order.index(axis)
    best = tf.expand_dims(tf.argmax(value.tensor, held, tf.int32), held)
    shape = [-1 if each == held else 1 for each in range(value.rank)]
    numbers = tf.reshape(tf.range(materialize(value.sizes[axis])), shape)
    made = tf.cast(tf.equal(best, numbers), tf.float32 if is_float(value.dtype) else tf.int32)
    return wrap(made, value.dtype, order=value.order, sizes=value.sizes)
