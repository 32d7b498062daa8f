"""Rewrites of ops on texts, which TensorFlow.js has for numbers only. It opens no file."""

from pipeline.tfjs.model.dtypes import parse_dtype
from pipeline.tfjs.rewrite.scope import Json, Rewrite, Scope, attribute

_TYPES = {
    "Equal": "T",
    "Gather": "Tparams",
    "GatherNd": "Tparams",
    "GatherV2": "Tparams",
    "NotEqual": "T",
}


def rewrite_text_op(node: Json, _: Scope) -> Rewrite | None:
    """Give an op on texts a name of its own, which `runtime/texts/ops.js` registers.

    Gather and GatherNd take no texts, and comparisons of wasm read others than the texts.
    """
    if not _is_of_texts(node):
        return None
    op = f"Text{node['op'].removesuffix('V2')}"
    reason = f"{node['op']} of texts became {op}: TensorFlow.js has it for numbers only"
    return Rewrite(nodes=[{**node, "op": op}], reason=reason)


def rewrite_text_mask(node: Json, scope: Scope) -> Rewrite | None:
    """Swap the branches of a choice between one value and values, made by comparing texts.

    For no texts TensorFlow.js returns the one value, in place of none (core/src/ops/where.ts).
    """
    condition, chosen, other, *controls = node["input"]
    compared = scope.nodes.get(condition.partition(":")[0], {})
    is_mask = compared.get("op") == "Equal" and _is_of_texts(compared)
    if not is_mask or not scope.is_single(chosen) or scope.is_single(other):
        return None
    name = scope.new_name(node, "differs")
    differs: Json = {"name": name, "op": "LogicalNot", "input": [condition], "attr": {}}
    swapped = {**node, "input": [scope.reference(differs), other, chosen, *controls]}
    reason = "SelectV2 got its branches swapped: TensorFlow.js returns a value where there is none"
    return Rewrite(nodes=[differs, swapped], reason=reason)


def _is_of_texts(node: Json) -> bool:
    return parse_dtype(attribute(node, _TYPES[node["op"]], "type")) == "string"
