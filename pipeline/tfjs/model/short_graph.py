"""Short graphs: a topology without what TensorFlow.js does not read.

TensorFlow writes the data type of every operand, the shape of every constant and all defaults. They
make up half of a model.json, and TensorFlow.js reads none of them: its op mapper looks at the
attributes of its own op lists, and the values, shapes and data types of constants stand in the
weight manifest. A published model.json has neither.

What is left out can be told again, so that a published model is a source like any other: an absent
data type is float32, of an index int32; other attributes have the default of TensorFlow. Functions
of the library and ops that TensorFlow.js does not map are treated alike, or left as they are.
"""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.tfjs.model.dtypes import format_dtype
from pipeline.tfjs.model.weight_manifest import WeightSpec
from pipeline.tfjs.op_support import ReadAttr, read_attrs

Json = dict[str, Any]

INDEX_TYPES = frozenset(
    {
        "Index", "Tblock_shape", "Tcrops", "Tdim", "Tidx", "Tindices", "Tmultiples", "Tpaddings",
        "Tperm", "Tshape",
    }
)  # fmt: skip
"""Attributes with the data type of indices and sizes."""
VALUE_TYPES = frozenset({"SrcT", "T", "Tparams", "U"})
"""Attributes with the data type of operands."""
OWN_TYPES = frozenset({("RaggedRange", "T"), ("Where", "T")})
"""Op and attribute whose default in TensorFlow is another type."""
TYPE_LISTS = frozenset({"TArgs"})
"""Attributes with the data types of further operands, which fused ops have."""

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "Truncate": {"b": False},
    "adj_x": {"b": False},
    "adj_y": {"b": False},
    "batch_dims": {"i": "0"},
    "begin_mask": {"i": "0"},
    "data_format": {"s": "TkhXQw=="},
    "dilations": {"list": {"i": ["1", "1", "1", "1"]}},
    "ellipsis_mask": {"i": "0"},
    "end_mask": {"i": "0"},
    "explicit_paddings": {"list": {}},
    "exponential_avg_factor": {"f": 1.0},
    "filter_format": {"s": "SFdJTw=="},
    "fused_ops": {"list": {}},
    "grad_a": {"b": False},
    "grad_b": {"b": False},
    "grad_x": {"b": False},
    "grad_y": {"b": False},
    "half_pixel_centers": {"b": False},
    "incompatible_shape_error": {"b": True},
    "keep_dims": {"b": False},
    "leakyrelu_alpha": {"f": 0.2},
    "new_axis_mask": {"i": "0"},
    "num_host_args": {"i": "0"},
    "shrink_axis_mask": {"i": "0"},
    "squeeze_dims": {"list": {}},
    "transpose_a": {"b": False},
    "transpose_b": {"b": False},
    "use_cudnn_on_gpu": {"b": True},
    "validate_indices": {"b": True},
}
"""Values that TensorFlow takes for an absent attribute, whatever the op."""

_KEPT_KEYS = ("name", "op", "input")
_MANIFEST_DTYPES = {
    "DT_BOOL": "bool",
    "DT_FLOAT": "float32",
    "DT_INT32": "int32",
    "DT_STRING": "string",
}
_FUSED_OPS = frozenset({"FusedDepthwiseConv2dNative", "_FusedConv2D", "_FusedMatMul"})
_NORMALIZATION = base64.b64encode(b"FusedBatchNorm").decode()
# Attributes of ops that have others than `T`; those of `Where` are never left out.
_STATED_TYPES = {
    "Cast": ("SrcT",),
    "Gather": ("Tparams", "Tindices"),
    "GatherNd": ("Tparams", "Tindices"),
    "GatherV2": ("Tparams", "Tindices"),
    "LookupTableFind": (),
    "LookupTableFindV2": (),
    "ReverseV2": ("T", "Tidx"),
    "TensorScatterUpdate": ("T", "Tindices"),
    "Where": (),
}
_GRAPHS = ("modelTopology", "modelInitializer")


def shorten_graph(content: Mapping[str, Any], weights: Iterable[WeightSpec]) -> Json:
    """Return a model.json whose graphs lack what TensorFlow.js does not read.

    Args:
        content: A decoded model.json of a graph model; it is left as it is.
        weights: All its weights.
    """
    known = read_attrs()
    if known is None:
        return dict(content)
    dtypes = {spec.name: spec.dtype for spec in weights}

    def shorten(node: Mapping[str, Any]) -> Json:
        kept = {key: node[key] for key in _KEPT_KEYS if node.get(key)}
        attrs = node.get("attr") or {}
        left: Mapping[str, Any]
        if node["op"] == "Const" and node["name"] in dtypes:
            left = _own_dtype(attrs, dtypes[node["name"]])
        else:
            left = _read_attrs(node["op"], attrs, known.get(node["op"]))
        return {**kept, **({"attr": left} if left else {})}

    return _map_nodes(content, shorten)


