"""Rewrites of ops that TensorFlow.js computes in another dtype than TensorFlow does.

Abs, Neg and Square of int32 go through float32 on a backend (Abs.ts and Square.ts of
tfjs-backend-cpu, Neg.cc of tfjs-backend-wasm), so that numbers above 2^24 are rounded.
FloorDiv returns int32 for floats, too (FloorDiv.ts of tfjs-backend-cpu), which a later quotient
rounds down. On wasm ClipByValue takes the bits of int32 for those of floats, Where reads a byte for
each element of any dtype, and ResizeNearestNeighbor returns float32. This module opens no file.
"""

from pipeline.tfjs.model.dtypes import js_dtype, parse_dtype
from pipeline.tfjs.rewrite.scope import Json, Rewrite, Scope, attribute

_ROUNDED = "TensorFlow.js rounds int32 to float32 in it"


def _kind(node: Json) -> str | None:
    """Return the dtype in which TensorFlow.js computes a node."""
    dtype = parse_dtype(attribute(node, "T", "type"))
    return js_dtype(dtype) if dtype else None


class _Made:
    """The nodes that replace a node, each added behind the last."""

    def __init__(self, node: Json, scope: Scope) -> None:
        self.nodes: list[Json] = []
        self._node = node
        self._scope = scope
        self.inputs = [name for name in node["input"] if not name.startswith("^")]

    def add(self, part: str, op: str, *inputs: str, **attr: Json) -> str:
        attr = attr or {"T": self._node["attr"]["T"]}
        name = self._scope.new_name(self._node, part)
        self.nodes.append({"name": name, "op": op, "input": list(inputs), "attr": attr})
        return self._scope.reference(self.nodes[-1])

    def finish(self, reason: str) -> Rewrite:
        """Give the last node the old name, and what the old one waited for."""
        controls = [name for name in self._node["input"] if name.startswith("^")]
        self.nodes[-1]["name"] = self._node["name"]
        self.nodes[-1]["input"] += controls
        return Rewrite(nodes=self.nodes, reason=reason)


def rewrite_whole(node: Json, scope: Scope) -> Rewrite | None:
    """Write Abs, Neg and Square of int32 with exact ops."""
    if _kind(node) != "int32":
        return None
    made = _Made(node, scope)
    x = made.inputs[0]
    match node["op"]:
        case "Neg":
            made.add("y", "Sub", made.add("zero", "ZerosLike", x), x)
        case "Abs":
            negative = made.add("negative", "Sub", made.add("zero", "ZerosLike", x), x)
            made.add("y", "Maximum", x, negative)
        case _:
            made.add("y", "Mul", x, x)
    return made.finish(f"{node['op']} of int32 became {made.nodes[-1]['op']}: {_ROUNDED}")


def rewrite_floor_div(node: Json, scope: Scope) -> Rewrite | None:
    """Write FloorDiv of floats as the Floor of a quotient."""
    if _kind(node) != "float32":
        return None
    made = _Made(node, scope)
    made.add("y", "Floor", made.add("quotient", "RealDiv", *made.inputs))
    return made.finish("FloorDiv of floats became Floor: TensorFlow.js returns int32")


def rewrite_clip(node: Json, scope: Scope) -> Rewrite | None:
    """Write ClipByValue of int32, or with a limit for each element, as Minimum and Maximum."""
    made = _Made(node, scope)
    value, least, greatest = made.inputs
    if _kind(node) == "float32" and scope.is_single(least) and scope.is_single(greatest):
        return None
    made.add("y", "Maximum", made.add("below", "Minimum", value, greatest), least)
    return made.finish(
        "ClipByValue became Minimum and Maximum: TensorFlow.js takes one limit, of float32"
    )


def rewrite_where(node: Json, scope: Scope) -> Rewrite | None:
    """Compare numbers with zero first."""
    if _kind(node) in ("bool", None):
        return None
    made = _Made(node, scope)
    (x,) = made.inputs
    compared = made.add("true", "NotEqual", x, made.add("zero", "ZerosLike", x))
    made.add("y", "Where", compared, T={"type": "DT_BOOL"})
    return made.finish(
        "Where of numbers got a NotEqual before it: the wasm backend reads a byte for each element"
    )


def rewrite_resize(node: Json, scope: Scope) -> Rewrite | None:
    """Cast the result back to whole numbers."""
    if _kind(node) != "int32" or scope.is_cast(node):
        return None
    made = _Made(node, scope)
    resized = made.add("resized", node["op"], *made.inputs, **node["attr"])
    kind = node["attr"]["T"]
    made.add("y", "Cast", resized, SrcT=kind, DstT=kind)
    return made.finish(f"{node['op']} of int32 got a Cast behind it: wasm returns float32")
