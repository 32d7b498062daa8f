"""Masks in a config of Keras 3 that TensorFlow.js computes by itself.

Keras 3 writes the mask of an embedding or of a Masking layer as operations on the layer's input;
the layers behind take the result as `mask`. TensorFlow.js works like Keras 2: the mask travels with
the tensor. So the operations can be removed. This module opens no file.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.tfjs.layers.calls import Call
from pipeline.tfjs.layers.operations import is_operation, operation_name
from pipeline.tfjs.model.layers_topology import Tensor


def implied_masks(
    wires: Mapping[str, Mapping[str, Any]], calls: Mapping[str, Sequence[Call]]
) -> set[str]:
    """Return the names of operations that only make masks which TensorFlow.js makes itself.

    Args:
        wires: The layers of a model by name, in the config's form.
        calls: The calls of each layer.
    """
    # The mask of each tensor: ids of 0, or rows in which all values are the mask value.
    ids = {
        (tensor, 0)
        for name, wire in wires.items()
        if wire["class_name"] == "Embedding" and wire["config"].get("mask_zero")
        for tensor in _firsts(calls[name])
    }
    rows = {
        (tensor, wire["config"].get("mask_value", 0.0))
        for name, wire in wires.items()
        if wire["class_name"] == "Masking"
        for tensor in _firsts(calls[name])
    }
    operations = {
        name: listed[0] for name, listed in calls.items() if listed and is_operation(wires[name])
    }
    compared = {
        name: call.given
        for name, call in operations.items()
        if operation_name(wires[name]) == "not_equal" and _is_hashable(call.given)
    }
    found = {name for name, pair in compared.items() if pair in ids}
    for name, call in operations.items():
        if operation_name(wires[name]) == "any" and call.tensors:
            before = call.tensors[0][0]
            if compared.get(before) in rows:
                found |= {name, before}
    return {name for name in found if not _used_otherwise(name, found, calls)}


def _is_hashable(given: tuple[Any, ...]) -> bool:
    return all(isinstance(value, tuple | int | float) for value in given)


def _firsts(calls: Sequence[Call]) -> list[Tensor]:
    return [call.tensors[0] for call in calls if call.tensors]


def _used_otherwise(name: str, masks: set[str], calls: Mapping[str, Sequence[Call]]) -> bool:
    """Return whether a layer reads a mask as a value."""
    return any(
        tensor[0] == name
        for reader, listed in calls.items()
        if reader not in masks
        for call in listed
        for tensor in call.tensors
    )
