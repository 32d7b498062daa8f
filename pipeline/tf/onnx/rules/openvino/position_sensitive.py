"""Operators of OpenVINO that pool regions of images, where each cell has channels of its own.

Their outputs are those of its CPU plugin:
https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets/operation-specs.html
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.quantized import keep_apart
from pipeline.tf.layout.sampling import find_taps, gather_taps
from pipeline.tf.layout.value import Value, constant, wrap
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.rules.openvino.boxes import known_sizes
from pipeline.tf.onnx.rules.openvino.regions import (
    find_images,
    finish_regions,
    interpolate_regions,
    read_counts,
    round_away,
)


def _exactly(divisor: int) -> Any:
    """Return a divisor that the optimizer makes no factor of: at the edges of cells it matters."""
    return keep_apart(constant(np.float32(divisor))).tensor


def _pool_by_place(call: Call) -> Value:
    """PSROIPooling: each cell of a region has channels of its own."""
    regions, images, there = call.plain(1), *find_images(call.plain(1))
    made = (_pool_bins if call.attribute("mode") == "bilinear" else _pool_cells)(
        call, images, regions[:, 1:]
    )
    made = tf.where(there[:, None, None, None], made, 0.0)
    return finish_regions(call, made, read_counts(call), int(call.attribute("outputs")))


def _pool_cells(call: Call, images: Any, regions: Any) -> Any:
    """Return means of cells, each a product with the row and the column of the elements in it."""
    batch, _, height, width = known_sizes(call, 0)
    outputs, (rows, columns) = int(call.attribute("outputs")), read_counts(call)
    scale = float(call.attribute("scale"))
    near = round_away(regions[:, :2]) * scale
    far = round_away(regions[:, 2:] + 1.0) * scale
    length = tf.maximum(far - near, 0.1)
    masks, sizes = [], []
    for axis, (size, count) in enumerate(((height, rows), (width, columns))):
        step = length[:, 1 - axis, None] / _exactly(count)
        first, number = near[:, 1 - axis, None], np.arange(count, dtype=np.float32)
        begin = tf.clip_by_value(tf.floor(number * step + first), 0.0, float(size))
        end = tf.clip_by_value(tf.math.ceil((number + 1) * step + first), 0.0, float(size))
        places = np.arange(size, dtype=np.float32)
        inside = tf.logical_and(places >= begin[..., None], places < end[..., None])
        masks.append(tf.cast(inside, tf.float32))
        sizes.append(tf.maximum(end - begin, 0.0))
    own = tf.one_hot(images, batch)
    # (rows of cells, batch * height, width * outputs * columns of cells)
    parts = tf.reshape(call.plain(0), [batch, outputs, rows, columns, height, width])
    parts = tf.reshape(tf.transpose(parts, [2, 0, 4, 5, 1, 3]), [rows, batch * height, -1])
    made = []
    for row in range(rows):
        mask = own[:, :, None] * masks[0][:, None, row]
        summed = tf.matmul(tf.reshape(mask, [-1, batch * height]), parts[row])
        across = tf.reshape(summed, [-1, width, outputs, columns])
        weights = tf.transpose(masks[1], [0, 2, 1])[:, :, None]
        made.append(tf.reduce_sum(across * weights, 1))
    area = sizes[0][:, :, None] * sizes[1][:, None]
    total = tf.transpose(tf.stack(made, 1), [0, 1, 3, 2])
    return total / tf.maximum(area, 1.0)[..., None]


def _pool_bins(call: Call, images: Any, regions: Any) -> Any:
    """Return means over bins of a region, in each of which a cell is one place."""
    batch, _, height, width = known_sizes(call, 0)
    outputs, (rows, columns) = int(call.attribute("outputs")), read_counts(call)
    bins = [int(n) for n in call.attribute("bins")]
    regions = regions * float(call.attribute("scale"))
    places = []
    for axis, (size, count) in enumerate(((height, rows), (width, columns))):
        first, last = regions[:, 1 - axis, None, None], regions[:, 3 - axis, None, None]
        length = (last - first) / bins[axis]
        begin = first + np.arange(bins[axis], dtype=np.float32)[None, :, None] * length
        share = np.arange(count) / (count - 1) if count > 1 else np.full(1, 0.5)
        place = (begin + length * share.astype(np.float32)[None, None]) * float(size - 1)
        places.append(place)
    number = bins[0] * bins[1]
    value = _images_of(call.plain(0), [batch * number, outputs, height, width])
    own = images[:, None] * number + np.arange(number, dtype=np.int32)
    y = tf.reshape(places[0], [-1, bins[0], 1, rows, 1]) + np.zeros(
        [1, 1, bins[1], 1, columns], np.float32
    )
    x = tf.reshape(places[1], [-1, 1, bins[1], 1, columns]) + np.zeros(
        [1, bins[0], 1, rows, 1], np.float32
    )
    flat = [tf.reshape(each, [-1, rows, columns]) for each in (y, x)]
    made = interpolate_regions(value, flat, tf.reshape(own, [-1]), (height, width), margin=0.0)
    return tf.reduce_mean(tf.reshape(made, [-1, number, rows, columns, outputs]), 1)


def _images_of(tensor: Any, shape: Sequence[int]) -> Value:
    """Return parts of channels as images of their own."""
    return wrap(tf.reshape(tensor, shape), "float32", sizes=shape)


def _pool_shifted(call: Call) -> Value:
    """DeformablePSROIPooling: each cell has channels of its own, and is shifted."""
    batch, _, height, width = known_sizes(call, 0)
    outputs, (rows, columns) = int(call.attribute("outputs")), read_counts(call)
    regions, images, there = call.plain(1), *find_images(call.plain(1))
    scale, bins = float(call.attribute("scale")), [int(n) for n in call.attribute("bins")]
    near = round_away(regions[:, 1:3]) * scale - 0.5
    far = (round_away(regions[:, 3:]) + 1.0) * scale - 0.5
    length = tf.maximum(far - near, 0.1)
    groups = int(call.attribute("groups"))
    shifts = _find_shifts(call, (rows, columns), groups)
    value = _split_cells(call, (batch, groups, outputs // groups, rows, columns))
    cells = groups * rows * columns
    places, inside = [], tf.ones([], tf.bool)
    for axis, (size, count) in enumerate(((height, rows), (width, columns))):
        step = length[:, 1 - axis] / count
        number = np.arange(count, dtype=np.float32).reshape([-1, 1] if axis == 0 else [1, -1])
        begin = near[:, 1 - axis, None, None] + step[:, None, None] * number
        begin = tf.broadcast_to(begin[:, None], [tf.shape(begin)[0], groups, rows, columns])
        if shifts is not None:
            begin = begin + shifts[:, :, 1 - axis] * length[:, 1 - axis, None, None, None]
        part = np.arange(bins[axis], dtype=np.float32).reshape([-1, 1] if axis == 0 else [1, -1])
        place = (
            tf.reshape(begin, [-1, cells, 1, 1]) + (step / bins[axis])[:, None, None, None] * part
        )
        inside = tf.logical_and(inside, (place + 0.5 >= 0) & (place <= size - 0.5))
        places.append(place)
    whole = [place + np.zeros([1, 1, *bins], np.float32) for place in places]
    flat = [tf.reshape(each, [-1, *bins]) for each in whole]
    own = images[:, None] * cells + np.arange(cells, dtype=np.int32)
    taps = find_taps(value, flat, "linear", "border")
    taken = gather_taps(value, taps, tf.add, images=tf.reshape(own, [-1]))
    counted = tf.reshape(tf.cast(inside, tf.float32), [-1, *bins, 1])
    total = tf.reduce_sum(taken * counted, [1, 2])
    made = total / tf.maximum(tf.reduce_sum(counted, [1, 2]), 1.0)
    made = tf.reshape(made, [-1, groups, rows, columns, outputs // groups])
    made = tf.reshape(tf.transpose(made, [0, 2, 3, 1, 4]), [-1, rows, columns, outputs])
    return finish_regions(
        call, tf.where(there[:, None, None, None], made, 0.0), (rows, columns), outputs
    )


def _split_cells(call: Call, sizes: Sequence[int]) -> Value:
    """Return the channels of each group and cell as images of their own."""
    batch, groups, outputs, rows, columns = sizes
    height, width = known_sizes(call, 0)[2:]
    parts = tf.reshape(call.plain(0), [batch, groups, outputs, rows * columns, height * width])
    parts = tf.transpose(parts, [0, 1, 3, 2, 4])
    return _images_of(parts, [batch * groups * rows * columns, outputs, height, width])


def _find_shifts(call: Call, counts: Sequence[int], groups: int) -> Any:
    """Return how far cells are shifted, (regions, groups, 2, rows, columns): x, then y."""
    if not call.has(2):
        return None
    parts = int(call.attribute("parts"))
    stated = tf.reshape(call.plain(2), [-1, groups, 2, parts, parts])
    for axis, count in enumerate(counts):
        stated = tf.gather(stated, np.arange(count) * parts // count, axis=3 + axis)
    return stated * float(call.attribute("deviation"))


RULES: Table = {
    "DeformablePSROIPooling": _pool_shifted,
    "PSROIPooling": _pool_by_place,
}
