"""Weights with scales in a graph model: the constants and the product that stand for one.

    name/integers, name/scales ─ Mul name
    name/integers, name/scales ─ Mul name/product, name/shape ─ Reshape name     (blocks)

Names of nodes stay, so what reads a weight reads its product. It opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.disk.canonical import format_json
from pipeline.tfjs.model.shards import ShardWriter
from pipeline.tfjs.model.weight_manifest import Quantization, WeightSpec, format_weight
from pipeline.tfjs.quantize.forms import (
    AS_IN_BASE,
    BITS,
    EncodedWeight,
    Form,
    scale_layout,
    whole_numbers,
)
from pipeline.tfjs.quantize.packed_weights import WITHOUT_SHAPE as PACKED_WITHOUT_SHAPE
from pipeline.tfjs.quantize.packed_weights import (
    packed_constants,
    packed_names,
    packed_nodes,
    packed_specs,
)

Json = dict[str, Any]

INTEGERS = "integers"
SCALES = "scales"
PRODUCT = "product"
SHAPE = "shape"
_WITHOUT_SHAPE = 2


def part_names(name: str) -> set[str]:
    """Return the names of the nodes that a weight with scales adds to a graph."""
    return {f"{name}/{part}" for part in (INTEGERS, SCALES, PRODUCT, SHAPE)} | packed_names(name)


def write_encoded(
    spec: WeightSpec,
    encoded: EncodedWeight,
    writer: ShardWriter,
    *,
    behind: tuple[int, ...] | None = None,
) -> list[WeightSpec]:
    """Append a weight in a form; return its entry, or those of its parts.

    Args:
        spec: The weight in the base.
        encoded: The weight in its form.
        writer: The shards.
        behind: Shape of scales that stand behind the nodes that read the weight; None where the
            graph multiplies the weight itself.

    Returns:
        The weight's own entry where the graph multiplies by no scales; else those of its numbers,
        its scales and, where blocks are to be joined, its shape. Numbers whose scales stand behind
        have the weight's name.
    """
    writer.write(np.ascontiguousarray(encoded.stored).data)
    own = replace(spec, quantization=encoded.quantization)
    if encoded.scales is None:
        return [own]
    writer.write(np.ascontiguousarray(encoded.scales).data)
    dtype = encoded.scales.dtype.name
    if behind is not None:
        return [own, _scales_spec(spec, behind, dtype)]
    if encoded.packed is not None:
        return _write_packed(spec, encoded, writer)
    specs = _part_specs(
        spec,
        split=encoded.stored.shape,
        scales=encoded.scales.shape,
        numbers=encoded.quantization,
        scales_dtype=dtype,
    )
    if len(specs) > _WITHOUT_SHAPE:
        writer.write(np.array(spec.shape, "<i4").data)
    return specs


def _write_packed(
    spec: WeightSpec, encoded: EncodedWeight, writer: ShardWriter
) -> list[WeightSpec]:
    """Append what follows the numbers and scales of a packed weight; return all entries."""
    assert encoded.packed is not None
    assert encoded.scales is not None
    split = list(encoded.stored.shape)
    split[encoded.packed] *= 2
    scales = _scales_spec(spec, encoded.scales.shape, encoded.scales.dtype.name)
    specs = packed_specs(spec, split=tuple(split), scales=scales)
    for constant in packed_constants(spec, encoded.packed, specs):
        writer.write(constant)
    return specs


def measure_form(spec: WeightSpec, form: Form) -> int:
    """Return the bytes of a weight in a form: in shards and in model.json, nodes among them.

    Scales are taken for float16, which they nearly always are.

    Args:
        spec: A float32 weight of the base.
        form: One that `possible_forms` names for it; "float32" is as the base has it.
    """
    if form == AS_IN_BASE:
        specs = [spec]
    elif not form.is_scaled:
        quantization = Quantization(dtype=form.dtype, original_dtype="float32")
        if form.dtype != "float16":
            quantization = replace(quantization, scale=1 / 255, min=-1 / 3)
        specs = [replace(spec, quantization=quantization)]
    elif form.bits != BITS:
        layout = scale_layout(spec.shape, form)
        scales = _scales_spec(spec, layout.scales, "float16")
        specs = packed_specs(spec, split=layout.split, scales=scales)
    else:
        layout = scale_layout(spec.shape, form)
        specs = _part_specs(
            spec,
            split=layout.split,
            scales=layout.scales,
            numbers=whole_numbers(2**-9),
            scales_dtype="float16",
        )
    nodes = _nodes({"name": spec.name, "op": "Const", "attr": {}}, specs) if len(specs) > 1 else []
    written = [*map(format_weight, specs), *map(_without_attrs, nodes)]
    text = sum(len(format_json(each, indent=None)) for each in written)
    return text + sum(each.num_bytes or 0 for each in specs)


def add_products(content: Mapping[str, Any], scaled: Mapping[str, Sequence[WeightSpec]]) -> Json:
    """Return the content of a model.json with a product in place of some constants.

    Args:
        content: A decoded model.json of a graph model; it is left as it is.
        scaled: The parts that stand for each constant.
    """
    changed = dict(content)
    if not scaled:
        return changed
    topology = dict(changed["modelTopology"])
    nodes: list[Any] = []
    for node in topology["node"]:
        parts = scaled.get(node["name"]) if node["op"] == "Const" else None
        nodes += [node] if parts is None else _nodes(node, parts)
    topology["node"] = nodes
    changed["modelTopology"] = topology
    return changed


def _part_specs(
    spec: WeightSpec,
    *,
    split: tuple[int, ...],
    scales: tuple[int, ...],
    numbers: Quantization | None,
    scales_dtype: str,
) -> list[WeightSpec]:
    """Return the entries of numbers and scales, and of the shape where the product has another."""
    made = [
        replace(spec, name=f"{spec.name}/{INTEGERS}", shape=split, quantization=numbers),
        _scales_spec(spec, scales, scales_dtype),
    ]
    if split != spec.shape:
        shape = WeightSpec(name=f"{spec.name}/{SHAPE}", shape=(len(spec.shape),), dtype="int32")
        made.append(shape)
    return made


def _scales_spec(spec: WeightSpec, shape: tuple[int, ...], dtype: str) -> WeightSpec:
    stored = Quantization(dtype="float16") if dtype == "float16" else None
    return WeightSpec(
        name=f"{spec.name}/{SCALES}", shape=shape, dtype="float32", quantization=stored
    )


def _nodes(node: Mapping[str, Any], parts: Sequence[WeightSpec]) -> list[Json]:
    """Return the nodes that multiply numbers by scales, in the place of a constant."""
    name, attr = node["name"], node.get("attr") or {}
    constants = [
        {**node, "name": part.name, "attr": _with_shape(attr, part.shape, part.dtype)}
        for part in parts
    ]
    if len(parts) >= PACKED_WITHOUT_SHAPE:
        return packed_nodes(name, constants, parts)
    float_type = {"T": {"type": "DT_FLOAT"}}
    product = {
        "name": name,
        "op": "Mul",
        "input": [part.name for part in parts[:2]],
        "attr": float_type,
    }
    if len(parts) == _WITHOUT_SHAPE:
        return [*constants, product]
    numbers, scales, shape = constants
    reshape = {
        "name": name,
        "op": "Reshape",
        "input": [f"{name}/{PRODUCT}", shape["name"]],
        "attr": {**float_type, "Tshape": {"type": "DT_INT32"}},
    }
    return [numbers, scales, {**product, "name": f"{name}/{PRODUCT}"}, shape, reshape]


def _with_shape(attr: Mapping[str, Any], shape: Sequence[int], dtype: str) -> Json:
    """Return the attributes of a constant with another shape and dtype."""
    sizes = [{"size": str(size)} for size in shape]
    kind = "DT_INT32" if dtype == "int32" else "DT_FLOAT"
    tensor = {"dtype": kind, "tensorShape": {"dim": sizes}}
    return {**attr, "dtype": {"type": kind}, "value": {"tensor": tensor}}


def _without_attrs(node: Json) -> Json:
    return {key: node[key] for key in ("name", "op", "input") if key in node}
