"""Scope: the view of a graph that a rewrite of an op gets, and its result. It opens no file."""

from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_MATRIX = 2
# Ops that pass a constant unchanged, also into a loop.
_PASSING = {"Enter", "Identity", "Merge", "Switch"}

# The name of the first output of these ops in a library function: "node:output:0".
_OUTPUTS = {
    "Abs": "y",
    "AddV2": "z",
    "AvgPool": "output",
    "AvgPool3D": "output",
    "Cast": "y",
    "ClipByValue": "y",
    "Conv2D": "output",
    "Conv3D": "output",
    "DepthwiseConv2dNative": "output",
    "Elu": "activations",
    "Erf": "y",
    "Erfc": "y",
    "Floor": "y",
    "Identity": "output",
    "FloorDiv": "z",
    "FusedBatchNormV3": "y",
    "FusedDepthwiseConv2dNative": "output",
    "LeakyRelu": "activations",
    "LogicalAnd": "z",
    "LogicalNot": "y",
    "LogicalOr": "z",
    "LookupTableFind": "values",
    "LookupTableFindV2": "values",
    "MatMul": "product",
    "MaxPool": "output",
    "MaxPool3D": "output",
    "Maximum": "z",
    "Minimum": "z",
    "Mul": "z",
    "Neg": "y",
    "NotEqual": "z",
    "OneHot": "output",
    "OnesLike": "y",
    "Pack": "output",
    "Prelu": "activations",
    "RealDiv": "z",
    "Relu": "activations",
    "Relu6": "activations",
    "Reshape": "output",
    "ResizeNearestNeighbor": "resized_images",
    "ReverseV2": "output",
    "Select": "output",
    "SelectV2": "output",
    "Shape": "output",
    "Sigmoid": "y",
    "Square": "y",
    "SquaredDifference": "z",
    "Sub": "z",
    "Tanh": "y",
    "TensorListLength": "length",
    "TensorListResize": "output_handle",
    "Unpack": "output",
    "Where": "index",
    "ZerosLike": "y",
    "_FusedConv2D": "output",
    "_FusedMatMul": "product",
}


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The nodes of a graph, or of a function in its library.

    Attributes:
        nodes: Its nodes by name.
        is_function: Whether inputs are written "node:output:index".
        returned: What a function returns, as inputs are written.
    """

    nodes: Mapping[str, Json]
    is_function: bool
    returned: tuple[str, ...] = ()

    def new_name(self, node: Json, part: str) -> str:
        """Return a free name below a node's name: "conv/unfused"."""
        name = f"{node['name']}/{part}"
        while name in self.nodes:
            name += "_"
        return name

    def constant_shape(self, reference: str) -> tuple[int, ...] | None:
        """Return the shape of an input that is a constant matrix, else None."""
        node = self.nodes.get(reference.partition(":")[0], {})
        tensor = attribute(node, "value", "tensor") if node.get("op") == "Const" else None
        sizes = ((tensor or {}).get("tensorShape") or {}).get("dim") or []
        shape = tuple(int(dim.get("size", 0)) for dim in sizes)
        return shape if len(shape) == _MATRIX else None

    def is_bias(self, reference: str) -> bool:
        """Return whether an input may be a bias: a constant vector, or unknown here."""
        node = self._origin(reference)
        if node is None:
            return True  # an argument of a function
        return node["op"] == "Const" and _constant_ndim(node) in (1, None)

    def sizes(self, reference: str) -> tuple[int, ...] | None:
        """Return the shape of an input that is a constant, also in a loop; else None."""
        tensor = attribute(self._origin(reference) or {}, "value", "tensor")
        if tensor is None:
            return None
        axes = (tensor.get("tensorShape") or {}).get("dim") or []
        return tuple(int(axis.get("size", 0)) for axis in axes)

    def is_single(self, reference: str) -> bool:
        """Return whether an input is a constant without axes."""
        return _constant_ndim(self.nodes.get(reference.partition(":")[0], {})) == 0

    def is_vector(self, reference: str) -> bool:
        """Return whether an input is a constant vector, or a vector that enters the graph."""
        node = self.nodes.get(reference.partition(":")[0], {})
        shape = attribute(node, "shape", "shape") if node.get("op") == "Placeholder" else None
        return len((shape or {}).get("dim") or []) == 1 or _constant_ndim(node) == 1

    def is_reshaped(self, node: Json) -> bool:
        """Return whether all readers of a node only give it another shape."""
        return self._is_read_by(node, "Reshape")

    def is_cast(self, node: Json) -> bool:
        """Return whether all readers of a node only cast it."""
        return self._is_read_by(node, "Cast")

    def _is_read_by(self, node: Json, op: str) -> bool:
        name = node["name"]
        readers = [
            other
            for other in self.nodes.values()
            if name in {given.partition(":")[0] for given in other.get("input", ())}
        ]
        return bool(readers) and all(other["op"] == op for other in readers)

    def op(self, reference: str) -> str | None:
        """Return the op behind an input: "Const"; None for an argument of a function."""
        op: str | None = self.nodes.get(reference.partition(":")[0], {}).get("op")
        return op

    def reference(self, node: Json, index: int = 0) -> str:
        """Return the name of a node's output as an input: "conv:1"."""
        name: str = node["name"]
        if self.is_function:
            return f"{name}:{_OUTPUTS[node['op']]}:{index}"
        return f"{name}:{index}" if index else name

    def _origin(self, reference: str) -> Json | None:
        """Return the node that makes a value; in a loop, the node before the loop."""
        node = self.nodes.get(reference.partition(":")[0])
        while node is not None and node["op"] in _PASSING:
            node = self.nodes.get(node["input"][0].partition(":")[0])
        return node


