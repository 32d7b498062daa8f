"""Convolutions, products of matrices, pools."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.tf.layout.value import is_integer
from pipeline.tf.openvino.layer import Layer, Rule, Table

_AUTO_PADS = {"same_upper": "SAME_UPPER", "same_lower": "SAME_LOWER", "valid": "VALID"}


def window_attributes(layer: Layer) -> dict[str, Any]:
    """Return how a window moves, as ONNX's attributes."""
    found: dict[str, Any] = {}
    automatic = _AUTO_PADS.get(str(layer.attribute("auto_pad", "explicit")).lower())
    if automatic is None:
        pads = [layer.attribute(name) or () for name in ("pads_begin", "pads_end")]
        found["pads"] = tuple(int(n) for each in pads for n in each)
    else:
        found["auto_pad"] = automatic
    for name in ("strides", "dilations"):
        if layer.attribute(name):
            found[name] = tuple(int(n) for n in layer.attribute(name))
    return found


def _convolve(layer: Layer) -> str:
    return _emit_convolution(layer, layer.names[1], 1)


def _emit_convolution(layer: Layer, kernel: str, groups: int) -> str:
    """Write a convolution; one of whole numbers returns int32."""
    given, attributes = [layer.names[0], kernel], window_attributes(layer)
    if not is_integer(layer.inputs[0].dtype):
        return layer.emit("Conv", given, group=groups, **attributes)
    made = layer.emit_many("ConvInteger", given, 1, dtypes=["int32"], group=groups, **attributes)
    return _as_output(layer, made[0])


def _as_output(layer: Layer, name: str) -> str:
    """Return a value of int32 in the dtype of the output."""
    wanted = layer.outputs[0].dtype
    return name if wanted == "int32" else layer.cast(name, wanted)


def _convolve_groups(layer: Layer) -> str:
    """GroupConvolution: weights (groups, channels out, channels in, space …)."""
    sizes = layer.sizes(1)
    groups = sizes[0]
    if groups is None or any(size is None for size in sizes):
        raise layer.refuse("its weights have open sizes")
    kernel = _join(layer, sizes[1:], 0)
    return _emit_convolution(layer, kernel, groups)


def _join(layer: Layer, sizes: Sequence[int | None], axis: int) -> str:
    """Return weights whose first axis, of groups, is a part of the next."""
    groups = layer.sizes(1)[0]
    assert groups is not None
    joined = [size * groups if number == axis else size for number, size in enumerate(sizes)]  # type: ignore[operator]  # known
    known = layer.known(1)
    if known is not None:
        return layer.constant(known.reshape(joined))
    return layer.reshape(layer.names[1], joined)  # type: ignore[arg-type]  # known


def _deconvolve(layer: Layer) -> str:
    return _emit_deconvolution(layer, layer.names[1], 1)


def _deconvolve_groups(layer: Layer) -> str:
    """GroupConvolutionBackpropData: weights (groups, channels in, channels out, space …)."""
    sizes = layer.sizes(1)
    if any(size is None for size in sizes):
        raise layer.refuse("its weights have open sizes")
    return _emit_deconvolution(layer, _join(layer, sizes[1:], 0), sizes[0])


def _emit_deconvolution(layer: Layer, kernel: str, groups: int | None) -> str:
    attributes = window_attributes(layer)
    extra = layer.attribute("output_padding")
    if extra and any(extra):
        attributes["output_padding"] = tuple(int(n) for n in extra)
    if layer.has(2):
        wanted = layer.numbers(2, "output_shape")
        if "pads" in attributes:
            attributes["pads"] = _cut_to(layer, attributes, wanted)
        else:
            attributes["output_shape"] = tuple(wanted)
    return layer.emit("ConvTranspose", [layer.names[0], kernel], group=groups, **attributes)


def _cut_to(layer: Layer, attributes: Mapping[str, Any], wanted: Sequence[int]) -> tuple[int, ...]:
    """Return pads that give a stated shape: those before as stated, the rest behind."""
    count = len(wanted)
    before, space = attributes["pads"][:count], layer.sizes(0)[2:]
    extra = attributes.get("output_padding", (0,) * count)
    behind = []
    for axis, (size, kernel) in enumerate(zip(space, layer.sizes(1)[-count:], strict=True)):
        if size is None or kernel is None:
            raise layer.refuse("it makes a stated shape of open sizes")
        reach = (kernel - 1) * attributes["dilations"][axis] + 1
        full = (size - 1) * attributes["strides"][axis] + reach + extra[axis]
        behind.append(full - wanted[axis] - before[axis])
    return (*before, *behind)