def _own_dtype(attrs: Mapping[str, Any], stored: str) -> Json:
    """Return the data type of a constant, where its weight has another."""
    dtype = attrs.get("dtype", {})
    return {} if _MANIFEST_DTYPES.get(dtype.get("type", "")) == stored else {"dtype": dtype}


def _read_attrs(
    op: str, attrs: Mapping[str, Any], known: Mapping[str, ReadAttr] | None
) -> Mapping[str, Any]:
    """Return the attributes of a node that TensorFlow.js reads, or that cannot be told again."""
    if known is None:
        return attrs
    normalizes = _NORMALIZATION in attrs.get("fused_ops", {}).get("list", {}).get("s", ())
    return {
        name: value
        for name, value in attrs.items()
        if not name.startswith("_")
        and not _is_left_out(op, name, value, known.get(name))
        and not (name == "epsilon" and op in _FUSED_OPS and not normalizes)
    }


def complete_constants(content: Mapping[str, Any], weights: Iterable[WeightSpec]) -> Json:
    """Return a model.json whose constants state data type and shape, as their weights have them."""
    specs = {spec.name: spec for spec in weights}

    def complete(node: Mapping[str, Any]) -> Json:
        attrs, name = node.get("attr") or {}, node.get("name")
        if node["op"] != "Const" or not isinstance(name, str) or name not in specs:
            return dict(node)
        if not isinstance(attrs, Mapping) or "value" in attrs:
            return dict(node)
        spec = specs[name]
        dtype = attrs.get("dtype", {"type": format_dtype(spec.dtype)})
        if not isinstance(dtype, Mapping) or "type" not in dtype:
            return dict(node)
        shape = {"dim": [{"size": str(size)} for size in spec.shape]}
        value = {"tensor": {"dtype": dtype["type"], "tensorShape": shape}}
        return {**node, "attr": {**attrs, "dtype": dtype, "value": value}}

    return _map_nodes(content, complete)


def state_types(node: Mapping[str, Any]) -> Json:
    """Return a node with the data types of operands that a short graph leaves out.

    Args:
        node: A node whose op has the attributes of `_STATED_TYPES`, `T` if the op is not there.
    """
    types = {
        name: {"type": "DT_INT32" if name in INDEX_TYPES else "DT_FLOAT"}
        for name in _STATED_TYPES.get(node["op"], ("T",))
    }
    return {**node, "attr": {**types, **(node.get("attr") or {})}}


def _map_nodes(content: Mapping[str, Any], change: Any) -> Json:
    """Return a model.json with all nodes of its graphs and functions changed."""
    changed = dict(content)
    for key in _GRAPHS:
        graph = content.get(key)
        if not isinstance(graph, Mapping) or "node" not in graph:
            continue
        changed[key] = {**graph, "node": _change_all(graph["node"], change)}
        library = graph.get("library")
        if not library:
            changed[key].pop("library", None)
        elif isinstance(library, Mapping) and isinstance(library.get("function"), list):
            functions = [
                {**each, "nodeDef": _change_all(each.get("nodeDef") or (), change)}
                if isinstance(each, Mapping)
                else each
                for each in library["function"]
            ]
            changed[key]["library"] = {**library, "function": functions}
    return changed


def _change_all(nodes: Any, change: Any) -> Any:
    """Return nodes changed; what is no node stays, for the reader to refuse."""
    if not isinstance(nodes, list | tuple):
        return nodes
    return [change(node) if isinstance(node, Mapping) and "op" in node else node for node in nodes]


def _is_left_out(op: str, name: str, value: Mapping[str, Any], read: ReadAttr | None) -> bool:
    """Return whether TensorFlow.js does the same without an attribute, and it can be told again."""
    if read is not None:
        return value == DEFAULTS.get(name) and is_default(value, read)
    if name in TYPE_LISTS:
        return set(value.get("list", {}).get("type", ())) == {"DT_FLOAT"}
    if name in INDEX_TYPES:
        return value == {"type": "DT_INT32"}
    if name in VALUE_TYPES:
        return value == {"type": "DT_FLOAT"} and (op, name) not in OWN_TYPES
    return value == DEFAULTS.get(name)


def is_default(value: Mapping[str, Any], read: ReadAttr) -> bool:
    """Return whether TensorFlow.js reads the same from a value as without it."""
    default = read.default
    match read.kind:
        case "bool":
            return default is not None and value.get("b") == default
        case "number":
            # operation_mapper.ts takes 0 where no default stands.
            return float(value.get("i", value.get("f", "nan"))) == float(default or 0)
        case "string":
            text = base64.b64decode(value.get("s", "")).decode()
            return bool(default) and text.lower() == str(default).lower()
        case "number[]" | "string[]":
            listed = value.get("list", {})
            values = [float(one) for one in listed.get("i") or listed.get("f") or ()]
            return default is not None and not listed.get("s") and values == list(default)
        case _:
            return False
