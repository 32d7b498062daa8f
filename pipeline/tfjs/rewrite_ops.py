"""Rewrite of ops: what TensorFlow.js computes wrong, or not at all, and what equals it.

Each rewrite keeps what the graph computes in TensorFlow, and the name of the node that the
others read; none needs a new weight. It opens no file.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.tfjs.dtypes import js_dtype, parse_dtype

Json = dict[str, Any]

# What the kernels of all backends can fuse: applyActivation in
# tfjs-core/src/ops/fused_util.ts, FusableActivation in tfjs-backend-wasm/src/kernels/types.ts.
_FUSABLE = {"elu", "leakyrelu", "prelu", "relu", "relu6", "sigmoid"}

_PLAIN_OPS = {
    "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative",
    "_FusedConv2D": "Conv2D",
    "_FusedMatMul": "MatMul",
}
_FUSED_ATTRIBUTES = {
    "epsilon",
    "fused_ops",
    "leakyrelu_alpha",
    "num_args",
    "num_host_args",
    "TArgs",
}
_MATRIX = 2
# What a constant passes unchanged, on its way into a loop as well.
_PASSING = {"Identity", "Enter"}
_NUM_TAKEN = {"biasadd": 1, "fusedbatchnorm": 4, "prelu": 1}
_ACTIVATIONS = {
    "elu": "Elu",
    "leakyrelu": "LeakyRelu",
    "prelu": "Prelu",
    "relu": "Relu",
    "relu6": "Relu6",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
}

# How a library function calls the first output of these ops: "node:output:0".
_OUTPUTS = {
    "AddV2": "z",
    "Cast": "y",
    "Conv2D": "output",
    "DepthwiseConv2dNative": "output",
    "Elu": "activations",
    "Erf": "y",
    "Erfc": "y",
    "FusedBatchNormV3": "y",
    "FusedDepthwiseConv2dNative": "output",
    "LeakyRelu": "activations",
    "LookupTableFind": "values",
    "LookupTableFindV2": "values",
    "MatMul": "product",
    "Mul": "z",
    "NotEqual": "z",
    "OnesLike": "y",
    "Prelu": "activations",
    "Relu": "activations",
    "Relu6": "activations",
    "Reshape": "output",
    "Shape": "output",
    "Sigmoid": "y",
    "Sub": "z",
    "Tanh": "y",
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
    """

    nodes: Mapping[str, Json]
    is_function: bool

    def new_name(self, node: Json, part: str) -> str:
        """Return a name below a node's that nothing has."""
        name = f"{node['name']}/{part}"
        while name in self.nodes:
            name += "_"
        return name

    def constant_shape(self, reference: str) -> tuple[int, ...] | None:
        """Return the shape of what an input names, when it is a constant matrix."""
        node = self.nodes.get(reference.partition(":")[0], {})
        tensor = _attribute(node, "value", "tensor") if node.get("op") == "Const" else None
        sizes = ((tensor or {}).get("tensorShape") or {}).get("dim") or []
        shape = tuple(int(dim.get("size", 0)) for dim in sizes)
        return shape if len(shape) == _MATRIX else None

    def is_bias(self, reference: str) -> bool:
        """Return whether an input may be a bias: a constant vector, or what is not known here."""
        node = self.nodes.get(reference.partition(":")[0])
        while node is not None and node["op"] in _PASSING:
            node = self.nodes.get(node["input"][0].partition(":")[0])
        if node is None:
            return True  # an argument of a function
        return node["op"] == "Const" and _constant_ndim(node) in (1, None)

    def is_single(self, reference: str) -> bool:
        """Return whether an input is a constant without axes."""
        return _constant_ndim(self.nodes.get(reference.partition(":")[0], {})) == 0

    def is_vector(self, reference: str) -> bool:
        """Return whether an input is a constant vector, or an input of the graph that is one."""
        node = self.nodes.get(reference.partition(":")[0], {})
        shape = _attribute(node, "shape", "shape") if node.get("op") == "Placeholder" else None
        return len((shape or {}).get("dim") or []) == 1 or _constant_ndim(node) == 1

    def is_reshaped(self, node: Json) -> bool:
        """Return whether all that a node is read for is to give it another shape."""
        name = node["name"]
        readers = [
            other
            for other in self.nodes.values()
            if name in {given.partition(":")[0] for given in other.get("input", ())}
        ]
        return bool(readers) and all(other["op"] == "Reshape" for other in readers)

    def reference(self, node: Json) -> str:
        """Return how an input names a node's first output."""
        name: str = node["name"]
        return f"{name}:{_OUTPUTS[node['op']]}:0" if self.is_function else name


