"""Operators of OpenVINO that pool regions of images; channels last inside.

Their outputs are those of its CPU plugin:
https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets/operation-specs.html
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.convolution import channels_last
from pipeline.tf.layout.quantized import keep_apart
from pipeline.tf.layout.sampling import find_taps, gather_taps
from pipeline.tf.layout.value import Value, arrange, constant, wrap
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.rules.openvino.boxes import known_sizes
from pipeline.tf.onnx.rules.sampling import pool_means

_ORDER = channels_last(4)
_CANONICAL = np.float32(224)
_LEAST = np.float32(np.finfo(np.float32).min)


def _round(tensor: Any) -> Any:
    """Return numbers rounded as C does: halves away from zero."""
    return tf.sign(tensor) * tf.floor(tf.abs(tensor) + 0.5)


def _exactly(divisor: int) -> Any:
    """Return a divisor that the optimizer makes no factor of: at the edges of cells it matters."""
    return keep_apart(constant(np.float32(divisor))).tensor


def _finish(call: Call, made: Any, counts: Sequence[int], channels: Any = None) -> Value:
    """Return regions (regions, rows, columns, channels) as the operator has them."""
    sizes = (call.value(1).sizes[0], channels or call.value(0).sizes[1], *counts)
    return wrap(made, call.value(0).dtype, order=_ORDER, sizes=sizes)


def _counts(call: Call) -> list[int]:
    return [int(n) for n in call.attribute("counts")]


def _align(call: Call) -> Value:
    """ROIAlign: means, or the largest, of samples on a regular grid over each region."""
    value, regions, images = call.value(0), call.plain(1), tf.cast(call.plain(2), tf.int32)
    samples, counts = int(call.attribute("samples")), _counts(call)
    before, after = (float(call.attribute(name)) for name in ("before", "after"))
    corners = (regions + before) * float(call.attribute("scale")) + after
    least = float(call.attribute("least"))
    taken = _sample_regions(value, corners, images, [count * samples for count in counts], least)
    if samples > 1 or call.attribute("mode") == "max":
        pool = tf.nn.max_pool2d if call.attribute("mode") == "max" else tf.nn.avg_pool2d
        taken = pool(taken, samples, samples, "VALID")
    if call.attribute("mode") == "max":
        taken = tf.nn.relu(taken)  # the search for the largest begins with 0
    return _finish(call, taken, counts)


def _sample_regions(
    value: Value, corners: Any, images: Any, counts: Sequence[int], least: float
) -> Any:
    """Return samples of regions x, y, x, y, (regions, rows, columns, channels)."""
    starts = [corners[:, 1], corners[:, 0]]
    lengths = [corners[:, 3] - starts[0], corners[:, 2] - starts[1]]
    if least:
        lengths = [tf.maximum(length, least) for length in lengths]
    return pool_means(value, images, starts, lengths, counts)


def _align_rotated(call: Call) -> Value:
    """ROIAlignRotated: means of samples over regions x, y, width, height and angle."""
    value, regions, images = call.value(0), call.plain(1), tf.cast(call.plain(2), tf.int32)
    height, width = known_sizes(call, 0)[2:]
    samples, counts = int(call.attribute("samples")), _counts(call)
    rows, columns = (count * samples for count in counts)
    scale = float(call.attribute("scale"))
    across, down = (regions[:, n, None, None] * scale for n in (2, 3))
    angle = regions[:, 4, None, None] * float(call.attribute("turn"))
    right = across * ((np.arange(columns, dtype=np.float32) + 0.5) / columns - 0.5)[None, None]
    below = down * ((np.arange(rows, dtype=np.float32) + 0.5) / rows - 0.5)[None, :, None]
    cosine, sine = tf.cos(angle), tf.sin(angle)
    centre = [regions[:, n, None, None] * scale - 0.5 for n in (0, 1)]
    y = below * cosine - right * sine + centre[1]
    x = below * sine + right * cosine + centre[0]
    made = _interpolate(value, [y, x], images, (height, width), margin=1.0)
    if samples > 1:
        made = tf.nn.avg_pool2d(made, samples, samples, "VALID")
    return _finish(call, made, counts)


def _interpolate(
    value: Value, places: Sequence[Any], images: Any, sizes: Sequence[int], *, margin: float
) -> Any:
    """Return what lies at places; zero further outside than a margin, the edge's element up to it.

    The margin is that before the first pixel; behind the last it ends with the image.
    """
    inside = tf.ones([], tf.bool)
    for place, size in zip(places, sizes, strict=True):
        last = float(size) if margin else float(size - 1)
        inside = tf.logical_and(inside, tf.logical_and(place >= -margin, place <= last))
    taps = find_taps(value, list(places), "linear", "border")
    made = gather_taps(value, taps, tf.add, images=images)
    return tf.where(inside[..., None], made, 0.0)


def _pool(call: Call) -> Value:
    """ROIPooling: the largest element of each cell of regions, or elements at regular places."""
    value, regions = call.value(0), call.plain(1)
    counts = _counts(call)
    images, there = _find_images(regions)
    if call.attribute("method") == "bilinear":
        held = arrange(value, _ORDER).tensor
        boxes = tf.gather(regions, [2, 1, 4, 3], axis=1)
        made = tf.image.crop_and_resize(held, boxes, images, counts)
    else:
        made = _pool_largest(call, images, regions[:, 1:] * float(call.attribute("scale")), counts)
    return _finish(call, tf.where(there[:, None, None, None], made, 0.0), counts)


def _find_images(regions: Any) -> tuple[Any, Any]:
    """Return the image of each region, and whether it comes before one of image -1, the end."""
    images = tf.cast(regions[:, 0], tf.int32)
    there = tf.equal(tf.cumsum(tf.cast(images < 0, tf.int32)), 0)
    return tf.where(there, images, 0), there


def _pool_largest(call: Call, images: Any, places: Any, counts: Sequence[int]) -> Any:
    """Return the largest elements of cells, 0 for those that are empty.

    Each cell is covered by four windows, whose sides are powers of two; a table for each pair of
    sides has the largest elements of all such windows.
    """
    batch, channels, *space = known_sizes(call, 0)
    whole = tf.cast(_round(places), tf.int32)
    starts, levels, filled = [], [], tf.ones([], tf.bool)
    for axis, (size, count) in enumerate(zip(space, counts, strict=True)):
        first, last = _find_cells(whole[:, 1 - axis], whole[:, 3 - axis], count, size)
        shape = [-1, count, 1] if axis == 0 else [-1, 1, count]
        first, length = tf.reshape(first, shape), tf.reshape(last - first, shape)
        filled = tf.logical_and(filled, length > 0)
        length = tf.maximum(length, 1)
        steps = [2**n for n in range(1, size.bit_length()) if 2**n <= size]
        level = sum((tf.cast(length >= step, tf.int32) for step in steps), tf.zeros_like(length))
        side = tf.gather(np.array([1, *steps], np.int32), level)
        first = tf.minimum(first, size - 1)
        starts.append((first, tf.maximum(first + length - side, 0)))
        levels.append((level, len(steps) + 1))
    tables = _largest_of_windows(arrange(call.value(0), _ORDER).tensor, levels[0][1], levels[1][1])
    flat = tf.reshape(tables, [-1, channels])
    table = levels[0][0] * levels[1][1] + levels[1][0]
    base = (table * batch + images[:, None, None]) * space[0]
    made = None
    for row in starts[0]:
        for column in starts[1]:
            taken = tf.gather(flat, (base + row) * space[1] + column)
            made = taken if made is None else tf.maximum(made, taken)
    return tf.where(filled[..., None], made, 0.0)


def _find_cells(first: Any, last: Any, count: int, size: int) -> tuple[Any, Any]:
    """Return where the cells of regions begin and end along an axis, (regions, cells)."""
    length = tf.maximum(last - first + 1, 1)[:, None]
    number = np.arange(count, dtype=np.int32)
    begins = tf.math.floordiv(length * number, count)
    ends = tf.math.floordiv(length * (number + 1) + count - 1, count)
    limits = [tf.clip_by_value(each + first[:, None], 0, size) for each in (begins, ends)]
    return limits[0], limits[1]


def _largest_of_windows(held: Any, rows: int, columns: int) -> Any:
    """Return the largest elements of windows: (sides, sides, batch, height, width, channels)."""
    tables = []
    for down in range(rows):
        if down:
            held = _widen(held, 1, 2 ** (down - 1))
        own = held
        for across in range(columns):
            if across:
                own = _widen(own, 2, 2 ** (across - 1))
            tables.append(own)
    return tf.stack(tables)


def _widen(held: Any, axis: int, shift: int) -> Any:
    """Return the larger of each element and the one that is a shift further on."""
    pads = [[0, shift if each == axis else 0] for each in range(4)]
    cut: list[Any] = [slice(None)] * 4
    cut[axis] = slice(shift, None)
    moved = tf.pad(held[tuple(cut)], pads, constant_values=_LEAST)
    return tf.maximum(held, moved)


def _pool_by_place(call: Call) -> Value:
    """PSROIPooling: each cell of a region has channels of its own."""
    regions, images, there = call.plain(1), *_find_images(call.plain(1))
    made = (_pool_bins if call.attribute("mode") == "bilinear" else _pool_cells)(
        call, images, regions[:, 1:]
    )
    made = tf.where(there[:, None, None, None], made, 0.0)
    return _finish(call, made, _counts(call), int(call.attribute("outputs")))


def _pool_cells(call: Call, images: Any, regions: Any) -> Any:
    """Return means of cells, each a product with the row and the column of the elements in it."""
    batch, _, height, width = known_sizes(call, 0)
    outputs, (rows, columns) = int(call.attribute("outputs")), _counts(call)
    scale = float(call.attribute("scale"))
    near = _round(regions[:, :2]) * scale
    far = _round(regions[:, 2:] + 1.0) * scale
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
    outputs, (rows, columns) = int(call.attribute("outputs")), _counts(call)
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
    made = _interpolate(value, flat, tf.reshape(own, [-1]), (height, width), margin=0.0)
    return tf.reduce_mean(tf.reshape(made, [-1, number, rows, columns, outputs]), 1)


def _images_of(tensor: Any, shape: Sequence[int]) -> Value:
    """Return parts of channels as images of their own."""
    return wrap(tf.reshape(tensor, shape), "float32", sizes=shape)


def _pool_shifted(call: Call) -> Value:
    """DeformablePSROIPooling: each cell has channels of its own, and is shifted."""
    batch, _, height, width = known_sizes(call, 0)
    outputs, (rows, columns) = int(call.attribute("outputs")), _counts(call)
    regions, images, there = call.plain(1), *_find_images(call.plain(1))
    scale, bins = float(call.attribute("scale")), [int(n) for n in call.attribute("bins")]
    near = _round(regions[:, 1:3]) * scale - 0.5
    far = (_round(regions[:, 3:]) + 1.0) * scale - 0.5
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
    return _finish(call, tf.where(there[:, None, None, None], made, 0.0), (rows, columns), outputs)


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


def _extract(call: Call) -> list[Any]:
    """ExperimentalDetectronROIFeatureExtractor: each region is taken from a level of its size."""
    regions = call.plain(0)
    scales, count = call.attribute("scales"), int(call.attribute("side"))
    samples, levels = int(call.attribute("samples")), len(call.attribute("scales"))
    area = (regions[:, 2] - regions[:, 0]) * (regions[:, 3] - regions[:, 1])
    size = tf.sqrt(tf.maximum(area, 0.0)) / _CANONICAL + np.float32(1e-6)
    level = tf.floor(tf.math.log(size) / np.float32(np.log(2)) + 2.0)
    level = tf.where(area > 0, tf.clip_by_value(level, 0.0, levels - 1.0), float(levels))
    images = tf.zeros_like(regions[:, 0], tf.int32)
    made = None
    for number, scale in enumerate(scales):
        corners = regions * np.float32(1 / scale) - float(call.attribute("after"))
        taken = _sample_regions(call.value(number + 1), corners, images, [count * samples] * 2, 1.0)
        if samples > 1:
            taken = tf.nn.avg_pool2d(taken, samples, samples, "VALID")
        own = tf.where(tf.equal(level, float(number))[:, None, None, None], taken, 0.0)
        made = own if made is None else made + own
    sizes = (call.value(0).sizes[0], call.value(1).sizes[1], count, count)
    return [wrap(made, call.value(1).dtype, order=_ORDER, sizes=sizes), call.value(0)]


RULES: Table = {
    "DeformablePSROIPooling": _pool_shifted,
    "ExperimentalDetectronROIFeatureExtractor": _extract,
    "PSROIPooling": _pool_by_place,
    "ROIAlign": _align,
    "ROIAlignRotated": _align_rotated,
    "ROIPooling": _pool,
}
