"""Reductions, sums along an axis, the largest elements, softmax."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.tf.openvino.layer import Layer, Rule, Table
from pipeline.tf.openvino.rules.parts import vector

_DOMAIN_OF_TRUTH = "int32"


def _reduce(op: str) -> Rule:
    """Return the rule of a reduction; no axes reduce nothing."""

    def rule(layer: Layer) -> str:
        keeps = int(bool(layer.attribute("keep_dims", False)))
        given = [layer.names[0], vector(layer, 1)]
        return layer.emit(op, given, keepdims=keeps, noop_with_empty_axes=1)

    return rule


def _reduce_truth(op: str) -> Rule:
    """Return the rule of a reduction of truth values, which are 0 and 1 for it."""

    def rule(layer: Layer) -> str:
        keeps = int(bool(layer.attribute("keep_dims", False)))
        given = [layer.cast(layer.names[0], _DOMAIN_OF_TRUTH), vector(layer, 1)]
        return layer.cast(layer.emit(op, given, keepdims=keeps, noop_with_empty_axes=1), "bool")

    return rule


def _softmax(op: str) -> Rule:
    def rule(layer: Layer) -> str:
        return layer.emit(op, layer.names, axis=int(layer.attribute("axis", 1)))

    return rule


def _cumulate(layer: Layer) -> str:
    axis = layer.numbers(1, "axis")[0] if layer.has(1) else 0
    flags: dict[str, Any] = {
        name: int(bool(layer.attribute(name, False))) for name in ("exclusive", "reverse")
    }
    return layer.emit("CumSum", [layer.names[0], layer.constant(axis, "int64")], **flags)


def _top(layer: Layer) -> list[str]:
    """TopK: the elements in the order of their values, or of their places."""
    axis = layer.axis(int(layer.attribute("axis")))
    known = layer.known(1)
    count = layer.constant(np.ravel(known), "int64") if known is not None else vector(layer, 1)
    largest = int(str(layer.attribute("mode")).lower() == "max")
    values, places = layer.emit_many(
        "TopK", [layer.names[0], count], 2, axis=axis, largest=largest, sorted=1
    )
    if str(layer.attribute("sort", "none")).lower() == "index":
        places, order = layer.emit_many("TopK", [places, count], 2, axis=axis, largest=0, sorted=1)
        values = layer.emit("GatherElements", [values, order], axis=axis)
    wanted = layer.outputs[1].dtype if len(layer.outputs) > 1 else "int64"
    return [values, places if wanted == "int64" else layer.cast(places, wanted)]


_REDUCTIONS: Mapping[str, str] = {
    op: op
    for op in (
        "ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum",
    )
}  # fmt: skip

RULES: Table = {
    **{op: _reduce(name) for op, name in _REDUCTIONS.items()},
    "CumSum": _cumulate,
    "LogSoftmax": _softmax("LogSoftmax"),
    "ReduceLogicalAnd": _reduce_truth("ReduceMin"),
    "ReduceLogicalOr": _reduce_truth("ReduceMax"),
    "Softmax": _softmax("Softmax"),
    "TopK": _top,
}
