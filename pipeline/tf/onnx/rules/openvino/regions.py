"""Operators of OpenVINO that pool regions of images; channels last inside.

Their outputs are those of its CPU plugin:
https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets/operation-specs.html
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.convolution import channels_last
from pipeline.tf.layout.sampling import find_taps, gather_taps
from pipeline.tf.layout.value import Value, arrange, wrap
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.rules.openvino.boxes import known_sizes
from pipeline.tf.onnx.rules.sampling import pool_means

_ORDER = channels_last(4)
_CANONICAL = np.float32(224)
_LEAST = np.float32(np.finfo(np.float32).min)


def round_away(tensor: Any) -> Any:
    """Return numbers rounded as C does: halves away from zero."""
    return tf.sign(tensor) * tf.floor(tf.abs(tensor) + 0.5)


def finish_regions(call: Call, made: Any, counts: Sequence[int], channels: Any = None) -> Value:
    """Return regions (regions, rows, columns, channels) as the operator has them."""
    sizes = (call.value(1).sizes[0], channels or call.value(0).sizes[1], *counts)
    return wrap(made, call.value(0).dtype, order=_ORDER, sizes=sizes)


def read_counts(call: Call) -> list[int]:
    """Return the numbers of rows and columns of cells of each region."""
    return [int(n) for n in call.attribute("counts")]


def _align(call: Call) -> Value:
    """ROIAlign: means, or the largest, of samples on a regular grid over each region."""
    value, regions, images = call.value(0), call.plain(1), tf.cast(call.plain(2), tf.int32)
    samples, counts = int(call.attribute("samples")), read_counts(call)
    before, after = (float(call.attribute(name)) for name in ("before", "after"))
    corners = (regions + before) * float(call.attribute("scale")) + after
    least = float(call.attribute("least"))
    taken = _sample_regions(value, corners, images, [count * samples for count in counts], least)
    if samples > 1 or call.attribute("mode") == "max":
        pool = tf.nn.max_pool2d if call.attribute("mode") == "max" else tf.nn.avg_pool2d
        taken = pool(taken, samples, samples, "VALID")
    if call.attribute("mode") == "max":
        taken = tf.nn.relu(taken)  # the search for the largest begins with 0
    return finish_regions(call, taken, counts)


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
    samples, counts = int(call.attribute("samples")), read_counts(call)
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
    made = interpolate_regions(value, [y, x], images, (height, width), margin=1.0)
    if samples > 1:
        made = tf.nn.avg_pool2d(made, samples, samples, "VALID")
    return finish_regions(call, made, counts)


def interpolate_regions(
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
    counts = read_counts(call)
    images, there = find_images(regions)
    if call.attribute("method") == "bilinear":
        held = arrange(value, _ORDER).tensor
        boxes = tf.gather(regions, [2, 1, 4, 3], axis=1)
        made = tf.image.crop_and_resize(held, boxes, images, counts)
    else:
        made = _pool_largest(call, images, regions[:, 1:] * float(call.attribute("scale")), counts)
    return finish_regions(call, tf.where(there[:, None, None, None], made, 0.0), counts)


def find_images(regions: Any) -> tuple[Any, Any]:
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
    whole = tf.cast(round_away(places), tf.int32)
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
    "ExperimentalDetectronROIFeatureExtractor": _extract,
    "ROIAlign": _align,
    "ROIAlignRotated": _align_rotated,
    "ROIPooling": _pool,
}