def _matmul(layer: Layer) -> str:
    """MatMul: a factor with more than one axis may be transposed first."""
    names = []
    for index, flag in ((0, "transpose_a"), (1, "transpose_b")):
        name = layer.names[index]
        rank = layer.rank(index)
        if layer.attribute(flag) and rank > 1:
            axes = [*range(rank - 2), rank - 1, rank - 2]
            known = layer.known(index)
            if known is not None:
                name = layer.constant(np.transpose(known, axes))
            else:
                name = layer.transpose(name, axes)
        names.append(name)
    if not is_integer(layer.inputs[0].dtype):
        return layer.emit("MatMul", names)
    return _as_output(layer, layer.emit_many("MatMulInteger", names, 1, dtypes=["int32"])[0])


def _pool_max(layer: Layer) -> list[str]:
    attributes = {**window_attributes(layer), **_pool_attributes(layer)}
    if len(layer.outputs) == 1 or not layer.reads(1):
        made = layer.emit("MaxPool", layer.names, **attributes)
        return [made, *([made] if len(layer.outputs) > 1 else [])]
    made, indices = layer.emit_many("MaxPool", layer.names, 2, **attributes)
    axis = layer.axis(int(layer.attribute("axis", 0)))
    if axis:
        inner = layer.emit("Shape", layer.names, start=axis)
        count = layer.emit("ReduceProd", [inner, layer.constant([0], "int64")], keepdims=1)
        indices = layer.emit("Mod", [indices, count])
    if layer.outputs[1].dtype != "int64":
        indices = layer.cast(indices, layer.outputs[1].dtype)
    return [made, indices]


def _pool_attributes(layer: Layer) -> Mapping[str, Any]:
    rounding = str(layer.attribute("rounding_type", "floor")).lower()
    return {
        "kernel_shape": tuple(int(n) for n in layer.attribute("kernel")),
        "ceil_mode": int(rounding != "floor"),
    }


def _pool_average(layer: Layer) -> str:
    excludes = layer.attribute("exclude-pad", layer.attribute("exclude_pad", True))
    return layer.emit(
        "AveragePool",
        layer.names,
        count_include_pad=int(not excludes),
        **window_attributes(layer),
        **_pool_attributes(layer),
    )


def _pool_adaptively(op: str, reduce: str) -> Rule:
    """Return the rule of a pool into a stated number of cells along each axis of space.

    Cell i of n takes the elements from floor(i * size / n) up to ceil((i + 1) * size / n).
    """

    def rule(layer: Layer) -> Any:
        cells, sizes = layer.numbers(1, "output shape"), layer.sizes()[2:]
        if len(layer.outputs) > 1 and layer.reads(1):
            raise layer.refuse("it returns indices")
        count = len(layer.outputs)
        if all(n == 1 for n in cells):
            axes = layer.constant(range(2, layer.rank()), "int64")
            return [layer.emit(reduce, [layer.names[0], axes], keepdims=1)] * count
        if any(size is None for size in sizes):
            raise layer.refuse("it makes a stated number of cells of open sizes")
        if all(size % n == 0 for size, n in zip(sizes, cells, strict=True)):  # type: ignore[operator]  # known
            steps = tuple(size // n for size, n in zip(sizes, cells, strict=True))  # type: ignore[operator]
            made = layer.emit(op, layer.names[:1], kernel_shape=steps, strides=steps)
            return [made] * count
        name = layer.names[0]
        for axis, (size, n) in enumerate(zip(sizes, cells, strict=True), start=2):
            name = _pool_axis(layer, name, reduce, (axis, int(size or 0), n))
        return [name] * count

    return rule


def _pool_axis(layer: Layer, name: str, reduce: str, axis_of: tuple[int, int, int]) -> str:
    axis, size, count = axis_of
    parts = []
    for number in range(count):
        ends = [number * size // count], [-(-(number + 1) * size // count)]
        given = [layer.constant(each, "int64") for each in (*ends, [axis])]
        part = layer.emit("Slice", [name, *given])
        parts.append(layer.emit(reduce, [part, layer.constant([axis], "int64")], keepdims=1))
    return layer.emit("Concat", parts, axis=axis) if len(parts) > 1 else parts[0]


def _einsum(layer: Layer) -> str:
    return layer.emit("Einsum", layer.names, equation=str(layer.attribute("equation")))


RULES: Table = {
    "AdaptiveAvgPool": _pool_adaptively("AveragePool", "ReduceMean"),
    "AdaptiveMaxPool": _pool_adaptively("MaxPool", "ReduceMax"),
    "AvgPool": _pool_average,
    "Convolution": _convolve,
    "ConvolutionBackpropData": _deconvolve,
    "Einsum": _einsum,
    "GroupConvolution": _convolve_groups,
    "GroupConvolutionBackpropData": _deconvolve_groups,
    "MatMul": _matmul,
    "MaxPool": _pool_max,
}