@dataclass(frozen=True, kw_only=True)
class Rewrite:
    """What a node becomes: its nodes, the last of them under its name, and why."""

    nodes: list[Json]
    reason: str


def _rewrite_cast(node: Json, scope: Scope) -> Rewrite | None:
    """Write a cast to bool as a comparison with zero.

    The kernel of the wasm backend copies the bytes after a cast to int8, so that 0.4 and 256
    are false (tfjs-backend-wasm/src/kernels/Cast.ts: `new Uint8Array(values)`).
    """
    source = parse_dtype(_attribute(node, "SrcT", "type"))
    if parse_dtype(_attribute(node, "DstT", "type")) != "bool":
        return None
    if source is None or js_dtype(source) not in {"float32", "int32"}:
        return None
    value, *controls = node["input"]
    attr = {"T": node["attr"]["SrcT"]}
    zero = {"name": scope.new_name(node, "zero"), "op": "ZerosLike", "input": [value], "attr": attr}
    inputs = [value, scope.reference(zero), *controls]
    others = {key: item for key, item in node.items() if key not in {"attr", "input", "op"}}
    compared = {**others, "op": "NotEqual", "input": inputs, "attr": attr}
    reason = (
        "Cast to bool became NotEqual to ZerosLike: "
        "the wasm backend casts to an integer first, so that 0.4 is false"
    )
    return Rewrite(nodes=[zero, compared], reason=reason)


def _rewrite_matmul(node: Json, scope: Scope) -> Rewrite | None:
    """Write a product of whole numbers over an axis of one as a multiplication that broadcasts.

    (n, 1) times (1, m) is how TensorFlow's old spatial transformers repeat an index. wasm has no
    product of int32 ("BatchMatMul for non non-float32 tensors not yet supported").
    """
    dtype = parse_dtype(_attribute(node, "T", "type"))
    if dtype is None or js_dtype(dtype) != "int32":
        return None
    if any(_attribute(node, key, "b") for key in ("transpose_a", "transpose_b")):
        return None
    left, right, *_ = (scope.constant_shape(name) for name in node["input"])
    if not (left and left[1] == 1) and not (right and right[0] == 1):
        return None
    product = {**node, "op": "Mul", "attr": {"T": node["attr"]["T"]}}
    reason = "MatMul of int32 over an axis of one became Mul: the wasm backend has it for floats"
    return Rewrite(nodes=[product], reason=reason)


def _rewrite_erfc(node: Json, scope: Scope) -> Rewrite | None:
    """Write 1 - erf(x), equal but for the smallest results, which round to zero."""
    value, *controls = node["input"]
    attr = {"T": node["attr"]["T"]}
    made = [
        {"name": scope.new_name(node, part), "op": op, "input": [value], "attr": attr}
        for part, op in (("one", "OnesLike"), ("erf", "Erf"))
    ]
    inputs = [*map(scope.reference, made), *controls]
    difference = {**node, "op": "Sub", "input": inputs}
    return Rewrite(
        nodes=[*made, difference], reason="Erfc became 1 - Erf: TensorFlow.js has no Erfc"
    )


def _rewrite_fused(node: Json, scope: Scope) -> Rewrite | None:
    """Take what TensorFlow.js cannot fuse out of a fused op.

    Its executors read `[extraOp, activation]` by position: another activation throws, and one
    that stands first, without BiasAdd, is silently left out. The converter takes any sum for
    the adding of a bias (normalize_bias_add.py): a shortcut, a single number; the wasm backend
    has biases of one axis only ("only supports rank-1 bias but got rank 4").
    """
    fused = [_parse_string(value).lower() for value in _list(node, "fused_ops")]
    rest = fused[1:] if fused[:1] == ["biasadd"] else fused
    bias = fused[:1] == ["biasadd"]
    inputs = [name for name in node["input"] if not name.startswith("^")]
    controls = node["input"][len(inputs) :]
    summed = bias and not scope.is_bias(inputs[2])
    fusable = not rest or (bias and len(rest) == 1 and rest[0] in _FUSABLE)
    if fusable and not summed:
        return None
    if any(op not in {*_ACTIVATIONS, "fusedbatchnorm"} for op in rest):
        return None
    kept = bias and not summed
    made = [_unfused(node, scope, inputs[: 3 if kept else 2], controls, bias=kept)]
    arguments = inputs[3 if kept else 2 :]
    for op in ["biasadd", *rest] if summed else rest:
        taken = [arguments.pop(0) for _ in range(_NUM_TAKEN.get(op, 0))]
        made.append(_follow(node, op, [scope.reference(made[-1]), *taken], scope))
    made[-1]["name"] = node["name"]
    named = "+".join(_parse_string(value) for value in _list(node, "fused_ops"))
    why = "cannot fuse it so" if not summed else "adds a bias of one axis only"
    reason = f"{node['op']} with {named} was taken apart: TensorFlow.js {why}"
    return Rewrite(nodes=made, reason=reason)


