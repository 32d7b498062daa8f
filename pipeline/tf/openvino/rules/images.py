"""Operations on pictures: interpolation, blocks, patches, sampling."""

from typing import Any

from pipeline.tf.openvino.layer import Layer, Table
from pipeline.tf.openvino.rules.layers import window_attributes
from pipeline.tf.openvino.rules.parts import slice_axes, vector, whole

_MODES = {"nearest": "nearest", "linear": "linear", "linear_onnx": "linear", "cubic": "cubic"}
# As the library Pillow resizes: a smaller picture has means of more pixels.
_PILLOW = {"bilinear_pillow": "linear", "bicubic_pillow": "cubic"}


def _interpolate(layer: Layer) -> str:
    """Interpolate (opset4, opset11): to sizes, or by scales, along stated axes."""
    if layer.opset == "opset1":
        return _interpolate_first(layer)
    mode = str(layer.attribute("mode")).lower()
    if mode not in {**_MODES, **_PILLOW}:
        raise layer.refuse(f"its mode is {mode}")
    name = _pad(layer, layer.names[0])
    by_scales = str(layer.attribute("shape_calculation_mode")).lower() == "scales"
    at = 2 if by_scales and layer.opset == "opset4" else 1
    place = 3 if layer.opset == "opset4" else 2
    axes = layer.numbers(place, "axes") if layer.has(place) else list(range(layer.rank()))
    axes = [layer.axis(axis) for axis in axes]
    attributes: dict[str, Any] = {
        "mode": _MODES.get(mode, mode),
        "coordinate_transformation_mode": str(
            layer.attribute("coordinate_transformation_mode", "half_pixel")
        ).lower(),
        "nearest_mode": _rounding(layer),
        "cubic_coeff_a": float(layer.attribute("cube_coeff", -0.75)),
        "antialias": int(bool(layer.attribute("antialias", False)) and mode == "linear"),
    }
    if mode in _PILLOW:
        attributes |= {
            "mode": _PILLOW[mode], "coordinate_transformation_mode": "half_pixel",
            "antialias": 1, "exclude_outside": 1,
        }  # fmt: skip
    if by_scales:
        return _resize(layer, name, axes, (layer.names[at], ""), attributes)
    return _resize(layer, name, axes, ("", whole(layer, at)), attributes)


def _rounding(layer: Layer) -> str:
    mode = str(layer.attribute("nearest_mode", "round_prefer_floor")).lower()
    if mode == "simple" and layer.attribute("coordinate_transformation_mode") != "asymmetric":
        raise layer.refuse("it rounds simply, with places other than asymmetric")
    return mode


def _resize(
    layer: Layer, name: str, axes: list[int], ends: tuple[str, str], attributes: dict[str, Any]
) -> str:
    return layer.emit("Resize", [name, "", *ends], axes=tuple(axes), **attributes)


def _pad(layer: Layer, name: str) -> str:
    pads = [list(layer.attribute(each) or ()) for each in ("pads_begin", "pads_end")]
    if not any(map(any, pads)):
        return name
    rank = layer.rank()
    both = [each + [0] * (rank - len(each)) for each in pads]
    return layer.emit("Pad", [name, layer.constant([*both[0], *both[1]], "int64")])


def _interpolate_first(layer: Layer) -> str:
    """Interpolate (opset1): to sizes, with corners aligned or places that begin together."""
    mode = str(layer.attribute("mode")).lower()
    axes = sorted(int(axis) for axis in layer.attribute("axes"))
    if mode not in _MODES:
        raise layer.refuse(f"its mode is {mode}")
    if layer.attribute("antialias"):
        raise layer.refuse("it smooths")
    is_aligned = bool(layer.attribute("align_corners", True))
    attributes = {
        "mode": _MODES[mode],
        "coordinate_transformation_mode": "align_corners" if is_aligned else "asymmetric",
        "nearest_mode": "round_prefer_floor" if is_aligned else "simple",
        "cubic_coeff_a": -0.75,
    }
    return _resize(layer, _pad(layer, layer.names[0]), axes, ("", whole(layer, 1)), attributes)


