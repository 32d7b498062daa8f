"""Shapes of windows: convolutions, pooling, resizing, and moving between space and depth.

After tensorflow/core/framework/common_shape_fns.cc. Layout is NHWC (channels last) unless
`data_format` says otherwise; filters are (height, width, in, out). It opens no file.
"""

from collections.abc import Callable, Sequence

from pipeline.inspection.facts import UNKNOWN, Call, Fact
from pipeline.tfjs.model.inference import Shape

Rule = Callable[[Call], Sequence[Fact]]

CONVOLUTIONS = ("Conv2D", "_FusedConv2D", "Conv3D")
DEPTHWISE = ("DepthwiseConv2dNative", "FusedDepthwiseConv2dNative")
TRANSPOSED = ("Conv2DBackpropInput", "Conv3DBackpropInputV2")
_POOLING = ("AvgPool", "MaxPool", "MaxPoolWithArgmax", "AvgPool3D", "MaxPool3D")
_FUSED_BATCH_NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")

_IMAGE = 4


def _out_size(size: int | None, window: int | None, stride: int, padding: str) -> int | None:
    """Return the number of places of a window along an axis, its dilation included."""
    if padding == "SAME":
        return None if size is None else -(-size // stride)
    if padding != "VALID" or size is None or window is None:
        return None
    return max(0, -(-(size - window + 1) // stride))


def _spatial(call: Call, ndim: int) -> tuple[int, ...] | None:
    """Return the axes that a window moves along, None for a layout that is not known."""
    default = "NHWC" if ndim == _IMAGE else "NDHWC"
    layout = call.text("data_format", default)
    if layout == default:
        return tuple(range(1, ndim - 1))
    return tuple(range(2, ndim)) if layout == default[0] + "C" + default[1:-1] else None


def _slide(call: Call, window: Sequence[int | None], channels: int | None) -> Sequence[Fact]:
    """Return the shape that a window gives; `window` has the spatial axes only."""
    shape = call.fact(0).shape
    axes = None if shape is None else _spatial(call, len(shape))
    strides = call.integers("strides")
    if shape is None or axes is None or len(strides) != len(shape) or len(window) != len(axes):
        return [UNKNOWN]
    padding = call.text("padding")
    dilations = call.integers("dilations") or (1,) * len(shape)
    explicit = call.integers("explicit_paddings")
    sizes = list(shape)
    for axis, width in zip(axes, window, strict=True):
        size, way = shape[axis], padding
        if padding == "EXPLICIT" and len(explicit) == 2 * len(shape):
            added = explicit[2 * axis] + explicit[2 * axis + 1]
            size, way = (None if size is None else size + added), "VALID"
        reach = None if width is None else (width - 1) * dilations[axis] + 1
        sizes[axis] = _out_size(size, reach, strides[axis], way)
    sizes[len(shape) - 1 if axes[0] == 1 else 1] = channels
    return [Fact(shape=tuple(sizes))]


def _convolution(call: Call) -> Sequence[Fact]:
    window = call.fact(1).shape
    return [UNKNOWN] if not window else _slide(call, window[:-2], window[-1])


def _depthwise(call: Call) -> Sequence[Fact]:
    window = call.fact(1).shape
    if window is None or len(window) != _IMAGE:
        return [UNKNOWN]
    height, width, channels, multiplier = window
    if channels is None or multiplier is None:
        return _slide(call, (height, width), None)
    return _slide(call, (height, width), channels * multiplier)


def _transposed(call: Call) -> Sequence[Fact]:
    sizes = call.fact(0).values
    return [UNKNOWN if sizes is None else Fact(shape=sizes)]


def _pooling(call: Call) -> Sequence[Fact]:
    shape, window = call.fact(0).shape, call.integers("ksize")
    axes = None if shape is None else _spatial(call, len(shape))
    if shape is None or axes is None or len(window) != len(shape):
        return [UNKNOWN]
    channels = shape[-1 if axes[0] == 1 else 1]
    pooled = _slide(call, [window[axis] for axis in axes], channels)
    return [*pooled, *pooled] if call.node.op == "MaxPoolWithArgmax" else pooled


def _batch_norm(call: Call) -> Sequence[Fact]:
    return [Fact(shape=call.fact(0).shape), *[Fact(shape=call.fact(1).shape)] * 5]


def _resize(call: Call) -> Sequence[Fact]:
    shape, size = call.fact(0).shape, call.fact(1).values
    if shape is None:
        shape = (None,) * _IMAGE  # it takes no others
    if len(shape) != _IMAGE:
        return [UNKNOWN]
    height, width = size if size is not None and len(size) == 2 else (None, None)  # noqa: PLR2004
    return [Fact(shape=(shape[0], height, width, shape[3]))]


def _crop_and_resize(call: Call) -> Sequence[Fact]:
    shape, boxes, size = call.fact(0).shape, call.fact(1).shape, call.fact(3).values
    if shape is None or boxes is None or size is None or len(size) != 2 or len(shape) != _IMAGE:  # noqa: PLR2004
        return [UNKNOWN]
    return [Fact(shape=(boxes[0], *size, shape[3]))]


def _depth_and_space(call: Call) -> Sequence[Fact]:
    shape, block = call.fact(0).shape, call.integer("block_size")
    if shape is None or len(shape) != _IMAGE or block < 1:
        return [UNKNOWN]
    if call.text("data_format", "NHWC") != "NHWC":
        return [Fact(shape=(None,) * _IMAGE)]
    batch, height, width, depth = shape
    if call.node.op == "DepthToSpace":
        return [
            Fact(shape=(batch, _times(height, block), _times(width, block), _over(depth, block**2)))
        ]
    return [Fact(shape=(batch, _over(height, block), _over(width, block), _times(depth, block**2)))]


def _batch_and_space(call: Call) -> Sequence[Fact]:
    shape = call.fact(0).shape
    blocks, edges = call.fact(1).known_values, call.fact(2).known_values
    if shape is None or blocks is None or edges is None or len(edges) != 2 * len(blocks):
        return [UNKNOWN]
    to_batch = call.node.op == "SpaceToBatchND"
    batch, sizes = shape[0], list(shape)
    if len(sizes) <= len(blocks):
        return [UNKNOWN]
    for axis, block in enumerate(blocks, start=1):
        ends = edges[2 * axis - 2] + edges[2 * axis - 1]
        size = sizes[axis]
        if to_batch:
            sizes[axis] = _over(None if size is None else size + ends, block)
            batch = _times(batch, block)
        else:
            size = _times(size, block)
            sizes[axis] = None if size is None else size - ends
            batch = _over(batch, block)
    sizes[0] = batch
    return [Fact(shape=tuple(sizes))]


def _times(size: int | None, factor: int) -> int | None:
    return None if size is None else size * factor


def _over(size: int | None, divisor: int) -> int | None:
    return None if size is None or divisor < 1 or size % divisor else size // divisor


def spatial_filter(shape: Shape) -> tuple[int, ...] | None:
    """Return the sizes of a filter where all are known."""
    known = tuple(size for size in shape or () if size is not None)
    return known if shape is not None and len(known) == len(shape) else None


WINDOW_RULES: dict[str, Rule] = {
    **dict.fromkeys(CONVOLUTIONS, _convolution),
    **dict.fromkeys(DEPTHWISE, _depthwise),
    **dict.fromkeys(TRANSPOSED, _transposed),
    **dict.fromkeys(_POOLING, _pooling),
    **dict.fromkeys(_FUSED_BATCH_NORMS, _batch_norm),
    **dict.fromkeys(("ResizeBilinear", "ResizeNearestNeighbor"), _resize),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), _depth_and_space),
    **dict.fromkeys(("SpaceToBatchND", "BatchToSpaceND"), _batch_and_space),
    "CropAndResize": _crop_and_resize,
}
