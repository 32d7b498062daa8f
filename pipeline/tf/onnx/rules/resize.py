"""Resize and Upsample."""

import math
from collections.abc import Sequence

import numpy as np

from pipeline.tf.layout.resize import resize
from pipeline.tf.layout.resize_places import Axis, CannotResizeError, Sampling
from pipeline.tf.layout.sizes import Size, is_known, number_of
from pipeline.tf.layout.value import Value, is_float
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.sizes_of_shapes import listed_sizes

_MODES = ("nearest", "linear", "cubic")


def _upsample(call: Call) -> Value:
    """Upsample, and Resize before version 11: asymmetric places."""
    if call.version < 9:  # noqa: PLR2004
        scales = list(call.attribute("scales"))
    else:
        scales = [float(n) for n in call.require(1, "scales")]
    mode = {"bilinear": "linear"}.get(mode := call.attribute("mode", "nearest"), mode)
    sampling = Sampling(mode=mode, places="asymmetric", rounding="simple")
    value = call.value(0)
    axes = {
        number: _scaled(call, size, scale)
        for number, (size, scale) in enumerate(zip(value.sizes, scales, strict=True))
    }
    return _finish(call, value, axes, sampling)


def _resize(call: Call) -> Value:
    if call.version < 11:  # noqa: PLR2004
        return _upsample(call)
    value = call.value(0)
    stated = call.attribute("axes")
    numbers = (
        range(value.rank)
        if stated is None
        else [call.from_front(int(axis), value.rank) for axis in stated]
    )
    sampling = Sampling(
        mode=call.attribute("mode", "nearest"),
        places=call.attribute("coordinate_transformation_mode", "half_pixel"),
        rounding=call.attribute("nearest_mode", "round_prefer_floor"),
        cubic=float(call.attribute("cubic_coeff_a", -0.75)),
        excludes_outside=bool(call.attribute("exclude_outside", 0)),
        antialiases=bool(call.attribute("antialias", 0)),
        fill=float(call.attribute("extrapolation_value", 0.0)),
    )
    axes = dict(zip(numbers, _find_axes(call, value, list(numbers)), strict=True))
    if sampling.places == "tf_crop_and_resize":
        axes = _crop(call, axes)
    return _finish(call, value, axes, sampling)


def _find_axes(call: Call, value: Value, numbers: Sequence[int]) -> list[Axis]:
    """Return how axes are resized, by the sizes or the scales."""
    sizes = [value.sizes[number] for number in numbers]
    scales = call.require(2, "scales") if call.has(2) else np.zeros(0)
    if scales.size:
        return [
            _scaled(call, size, float(scale)) for size, scale in zip(sizes, scales, strict=True)
        ]
    targets = listed_sizes(call.value(3))
    if targets is None:
        raise call.refuse("its sizes are computed")
    policy = call.attribute("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        return _keep_aspect(call, sizes, targets, policy)
    return [Axis(size=size, target=target) for size, target in zip(sizes, targets, strict=True)]


def _scaled(call: Call, size: Size, scale: float) -> Axis:
    """Return an axis that is resized by a scale; the product is rounded down, as float32."""
    target: Size
    if is_known(size):
        target = math.floor(np.float32(size) * np.float32(scale))
        return Axis(size=size, target=target, scale=scale)
    ratio = Axis(size=size, target=size, scale=scale).ratio
    if ratio is None:
        raise call.refuse(
            f"the scale {scale} over an axis of a size that is not known is no simple fraction"
        )
    return Axis(size=size, target=size * ratio.numerator // ratio.denominator, scale=scale)


def _keep_aspect(
    call: Call, sizes: Sequence[Size], targets: Sequence[Size], policy: str
) -> list[Axis]:
    """Return axes that are all resized by one scale, so that they fit into, or cover, the sizes."""
    if not all(map(is_known, (*sizes, *targets))):
        raise call.refuse("it keeps the aspect ratio of sizes that are not known")
    pairs = [(number_of(a), number_of(b)) for a, b in zip(sizes, targets, strict=True)]
    choose = min if policy == "not_larger" else max
    scale = choose(target / size for size, target in pairs)
    return [
        Axis(size=size, target=math.floor(size * scale + 0.5), scale=scale) for size, _ in pairs
    ]


def _crop(call: Call, axes: dict[int, Axis]) -> dict[int, Axis]:
    """Return axes with the region that each takes."""
    region = [float(n) for n in call.require(1, "roi")]
    if not all(axis.is_known for axis in axes.values()):
        raise call.refuse("it crops axes of sizes that are not known")
    count = len(axes)
    return {
        number: Axis(
            size=axis.size,
            target=axis.target,
            scale=axis.scale,
            region=(region[place], region[place + count]),
        )
        for place, (number, axis) in enumerate(axes.items())
        if axis.size != axis.target or (region[place], region[place + count]) != (0.0, 1.0)
    }


def _finish(call: Call, value: Value, axes: dict[int, Axis], sampling: Sampling) -> Value:
    if sampling.mode not in _MODES:
        raise call.refuse(f"its mode is {sampling.mode!r}")
    if sampling.mode != "nearest" and not is_float(value.dtype):
        raise call.refuse(f"it computes means of {value.dtype}, whose rounding is not defined")
    if sampling.places == "align_corners" and not all(axis.is_exact for axis in axes.values()):
        raise call.refuse(
            "it aligns corners with a scale that gives no whole size, which the standard and "
            "ONNX Runtime read differently"
        )
    try:
        return resize(value, axes, sampling)
    except CannotResizeError as error:
        raise call.refuse(str(error)) from error


RULES: Table = {"Resize": _resize, "Upsample": _upsample}