def _depth_to_space(layer: Layer) -> str:
    """DepthToSpace over any number of axes of space."""
    block = int(layer.attribute("block_size"))
    blocks_first = str(layer.attribute("mode", "blocks_first")).lower() == "blocks_first"
    if layer.rank() == 4:  # noqa: PLR2004  # (batch, channels, height, width)
        mode = "DCR" if blocks_first else "CRD"
        return layer.emit("DepthToSpace", layer.names, blocksize=block, mode=mode)
    batch, channels, *space = _fixed(layer)
    count = len(space)
    blocks, depth = [block] * count, channels // block**count
    inner = [*blocks, depth] if blocks_first else [depth, *blocks]
    name = layer.reshape(layer.names[0], [batch, *inner, *space])
    first = 1 if blocks_first else 2
    order = [0, count + 1 if blocks_first else 1]
    for axis in range(count):
        order += [2 + count + axis, first + axis]
    name = layer.transpose(name, order)
    return layer.reshape(name, [batch, depth, *(size * block for size in space)])


def _fixed(layer: Layer) -> list[int]:
    """Return the sizes of the input; an open batch is -1.

    Raises:
        ConversionError: Another one is open.
    """
    first, *rest = layer.sizes()
    if any(size is None for size in rest):
        raise layer.refuse("its input has open sizes beside the batch")
    return [-1 if first is None else first, *(size or 0 for size in rest)]


