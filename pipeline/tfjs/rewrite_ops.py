"""Rewrite of ops: what TensorFlow.js computes wrong, or not at all, and what equals it.

Each rewrite keeps what the graph computes in TensorFlow, and the name of the node that the
others read; none needs a new weight. It opens no file.
"""

from collections.abc import Callable, Mapping

from pipeline.tfjs.dtypes import js_dtype, parse_dtype
from pipeline.tfjs.rewrite_fused import PLAIN_OPS, rewrite_fused
from pipeline.tfjs.rewrite_scope import Json, Rewrite, Scope, attribute


def _rewrite_cast(node: Json, scope: Scope) -> Rewrite | None:
    """Write a cast to bool as a comparison with zero.

    The kernel of the wasm backend copies the bytes after a cast to int8, so that 0.4 and 256
    are false (tfjs-backend-wasm/src/kernels/Cast.ts: `new Uint8Array(values)`).
    """
    source = parse_dtype(attribute(node, "SrcT", "type"))
    if parse_dtype(attribute(node, "DstT", "type")) != "bool":
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
    dtype = parse_dtype(attribute(node, "T", "type"))
    if dtype is None or js_dtype(dtype) != "int32":
        return None
    if any(attribute(node, key, "b") for key in ("transpose_a", "transpose_b")):
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
    op = PLAIN_OPS[node["op"]]
    if bias:
        op = node["op"]
        attr["fused_ops"] = {"list": {"s": [b64encode(b"BiasAdd").decode()]}}
        attr["num_args"] = {"i": "1"}
    name = scope.new_name(node, "unfused")
    others = {key: node[key] for key in ("device",) if key in node}
    return {**others, "name": name, "op": op, "input": [*inputs, *controls], "attr": attr}


def _follow(node: Json, op: str, inputs: list[str], scope: Scope) -> Json:
    """Return a node for what a fused node did after its product."""
    kind: Json = {"type": attribute(node, "T", "type") or "DT_FLOAT"}
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
    **dict.fromkeys(PLAIN_OPS, rewrite_fused),
}
