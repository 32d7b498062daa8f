"""Numbers the outputs of nodes in library functions by their places, as TensorFlow.js counts them.

In a function an input is "node:output_name:number", and the number counts within the output's
name: the indices of TopKV2 are "top:indices:0". TensorFlow.js takes the number alone
(`parseNodeName` in tfjs-converter/src/operations/executors/utils.ts), so that it reads the values
in place of the indices; only of StringSplit and StringNGrams it knows the names, and not even then
where another program registers the op (`runtime/texts/ops.js`). Here the number becomes that among
all outputs, "top:indices:1", and for TensorFlow the first again. This module opens no file.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.tfjs.rewrite.scope import Json

OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "FusedBatchNorm": ("y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"),
    "FusedBatchNormV2": ("y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"),
    "FusedBatchNormV3": (
        "y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2",
        "reserve_space_3",
    ),
    "ListDiff": ("out", "idx"),
    "MaxPoolWithArgmax": ("output", "argmax"),
    "Merge": ("output", "value_index"),
    "NonMaxSuppressionV4": ("selected_indices", "valid_outputs"),
    "NonMaxSuppressionV5": ("selected_indices", "selected_scores", "valid_outputs"),
    "SparseFillEmptyRows": (
        "output_indices", "output_values", "empty_row_indicator", "reverse_index_map",
    ),
    "SparseReshape": ("output_indices", "output_shape"),
    "StringNGrams": ("ngrams", "ngrams_splits"),
    "StringSplit": ("indices", "values", "shape"),
    "StringSplitV2": ("indices", "values", "shape"),
    "Switch": ("output_false", "output_true"),
    "TensorArrayConcatV3": ("value", "lengths"),
    "TensorArrayV3": ("handle", "flow"),
    "TensorListConcat": ("tensor", "lengths"),
    "TensorListConcatV2": ("tensor", "lengths"),
    "TensorListPopBack": ("output_handle", "tensor"),
    "TopKV2": ("values", "indices"),
    "UnicodeDecode": ("row_splits", "char_values"),
    "UnicodeDecodeWithOffsets": ("row_splits", "char_values", "char_to_byte_starts"),
    "Unique": ("y", "idx"),
    "UniqueV2": ("y", "idx"),
}  # fmt: skip
"""The names of the outputs of ops that have several, each of one tensor."""


def number_outputs(graph: Mapping[str, Any]) -> tuple[Json, int]:
    """Return a GraphDef whose functions number outputs by place, and how many inputs changed.

    Args:
        graph: As JSON; it is left as it is.
    """
    return _renumber(graph, lambda place: place)


def name_outputs(graph: Mapping[str, Any]) -> Json:
    """Return a GraphDef whose functions number outputs within their names, as TensorFlow does."""
    named, _ = _renumber(graph, lambda _: 0)
    return named


def _renumber(graph: Mapping[str, Any], number: Callable[[int], int]) -> tuple[Json, int]:
    library = graph.get("library") or {}
    changed = [_renumber_function(function, number) for function in library.get("function") or []]
    count = sum(found for _, found in changed)
    if not count:
        return dict(graph), 0
    return {**graph, "library": {**library, "function": [made for made, _ in changed]}}, count


def _renumber_function(function: Json, number: Callable[[int], int]) -> tuple[Json, int]:
    nodes = function.get("nodeDef") or []
    outputs = {node["name"]: OUTPUTS[node["op"]] for node in nodes if node["op"] in OUTPUTS}
    if not outputs:
        return function, 0
    count = 0

    def refer(reference: str) -> str:
        nonlocal count
        name, _, output = reference.rpartition(":")[0].rpartition(":")
        place = outputs[name].index(output) if output in outputs.get(name, ()) else 0
        made = f"{name}:{output}:{number(place)}" if place else reference
        count += made != reference
        return made

    changed = [
        {**node, "input": [refer(one) for one in node["input"]]} if node.get("input") else node
        for node in nodes
    ]
    results = {key: refer(one) for key, one in (function.get("ret") or {}).items()}
    made = {**function, "nodeDef": changed, **({"ret": results} if results else {})}
    return made, count
