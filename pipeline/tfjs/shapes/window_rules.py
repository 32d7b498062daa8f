"""Shapes of windows: convolutions, pooling, resizing, and moving between space and depth.

The rules follow tensorflow/core/framework/common_shape_fns.cc. The layout is NHWC (channels last)
unless `data_format` says otherwise; filters are (height, width, in, out). If a rule needs a fact
that is not known, it raises NotKnownError. It opens no file.
"""

from collections.abc import Sequence

from pipeline.records.shape import Shape
from pipeline.tfjs.shapes.facts import Call, NotKnownError, Sizes, combine
from pipeline.tfjs.shapes.layout_rules import Rule

CONVOLUTIONS = ("Conv2D", "_FusedConv2D", "Conv3D")
DEPTHWISE = ("DepthwiseConv2dNative", "FusedDepthwiseConv2dNative")
TRANSPOSED = ("Conv2DBackpropInput", "Conv3DBackpropInputV2")
_POOLING = ("AvgPool", "MaxPool", "MaxPoolWithArgmax", "AvgPool3D", "MaxPool3D")
_FUSED_BATCH_NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")

# Axes of an image, batch and channels among them.
_IMAGE = 4
_NUM_OTHER_AXES = 2


def _count_places(size: int | None, window: int | None, stride: int, padding: str) -> int | None:
    """Return the number of places of a window along an axis; `window` includes its dilation."""
    if padding == "SAME":
        return combine(lambda size: -(-size // stride), size)
    if padding != "VALID":
        return None
    return combine(lambda size, window: max(0, -(-(size - window + 1) // stride)), size, window)


def _spatial_axes(call: Call, ndim: int) -> range:
    """Return the axes that a window moves along."""
    if ndim <= _NUM_OTHER_AXES:
        raise NotKnownError
    default = "NHWC" if ndim == _IMAGE else "NDHWC"
    layout = call.text("data_format", default)
    if layout == default:
        return range(1, ndim - 1)
    if layout == default[0] + "C" + default[1:-1]:
        return range(2, ndim)
    raise NotKnownError


def _channel_axis(axes: range) -> int:
    return axes[-1] + 1 if axes[0] == 1 else 1


def _slide(call: Call, shape: Sizes, window: Sequence[int | None], channels: int | None) -> Sizes:
    """Return the shape that a window gives; `window` has the spatial axes only."""
    axes = _spatial_axes(call, len(shape))
    strides = call.integers("strides")
    dilations = call.integers("dilations") or (1,) * len(shape)
    explicit = call.integers("explicit_paddings")
    padding = call.text("padding")
    if (
        not len(strides) == len(dilations) == len(shape) == len(window) + _NUM_OTHER_AXES
        or min(strides) < 1
    ):
        raise NotKnownError
    sizes = list(shape)
    for axis, width in zip(axes, window, strict=True):
        size, way = shape[axis], padding
        if padding == "EXPLICIT" and len(explicit) == 2 * len(shape):
            added = explicit[2 * axis] + explicit[2 * axis + 1]
            size, way = combine(lambda size, added: size + added, size, added), "VALID"
        reach = combine(lambda width, step: (width - 1) * step + 1, width, dilations[axis])
        sizes[axis] = _count_places(size, reach, strides[axis], way)
    sizes[_channel_axis(axes)] = channels
    return tuple(sizes)


def _convolution(call: Call) -> Shape:
    window = call.sizes(1)
    if len(window) <= _NUM_OTHER_AXES:  # channels in and out
        raise NotKnownError
    return _slide(call, call.sizes(0, ndim=len(window)), window[:-2], window[-1])


def _depthwise(call: Call) -> Shape:
    height, width, *channels = call.sizes(1, ndim=_IMAGE)
    made = combine(lambda inputs, multiplier: inputs * multiplier, *channels)
    return _slide(call, call.sizes(0, ndim=_IMAGE), (height, width), made)


def _pooling(call: Call) -> list[Shape]:
    window = call.integers("ksize")
    shape = call.sizes(0, ndim=len(window))
    axes = _spatial_axes(call, len(shape))
    pooled = _slide(call, shape, [window[axis] for axis in axes], shape[_channel_axis(axes)])
    return [pooled, pooled] if call.node.op == "MaxPoolWithArgmax" else [pooled]


def _resize(call: Call) -> Shape:
    batch, _, _, channels = call.sizes(0, ndim=_IMAGE)
    return (batch, *_image_size(call, 1), channels)


def _crop_and_resize(call: Call) -> Shape:
    channels = call.sizes(0, ndim=_IMAGE)[-1]
    return (call.fact(1).length, *_image_size(call, 3), channels)


def _image_size(call: Call, index: int) -> Sizes:
    """Return the height and width that an input holds."""
    size = call.fact(index).values
    return size if size is not None and len(size) == 2 else (None, None)  # noqa: PLR2004  # two axes


def _depth_and_space(call: Call) -> Shape:
    batch, height, width, depth = call.sizes(0, ndim=_IMAGE)
    block = call.integer("block_size")
    if block < 1 or call.text("data_format", "NHWC") != "NHWC":
        raise NotKnownError(_IMAGE)
    if call.node.op == "DepthToSpace":
        return (batch, _times(height, block), _times(width, block), _over(depth, block**2))
    return (batch, _over(height, block), _over(width, block), _times(depth, block**2))


def _batch_and_space(call: Call) -> Shape:
    sizes = list(call.sizes(0))
    blocks, edges = call.numbers(1), call.numbers(2)
    if len(edges) != 2 * len(blocks) or len(sizes) <= len(blocks):
        raise NotKnownError
    to_batch = call.node.op == "SpaceToBatchND"
    for axis, block in enumerate(blocks, start=1):
        ends = edges[2 * axis - 2] + edges[2 * axis - 1]
        if to_batch:
            sizes[axis] = _over(combine(lambda size, ends: size + ends, sizes[axis], ends), block)
            sizes[0] = _times(sizes[0], block)
        else:
            whole = _times(sizes[axis], block)
            sizes[axis] = combine(lambda size, ends: size - ends, whole, ends)
            sizes[0] = _over(sizes[0], block)
    return tuple(sizes)


def _times(size: int | None, factor: int) -> int | None:
    return combine(lambda size: size * factor, size)


def _over(size: int | None, divisor: int) -> int | None:
    return None if size is None or divisor < 1 or size % divisor else size // divisor


WINDOW_RULES: dict[str, Rule] = {
    **dict.fromkeys(CONVOLUTIONS, _convolution),
    **dict.fromkeys(DEPTHWISE, _depthwise),
    **dict.fromkeys(TRANSPOSED, lambda call: call.values(0, ndim=call.fact(0).length)),
    **dict.fromkeys(_POOLING, _pooling),
    **dict.fromkeys(
        _FUSED_BATCH_NORMS,
        lambda call: [call.fact(0).shape, *[call.fact(1).shape] * 5],
    ),
    **dict.fromkeys(("ResizeBilinear", "ResizeNearestNeighbor"), _resize),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), _depth_and_space),
    **dict.fromkeys(("SpaceToBatchND", "BatchToSpaceND"), _batch_and_space),
    "CropAndResize": _crop_and_resize,
}
