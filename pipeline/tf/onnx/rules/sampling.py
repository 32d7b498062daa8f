"""Operators that take elements of images at computed places, or move blocks of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.convolution import Window, channels_last
from pipeline.tf.layout.deconvolution import deconvolve
from pipeline.tf.layout.reshape import reshape
from pipeline.tf.layout.sampling import find_taps, gather_taps, sample
from pipeline.tf.layout.sizes import is_known, materialize
from pipeline.tf.layout.space_to_depth import depth_to_space, space_to_depth
from pipeline.tf.layout.value import Value, arrange, constant, reshape_held, wrap
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.rules.convolutions import window_of

_IMAGE_AXES = 4


def _depth_to_space(call: Call) -> Value:
    blocks_last = call.attribute("mode", "DCR") == "CRD"
    return depth_to_space(call.value(0), int(call.attribute("blocksize")), blocks_last=blocks_last)


def _space_to_depth(call: Call) -> Value:
    return space_to_depth(call.value(0), int(call.attribute("blocksize")))


def _sample_grid(call: Call) -> Value:
    """GridSample: the last axis of the grid has x, y and z, from -1 to 1 over the image."""
    value, grid = call.value(0), call.plain(1)
    aligned = bool(call.attribute("align_corners", 0))
    mode = call.attribute("mode", "linear")
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    space = value.rank - 2
    if mode == "cubic" and space != 2:  # noqa: PLR2004  # what the standard defines
        raise call.refuse("it is cubic over other than two axes")
    places = []
    for axis in range(space):
        size = tf.cast(materialize(value.sizes[2 + axis]), tf.float32)
        share = grid[..., space - 1 - axis]
        if aligned:
            places.append((share + 1.0) * ((size - 1.0) * 0.5))
        else:
            places.append(((share + 1.0) * size - 1.0) * 0.5)
    padding = call.attribute("padding_mode", "zeros")
    made = sample(value, places, mode=mode, padding=padding, aligned=aligned)
    sizes = (*value.sizes[:2], *call.value(1).sizes[1:-1])
    return wrap(made, value.dtype, order=channels_last(value.rank), sizes=sizes)


def _make_grid(call: Call) -> Any:
    """AffineGrid: the places -1 to 1 of an image's pixels, times a matrix for each image."""
    sizes = [int(n) for n in call.require(1, "size")][2:]
    if call.attribute("align_corners", 0):
        axes = [np.linspace(-1, 1, size) if size > 1 else np.zeros(1) for size in sizes]
    else:
        axes = [(2 * np.arange(size) + 1) / size - 1 for size in sizes]
    places = [each.reshape(-1) for each in np.meshgrid(*axes, indexing="ij")][::-1]
    base = np.stack([*places, np.ones_like(places[0])], 1).astype(np.float32)
    made = tf.matmul(tf.constant(base), call.plain(0), transpose_b=True)
    return tf.reshape(made, [-1, *sizes, len(sizes)])


def _align_regions(call: Call) -> Value:
    """RoiAlign: samples on a regular grid over each region, pooled cell by cell."""
    value, regions, images = call.value(0), call.plain(1), call.plain(2)
    samples = int(call.attribute("sampling_ratio", 0))
    if samples < 1:
        raise call.refuse("the number of its samples depends on the size of the regions")
    half = call.version >= 16 and (  # noqa: PLR2004  # older versions have no such attribute
        call.attribute("coordinate_transformation_mode", "half_pixel") == "half_pixel"
    )
    counts = [int(call.attribute(name, 1)) for name in ("output_height", "output_width")]
    corners = regions * float(call.attribute("spatial_scale", 1.0)) - (0.5 if half else 0.0)
    starts = [corners[:, 1], corners[:, 0]]
    lengths = [corners[:, 3] - starts[0], corners[:, 2] - starts[1]]
    if not half:
        lengths = [tf.maximum(length, 1.0) for length in lengths]
    images = tf.cast(images, tf.int32)
    pool = _pool_largest if call.attribute("mode", "avg") == "max" else pool_means
    made = pool(value, images, starts, lengths, [count * samples for count in counts])
    if pool is pool_means:
        if samples > 1:
            made = tf.nn.avg_pool2d(made, samples, samples, "VALID")
    elif samples > 1:
        made = tf.nn.max_pool2d(made, samples, samples, "VALID")
    order = channels_last(_IMAGE_AXES)
    sizes = (call.value(1).sizes[0], value.sizes[1], *counts)
    return wrap(made, value.dtype, order=order, sizes=sizes)


def pool_means(
    value: Value, images: Any, starts: Sequence[Any], lengths: Sequence[Any], counts: Sequence[int]
) -> Any:
    """Return samples of regions (regions, rows, columns, channels), by CropAndResize.

    Up to one pixel outside, the elements of the edge count; what is further outside is zero. The
    op has zero outside of the image, so that a border of one pixel makes it the same.
    """
    held = arrange(value, channels_last(_IMAGE_AXES)).tensor
    padded = tf.pad(held, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="SYMMETRIC")
    ends = []
    for axis in (0, 1):
        most = tf.cast(materialize(value.sizes[2 + axis]) + 1, tf.float32)
        edge = lengths[axis] * (0.5 / counts[axis])
        first = starts[axis] + 1.0 + edge
        last = starts[axis] + 1.0 + lengths[axis] - edge
        ends.append((first / most, last / most))
    boxes = tf.stack([ends[0][0], ends[1][0], ends[0][1], ends[1][1]], 1)
    return tf.image.crop_and_resize(padded, boxes, images, counts)


