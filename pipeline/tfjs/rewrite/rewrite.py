"""Rewrite: changes a graph so that TensorFlow.js computes the same as TensorFlow.

The graph, its library functions and its initializer are treated alike. The replacements are in the
other modules of this folder. This module opens no file.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.tfjs.model.short_graph import state_types
from pipeline.tfjs.model.topology import parse_topology
from pipeline.tfjs.rewrite.constant_controls import hand_on_controls
from pipeline.tfjs.rewrite.control_inputs import drop_lost_controls
from pipeline.tfjs.rewrite.counted_inputs import part_controls
from pipeline.tfjs.rewrite.default_inputs import settle_defaults
from pipeline.tfjs.rewrite.list_copies import part_lists
from pipeline.tfjs.rewrite.loops import keep_list_items
from pipeline.tfjs.rewrite.needed_nodes import check_needs
from pipeline.tfjs.rewrite.numbered_outputs import number_outputs
from pipeline.tfjs.rewrite.returned_nodes import part_returns
from pipeline.tfjs.rewrite.scope import Json, Scope
from pipeline.tfjs.rewrite.single_ops import REWRITES
from pipeline.tfjs.rewrite.stated_zeros import state_arguments, state_shape, state_sizes

_NEVER_FED = (
    "default of an input that the signature does not have is read as it is: TensorFlow.js 4 frees "
    "it too early"
)
_KEPT_ITEM = (
    "value written to a list in a While loop also leaves its body as a loop variable: "
    "TensorFlow.js 4 frees it with the body's other tensors"
)
_RETURNED = (
    "result of a function that is a constant, or one of several outputs of a node, goes through an "
    "Identity: TensorFlow.js frees the constant, and returns the last output for all"
)
_NEVER_COMES = (
    "node no longer waits for others of its loop that it does not read: in TensorFlow.js that "
    "wait never ends"
)
_ZERO = "size of 0 is written out: TensorFlow.js takes a missing one for no number"
_NO_ARGUMENT = (
    "function that takes or returns nothing has an empty list of it: TensorFlow.js loads no model "
    "without the list"
)
_WAITS = (
    "reader of constants alone waits for what they wait for: in TensorFlow.js a constant is there "
    "before its branch or iteration"
)
_COUNTED = (
    "op with a list of tensors has an Identity that waits for its control inputs: TensorFlow.js "
    "takes these for more tensors"
)
_SHARED = (
    "list of tensors with several readers is a list for each: TensorFlow.js writes to the one that "
    "they read"
)
_NUMBERED = (
    "input of a node in a function has the number of the output among all: TensorFlow.js reads no "
    "names of outputs, and takes the first"
)
_REPAIRS = (
    (state_sizes, _ZERO),
    (state_arguments, _NO_ARGUMENT),
    (part_lists, _SHARED),
    (keep_list_items, _KEPT_ITEM),
    (part_returns, _RETURNED),
    (hand_on_controls, _WAITS),
    (drop_lost_controls, _NEVER_COMES),
    (part_controls, _COUNTED),
    (number_outputs, _NUMBERED),
)


def rewrite_graph(content: Mapping[str, Any]) -> tuple[Json, list[str]]:
    """Return a model.json whose graph computes the same in TensorFlow.js as in TensorFlow.

    Args:
        content: A decoded model.json of a graph model; it is left as it is.

    Returns:
        The new content, and a sentence for each kind of change with its number; without a
        change the content is equal and the list empty.
    """
    reasons: Counter[str] = Counter()
    changed = dict(content)
    fed = {
        str(info.get("name", "")).partition(":")[0]
        for info in ((content.get("signature") or {}).get("inputs") or {}).values()
    }
    for key in ("modelTopology", "modelInitializer"):
        graph = content.get(key)
        if isinstance(graph, Mapping) and graph.get("node"):
            check_needs(parse_topology(graph, where=key))
            settled, count = settle_defaults(graph, fed=fed)
            if count:
                reasons[_NEVER_FED] += count
            changed[key] = _rewrite_topology(settled, reasons)
    if content.get("signature"):
        changed["signature"] = _state_signature(content["signature"])
    return changed, [
        f"{reason} ({count} in this graph)" for reason, count in sorted(reasons.items())
    ]


def _state_signature(signature: Mapping[str, Any]) -> Json:
    """Return a SignatureDef whose shapes state sizes of 0."""
    stated = dict(signature)
    for side in ("inputs", "outputs"):
        infos = signature.get(side) or {}
        if infos:
            stated[side] = {
                key: {**info, "tensorShape": state_shape(info["tensorShape"])}
                if info.get("tensorShape")
                else info
                for key, info in infos.items()
            }
    return stated


def _rewrite_topology(graph: Mapping[str, Any], reasons: Counter[str]) -> Json:
    nodes, _ = _rewrite_nodes(graph["node"], reasons, is_function=False)
    changed = {**graph, "node": nodes}
    library = graph.get("library") or {}
    if library.get("function"):
        functions = [_rewrite_function(function, reasons) for function in library["function"]]
        changed["library"] = {**library, "function": functions}
    for repair, reason in _REPAIRS:
        changed, count = repair(changed)
        if count:
            reasons[reason] += count
    return changed


def _rewrite_function(function: Mapping[str, Any], reasons: Counter[str]) -> Json:
    nodes, renamed = _rewrite_nodes(function.get("nodeDef") or [], reasons, is_function=True)
    results = {key: _rename(value, renamed) for key, value in (function.get("ret") or {}).items()}
    return {**function, "nodeDef": nodes, **({"ret": results} if results else {})}


def _rewrite_nodes(
    nodes: Iterable[Json], reasons: Counter[str], *, is_function: bool
) -> tuple[list[Json], dict[str, str]]:
    """Return the nodes rewritten, and the new names of a function's outputs that were renamed."""
    own = {node["name"]: node for node in nodes}
    stated = {name: state_types(n) if n["op"] in REWRITES else n for name, n in own.items()}
    scope = Scope(nodes=stated, is_function=is_function)
    changed: list[Json] = []
    renamed: dict[str, str] = {}
    for node in scope.nodes.values():
        replace = REWRITES.get(node["op"])
        rewrite = replace(node, scope) if replace else None
        if rewrite is None:
            changed.append(own[node["name"]])
            continue
        reasons[rewrite.reason] += 1
        changed += rewrite.nodes
        if is_function:
            renamed[scope.reference(node)] = scope.reference(rewrite.nodes[-1])
    if not renamed:
        return changed, renamed
    return [_rename_inputs(node, renamed) for node in changed], renamed


def _rename_inputs(node: Json, renamed: Mapping[str, str]) -> Json:
    inputs = node.get("input")
    return {**node, "input": [_rename(name, renamed) for name in inputs]} if inputs else node


def _rename(reference: str, renamed: Mapping[str, str]) -> str:
    return renamed.get(reference, reference)