def _rewrite_lookup(node: Json, scope: Scope) -> Rewrite | None:
    """Give what a table returns the shape of the keys.

    TensorFlow.js returns a vector whatever it was asked for (executors/hash_table.ts, `find`).
    """
    keys, default = node["input"][1:3]
    if not scope.is_single(default) or scope.is_vector(keys) or scope.is_reshaped(node):
        return None
    found = {**node, "name": scope.new_name(node, "found")}
    types = {"T": node["attr"]["Tin"], "out_type": {"type": "DT_INT32"}}
    shape = {"name": scope.new_name(node, "shape"), "op": "Shape", "input": [keys], "attr": types}
    inputs = [scope.reference(found), scope.reference(shape)]
    attr = {"T": node["attr"]["Tout"], "Tshape": {"type": "DT_INT32"}}
    shaped = {"name": node["name"], "op": "Reshape", "input": inputs, "attr": attr}
    reason = f"{node['op']} got a Reshape behind it: TensorFlow.js returns a vector for any keys"
    return Rewrite(nodes=[found, shape, shaped], reason=reason)


def _unfused(
    node: Json, scope: Scope, inputs: list[str], controls: list[str], *, bias: bool
) -> Json:
    """Return the first part of a fused node, with its bias where it has one."""
    attr = {key: value for key, value in node["attr"].items() if key not in _FUSED_ATTRIBUTES}
    op = _PLAIN_OPS[node["op"]]
    if bias:
        op = node["op"]
        attr["fused_ops"] = {"list": {"s": [b64encode(b"BiasAdd").decode()]}}
        attr["num_args"] = {"i": "1"}
    name = scope.new_name(node, "unfused")
    others = {key: node[key] for key in ("device",) if key in node}
    return {**others, "name": name, "op": op, "input": [*inputs, *controls], "attr": attr}


def _follow(node: Json, op: str, inputs: list[str], scope: Scope) -> Json:
    """Return a node for what a fused node did after its product."""
    kind: Json = {"type": _attribute(node, "T", "type") or "DT_FLOAT"}
    attr: Json = {"T": kind}
    if op == "leakyrelu":
        attr["alpha"] = node["attr"].get("leakyrelu_alpha", {"f": 0.2})
    if op == "fusedbatchnorm":
        attr |= {"U": kind, "is_training": {"b": False}}
        attr["epsilon"] = node["attr"].get("epsilon", {"f": 0.0001})
        if "data_format" in node["attr"]:
            attr["data_format"] = node["attr"]["data_format"]
    name = {"biasadd": "AddV2", "fusedbatchnorm": "FusedBatchNormV3", **_ACTIVATIONS}[op]
    return {"name": scope.new_name(node, op), "op": name, "input": inputs, "attr": attr}


REWRITES: Mapping[str, Callable[[Json, Scope], Rewrite | None]] = {
    "Cast": _rewrite_cast,
    "Erfc": _rewrite_erfc,
    "LookupTableFind": _rewrite_lookup,
    "LookupTableFindV2": _rewrite_lookup,
    "MatMul": _rewrite_matmul,
    **dict.fromkeys(_PLAIN_OPS, _rewrite_fused),
}


def _constant_ndim(node: Json) -> int | None:
    tensor = _attribute(node, "value", "tensor") if node.get("op") == "Const" else None
    if tensor is None:
        return None
    return len((tensor.get("tensorShape") or {}).get("dim") or [])


def _attribute(node: Json, key: str, kind: str) -> Any:
    return (node.get("attr") or {}).get(key, {}).get(kind)


def _list(node: Json, key: str) -> list[Any]:
    strings: list[Any] = (_attribute(node, key, "list") or {}).get("s") or []
    return strings


def _parse_string(value: Any) -> str:
    """Return a string of protobuf JSON: base64, or the codes of its characters."""
    return "".join(map(chr, value)) if isinstance(value, list) else b64decode(value).decode()
