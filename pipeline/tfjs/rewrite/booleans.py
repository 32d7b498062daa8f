"""Rewrites of ops on booleans, which the wasm backend moves four bytes at a time.

A boolean has one byte, so that ReverseV2, Select and SelectV2 of booleans write beyond their result
(tfjs-backend-wasm/src/cc/kernels/Reverse.cc and SelectV2.cc: "also works with int32"): other
tensors change, or the module traps much later. This module opens no file.
"""

from pipeline.tfjs.model.dtypes import parse_dtype
from pipeline.tfjs.rewrite.scope import Json, Rewrite, Scope, attribute

_WHY = "the wasm backend writes booleans beyond its result"


def rewrite_reverse(node: Json, scope: Scope) -> Rewrite | None:
    """Reverse whole numbers, and compare the result with zero."""
    if parse_dtype(attribute(node, "T", "type")) != "bool":
        return None
    value, *others = node["input"]
    whole: Json = {"type": "DT_INT32"}
    made = [
        _make(scope, node, "whole", "Cast", [value], {"SrcT": node["attr"]["T"], "DstT": whole})
    ]
    inputs = [scope.reference(made[0]), *others]
    made.append(_make(scope, node, "reversed", "ReverseV2", inputs, {**node["attr"], "T": whole}))
    found = scope.reference(made[1])
    made.append(_make(scope, node, "zero", "ZerosLike", [found], {"T": whole}))
    made.append(
        {
            "name": node["name"],
            "op": "NotEqual",
            "input": [found, scope.reference(made[2])],
            "attr": {"T": whole},
        }
    )
    return Rewrite(nodes=made, reason=f"ReverseV2 of booleans became one of whole numbers: {_WHY}")


def rewrite_select(node: Json, scope: Scope) -> Rewrite | None:
    """Write a choice of booleans as (condition and yes) or (not condition and no)."""
    if parse_dtype(attribute(node, "T", "type")) != "bool":
        return None
    condition, yes, no, *controls = node["input"]
    first = _make(scope, node, "yes", "LogicalAnd", [condition, yes], {})
    negated = _make(scope, node, "not", "LogicalNot", [condition], {})
    second = _make(scope, node, "no", "LogicalAnd", [scope.reference(negated), no], {})
    inputs = [scope.reference(first), scope.reference(second), *controls]
    either = {"name": node["name"], "op": "LogicalOr", "input": inputs, "attr": {}}
    reason = f"{node['op']} of booleans became LogicalAnd and LogicalOr: {_WHY}"
    return Rewrite(nodes=[first, negated, second, either], reason=reason)


def _make(  # noqa: PLR0913, PLR0917  # the parts of a node
    scope: Scope, node: Json, part: str, op: str, inputs: list[str], attr: Json
) -> Json:
    return {"name": scope.new_name(node, part), "op": op, "input": inputs, "attr": attr}