@dataclass(frozen=True, kw_only=True)
class Rewrite:
    """The result of a rewrite: nodes, the last of them under the old name, and the reason."""

    nodes: list[Json]
    reason: str


def change_bodies(
    graph: Mapping[str, Any], change: Callable[[Scope], tuple[list[Json], int]]
) -> tuple[Json, int]:
    """Return a GraphDef whose nodes, and those of its functions, are changed, and how many are.

    Args:
        graph: As JSON; it is left as it is.
        change: Returns the new nodes of a body, and how many it has changed.
    """
    nodes, count = change(_scope(graph["node"], is_function=False))
    changed = {**graph, "node": nodes}
    library = graph.get("library") or {}
    functions = []
    for function in library.get("function") or []:
        returned = tuple((function.get("ret") or {}).values())
        scope = _scope(function.get("nodeDef") or [], is_function=True, returned=returned)
        body, more = change(scope)
        functions.append({**function, "nodeDef": body} if more else function)
        count += more
    if functions:
        changed["library"] = {**library, "function": functions}
    return (changed if count else dict(graph)), count


def _scope(nodes: Iterable[Json], *, is_function: bool, returned: tuple[str, ...] = ()) -> Scope:
    by_name = {node["name"]: node for node in nodes}
    return Scope(nodes=by_name, is_function=is_function, returned=returned)


def attribute(node: Json, key: str, kind: str) -> Any:
    """Return an attribute of a kind ("type", "b", "list" …), None if the node lacks it."""
    return (node.get("attr") or {}).get(key, {}).get(kind)


def parse_string(value: Any) -> str:
    """Return a string of protobuf JSON (base64, or the codes of its characters): "VALID"."""
    return "".join(map(chr, value)) if isinstance(value, list) else b64decode(value).decode()


def _constant_ndim(node: Json) -> int | None:
    tensor = attribute(node, "value", "tensor") if node.get("op") == "Const" else None
    if tensor is None:
        return None
    return len((tensor.get("tensorShape") or {}).get("dim") or [])