def _space_to_depth(layer: Layer) -> str:
    """SpaceToDepth over any number of axes of space."""
    block = int(layer.attribute("block_size"))
    blocks_first = str(layer.attribute("mode", "blocks_first")).lower() == "blocks_first"
    if layer.rank() == 4 and blocks_first:  # noqa: PLR2004
        return layer.emit("SpaceToDepth", layer.names, blocksize=block)
    batch, channels, *space = _fixed(layer)
    count = len(space)
    parts = [part for size in space for part in (size // block, block)]
    name = layer.reshape(layer.names[0], [batch, channels, *parts])
    blocks = [3 + 2 * axis for axis in range(count)]
    places = [2 + 2 * axis for axis in range(count)]
    inner = [*blocks, 1] if blocks_first else [1, *blocks]
    name = layer.transpose(name, [0, *inner, *places])
    sizes = [batch, channels * block**count, *(size // block for size in space)]
    return layer.reshape(name, sizes)


def _shuffle(layer: Layer) -> str:
    """ShuffleChannels: groups of channels, whose first ones come first."""
    axis, groups = layer.axis(int(layer.attribute("axis", 1))), int(layer.attribute("group", 1))
    sizes = layer.sizes()
    size = sizes[axis]
    if size is None or sum(each is None for each in sizes) > 1:
        raise layer.refuse("it shuffles axes of open sizes")
    plain = [-1 if each is None else each for each in sizes]
    wide = [*plain[:axis], groups, size // groups, *plain[axis + 1 :]]
    order = list(range(len(wide)))
    order[axis], order[axis + 1] = axis + 1, axis
    name = layer.transpose(layer.reshape(layer.names[0], wide), order)
    return layer.reshape(name, plain)


def _space_to_batch(layer: Layer) -> str:
    """SpaceToBatch: pads, then puts each place of a block into a batch of its own."""
    block, before, after = (layer.numbers(n, "block") for n in (1, 2, 3))
    sizes = _fixed(layer)
    pads = layer.constant([*before, *after], "int64")
    name = layer.emit("Pad", [layer.names[0], pads]) if any(before + after) else layer.names[0]
    space = [size + a + b for size, a, b in zip(sizes[1:], before[1:], after[1:], strict=True)]
    parts = [part for size, n in zip(space, block[1:], strict=True) for part in (size // n, n)]
    name = layer.reshape(name, [sizes[0], *parts])
    count = len(space)
    order = [*(2 + 2 * axis for axis in range(count)), 0, *(1 + 2 * axis for axis in range(count))]
    name = layer.transpose(name, order)
    return layer.reshape(name, [-1, *(n // m for n, m in zip(space, block[1:], strict=True))])


def _batch_to_space(layer: Layer) -> str:
    """BatchToSpace: puts batches into the places of a block, then cuts the borders."""
    block, begins, ends = (layer.numbers(n, "block") for n in (1, 2, 3))
    sizes = _fixed(layer)
    inner = block[1:]
    name = layer.reshape(layer.names[0], [*inner, -1, *sizes[1:]])
    count = len(inner)
    order = [count]
    for axis in range(count):
        order += [count + 1 + axis, axis]
    name = layer.transpose(name, order)
    whole_sizes = [size * n for size, n in zip(sizes[1:], inner, strict=True)]
    name = layer.reshape(name, [-1, *whole_sizes])
    cut = [
        (axis, begin, size - end)
        for axis, (begin, end, size) in enumerate(
            zip(begins[1:], ends[1:], whole_sizes, strict=True), start=1
        )
        if begin or end
    ]
    if not cut:
        return name
    axes, starts, stops = ([each[n] for each in cut] for n in (0, 1, 2))
    return slice_axes(layer, name, starts, stops, axes)


def _extract_patches(layer: Layer) -> str:
    """ExtractImagePatches: the elements of each window, as channels."""
    rows, columns = (int(n) for n in layer.attribute("sizes"))
    strides, rates = ([int(n) for n in layer.attribute(name)] for name in ("strides", "rates"))
    sizes = _fixed(layer)[2:]
    reaches = [(n - 1) * rate + 1 for n, rate in zip((rows, columns), rates, strict=True)]
    automatic = str(layer.attribute("auto_pad")).lower()
    name, pads = layer.names[0], [0, 0, 0, 0]
    if automatic.startswith("same"):
        for axis, (size, stride, reach) in enumerate(zip(sizes, strides, reaches, strict=True)):
            total = max((-(-size // stride) - 1) * stride + reach - size, 0)
            less, more = total // 2, total - total // 2
            pads[axis], pads[axis + 2] = (less, more) if "upper" in automatic else (more, less)
        both = [0, 0, *pads[:2], 0, 0, *pads[2:]]
        name = layer.emit("Pad", [name, layer.constant(both, "int64")])
    padded = [size + pads[axis] + pads[axis + 2] for axis, size in enumerate(sizes)]
    counts = [
        (n - reach) // stride + 1 for n, reach, stride in zip(padded, reaches, strides, strict=True)
    ]
    parts = []
    for row in range(rows):
        for column in range(columns):
            starts = [row * rates[0], column * rates[1]]
            stops = [
                start + (count - 1) * stride + 1
                for start, count, stride in zip(starts, counts, strides, strict=True)
            ]
            parts.append(slice_axes(layer, name, starts, stops, [2, 3], strides))
    return layer.emit("Concat", parts, axis=1) if len(parts) > 1 else parts[0]


def _sample(layer: Layer) -> str:
    modes = {"bilinear": "linear", "bicubic": "cubic", "nearest": "nearest"}
    return layer.emit(
        "GridSample",
        layer.names,
        align_corners=int(bool(layer.attribute("align_corners", False))),
        mode=modes[str(layer.attribute("mode", "bilinear")).lower()],
        padding_mode=str(layer.attribute("padding_mode", "zeros")).lower(),
    )


def _from_columns(layer: Layer) -> str:
    """Col2Im: the sums of the windows that cover each element."""
    attributes = window_attributes(layer)
    given = [layer.names[0], vector(layer, 1), vector(layer, 2)]
    if layer.rank() == 2:  # noqa: PLR2004  # without a batch
        given[0] = layer.unsqueeze(given[0], [0])
        return layer.squeeze(layer.emit("Col2Im", given, **attributes), [0])
    return layer.emit("Col2Im", given, **attributes)


def _convolve_deformed(layer: Layer) -> str:
    """DeformableConvolution: data, offsets, weights and a mask."""
    attributes = window_attributes(layer)
    attributes["group"] = int(layer.attribute("group", 1))
    attributes["offset_group"] = int(layer.attribute("deformable_group", 1))
    given = [layer.names[0], layer.names[2], layer.names[1]]
    mask = ["", layer.names[3]] if layer.has(3) else []
    return layer.emit("DeformConv", [*given, *mask], **attributes)


def _reorganize(layer: Layer) -> str:
    """ReorgYolo: blocks of pixels become channels, in the order of Darknet.

    Its result has (channels * stride², height / stride, width / stride), read row by row from a
    picture of (channels / stride², height * stride, width * stride).
    """
    (stride,) = {int(n) for n in layer.attribute("strides")}
    batch, channels, height, width = _fixed(layer)
    inner = channels // stride**2
    name = layer.reshape(layer.names[0], [-1, inner, height, stride, width, stride])
    name = layer.transpose(name, [0, 3, 5, 1, 2, 4])
    return layer.reshape(name, [batch, channels * stride**2, height // stride, width // stride])


RULES: Table = {
    "BatchToSpace": _batch_to_space,
    "Col2Im": _from_columns,
    "DeformableConvolution": _convolve_deformed,
    "DepthToSpace": _depth_to_space,
    "ExtractImagePatches": _extract_patches,
    "GridSample": _sample,
    "Interpolate": _interpolate,
    "ReorgYolo": _reorganize,
    "ShuffleChannels": _shuffle,
    "SpaceToBatch": _space_to_batch,
    "SpaceToDepth": _space_to_depth,
}
