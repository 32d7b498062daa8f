"""Weights of 4 bits in a graph model: the constants and the nodes that stand for one.

    name/integers ─ Round name/high ────────────────────── ConcatV2 name/numbers ─ Mul name
    name/integers, name/high ─ Sub ─ Mul name/low ────────┘          name/scales ┘

`nibbles.py` says why this is exact. Where blocks are to be joined, a Reshape has the name. It opens
no file.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.tfjs.model.weight_manifest import WeightSpec
from pipeline.tfjs.quantize.nibbles import PACKED, SIXTEEN, find_pack_axis

Json = dict[str, Any]

_PARTS = ("integers", "scales", "sixteen", "axis", "shape")
_NODES = ("high", "rest", "low", "numbers", "product")
WITHOUT_SHAPE = 4
"""Number of a weight's constants where no blocks are to be joined."""


def packed_names(name: str) -> set[str]:
    """Return the names of the nodes that a weight of 4 bits adds to a graph."""
    return {f"{name}/{part}" for part in (*_PARTS, *_NODES)}


def packed_specs(
    spec: WeightSpec, *, split: tuple[int, ...], scales: WeightSpec
) -> list[WeightSpec]:
    """Return the entries of the constants of a weight: numbers, scales, 16, axis, shape.

    Args:
        spec: The weight in the base.
        split: Shape of its numbers.
        scales: The entry of its scales.
    """
    axis = find_pack_axis(split)
    assert axis is not None
    halves = tuple(size // 2 if i == axis else size for i, size in enumerate(split))
    made = [
        replace(spec, name=f"{spec.name}/integers", shape=halves, quantization=PACKED),
        scales,
        WeightSpec(name=f"{spec.name}/sixteen", shape=(), dtype="float32"),
        WeightSpec(name=f"{spec.name}/axis", shape=(), dtype="int32"),
    ]
    if split != spec.shape:
        made.append(WeightSpec(name=f"{spec.name}/shape", shape=(len(spec.shape),), dtype="int32"))
    return made


def packed_constants(spec: WeightSpec, axis: int, specs: Sequence[WeightSpec]) -> list[bytes]:
    """Return the bytes of the constants behind numbers and scales."""
    made = [np.array(SIXTEEN, "<f4").tobytes(), np.array(axis, "<i4").tobytes()]
    if len(specs) > WITHOUT_SHAPE:
        made.append(np.array(spec.shape, "<i4").tobytes())
    return made


def packed_nodes(name: str, constants: Sequence[Json], parts: Sequence[WeightSpec]) -> list[Json]:
    """Return the nodes that compute a weight from its constants.

    Args:
        name: Name of the weight's constant in the base.
        constants: The nodes of `parts`.
        parts: What `packed_specs` returns.
    """
    of: Callable[[str], str] = lambda part: f"{name}/{part}"  # noqa: E731
    own = name if len(parts) == WITHOUT_SHAPE else of("product")
    nodes = [
        *constants,
        _node("Round", of("high"), of("integers")),
        _node("Sub", of("rest"), of("integers"), of("high")),
        _node("Mul", of("low"), of("rest"), of("sixteen")),
        _node("ConcatV2", of("numbers"), of("high"), of("low"), of("axis")),
        _node("Mul", own, of("numbers"), of("scales")),
    ]
    if len(parts) > WITHOUT_SHAPE:
        nodes.append(_node("Reshape", name, own, of("shape")))
    return nodes


def _node(op: str, name: str, *inputs: str) -> Json:
    return {"name": name, "op": op, "input": list(inputs), "attr": _attrs(op)}


def _attrs(op: str) -> Mapping[str, Any]:
    attrs: Json = {"T": {"type": "DT_FLOAT"}}
    if op == "ConcatV2":
        attrs |= {"N": {"i": "2"}, "Tidx": {"type": "DT_INT32"}}
    if op == "Reshape":
        attrs |= {"Tshape": {"type": "DT_INT32"}}
    return attrs