def _pool_largest(
    value: Value, images: Any, starts: Sequence[Any], lengths: Sequence[Any], counts: Sequence[int]
) -> Any:
    """Return for each sample the largest of the four weighted elements, as the standard has it."""
    places, insides = [], []
    for axis in (0, 1):
        size = tf.cast(materialize(value.sizes[2 + axis]), tf.float32)
        share = tf.constant((np.arange(counts[axis]) + 0.5) / counts[axis], tf.float32)
        place = starts[axis][:, None] + lengths[axis][:, None] * share
        shape = [-1, counts[0], 1] if axis == 0 else [-1, 1, counts[1]]
        insides.append(tf.reshape(tf.cast((place >= -1.0) & (place <= size), tf.float32), shape))
        places.append(tf.reshape(tf.clip_by_value(place, 0.0, size - 1.0), shape))
    whole = [place + tf.zeros([1, *counts]) for place in places]
    taken = find_taps(value, whole, "linear", "border")
    made = gather_taps(value, taken, tf.maximum, images=images)
    return made * tf.expand_dims(insides[0] * insides[1], -1)


def _from_columns(call: Call) -> Value:
    """Col2Im: a transposed convolution with a kernel that puts each element where it belongs."""
    value = call.value(0)
    image = [int(n) for n in call.require(1, "image_shape")]
    block = [int(n) for n in call.require(2, "block_shape")]
    window = window_of(call.replaced(call.inputs, kernel_shape=block), block, image)
    counts = window.count(image)
    elements = int(np.prod(block))
    if not is_known(value.sizes[1]):
        raise call.refuse("the number of channels is not known")
    channels = value.sizes[1] // elements
    columns = reshape(value, (value.sizes[0] * channels, elements, *counts))
    kernel = np.eye(elements, dtype=np.float32).reshape(elements, 1, *block)
    extra = [
        size + before + after - (int(count) - 1) * stride - reach
        for size, before, after, count, stride, reach in zip(
            image, window.before, window.after, counts, window.strides, window.reach, strict=True
        )
    ]
    made = deconvolve(columns, constant(kernel), None, window, extra=extra)
    return reshape(made, (value.sizes[0], channels, *image))


def _convolve_deformed(call: Call) -> Value:
    """DeformConv: a convolution whose elements are taken at shifted places."""
    value, kernel = call.value(0), call.value(1)
    window = window_of(call, kernel.sizes[2:], value.sizes[2:])
    space = len(window.size)
    taken = _take_shifted(call, value, window)
    groups = int(call.attribute("group", 1))
    weights = arrange(kernel, (*range(2, kernel.rank), 1, 0))
    elements = int(np.prod(window.size))
    channels, outputs = kernel.sizes[1], kernel.sizes[0]
    if not is_known(outputs) or not is_known(channels):
        raise call.refuse("the number of channels is not known")
    matrix = tf.reshape(weights.tensor, [elements * channels, outputs])
    parts = [
        tf.matmul(tf.reshape(part, [-1, elements * channels]), own)
        for part, own in zip(tf.split(taken, groups, -1), tf.split(matrix, groups, -1), strict=True)
    ]
    flat = tf.concat(parts, -1) if groups > 1 else parts[0]
    if call.has(3):
        flat = tf.nn.bias_add(flat, call.plain(3))
    sizes = (value.sizes[0], outputs, *call.value(2).sizes[2:])
    order = channels_last(space + 2)
    made = reshape_held(flat, [sizes[axis] for axis in order])
    return wrap(made, value.dtype, order=order, sizes=sizes)


def _take_shifted(call: Call, value: Value, window: Window) -> Any:
    """Return the elements under the window, (batch, space …, elements of the window, channels)."""
    space, groups = len(window.size), int(call.attribute("offset_group", 1))
    elements = int(np.prod(window.size))
    offset = call.value(2)
    batch, *counts = (offset.sizes[0], *offset.sizes[2:])
    shifts = reshape_held(offset.plain, [batch, groups, elements, space, *counts])
    masks = None
    if call.has(4):
        masks = reshape_held(call.plain(4), [batch, groups, elements, *counts])
    offsets = np.stack(np.meshgrid(*map(np.arange, window.size), indexing="ij")).reshape(space, -1)
    if not is_known(value.sizes[1]):
        raise call.refuse("the number of channels is not known")
    images = tf.split(arrange(value, channels_last(value.rank)).tensor, groups, -1)
    taken = []
    for group, image in enumerate(images):
        places = []
        for axis in range(space):
            inside = offsets[axis] * window.dilations[axis] - window.before[axis]
            starts = tf.range(materialize(counts[axis])) * window.strides[axis]
            shape = [1] * (space + 2)
            shape[axis + 2] = -1
            base = tf.reshape(starts, shape) + inside.reshape([1, -1] + [1] * space)
            places.append(tf.cast(base, tf.float32) + shifts[:, group, :, axis])
        own = wrap(
            image,
            value.dtype,
            order=channels_last(value.rank),
            sizes=(value.sizes[0], value.sizes[1] // groups, *value.sizes[2:]),
        )
        found = sample(own, places, mode="linear", padding="zeros")
        if masks is not None:
            found = found * tf.expand_dims(masks[:, group], -1)
        taken.append(found)
    joined = tf.concat(taken, -1) if groups > 1 else taken[0]
    return tf.transpose(joined, [0, *range(2, space + 2), 1, space + 2])


RULES: Table = {
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "AffineGrid": _make_grid,
    "GridSample": _sample_grid,
    "RoiAlign": _align_regions,
    "Col2Im": _from_columns,
    "DeformConv": _convolve_deformed,
}
