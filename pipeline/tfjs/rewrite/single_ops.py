"""Rewrites of single ops that TensorFlow.js computes wrongly or not at all.

Each rewrite keeps the values of TensorFlow, and the name of the node that others read; none needs a
new weight. This module opens no file.
"""

from collections.abc import Callable, Mapping

from pipeline.tfjs.model.dtypes import js_dtype, parse_dtype
from pipeline.tfjs.rewrite.booleans import rewrite_reverse, rewrite_select
from pipeline.tfjs.rewrite.fused_ops import PLAIN_OPS, rewrite_fused
from pipeline.tfjs.rewrite.scope import Json, Rewrite, Scope, attribute
from pipeline.tfjs.rewrite.volumes import rewrite_convolution_3d, rewrite_pool_3d


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
    """Give the result of a table the shape of the keys.

    TensorFlow.js always returns a vector (executors/hash_table.ts, `find`).
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


def _rewrite_one_hot(node: Json, scope: Scope) -> Rewrite | None:
    """Write a one-hot encoding of floats as one of whole numbers, scaled to the two values.

    The kernel of the wasm backend writes whole numbers for every dtype, so that 1.0 becomes
    1.4e-45 (tfjs-backend-wasm/src/cc/kernels/OneHot.cc).
    """
    dtype = parse_dtype(attribute(node, "T", "type"))
    if dtype is None or js_dtype(dtype) != "float32":
        return None
    indices, depth, on, off, *controls = node["input"]
    whole, kind = {"T": {"type": "DT_INT32"}}, {"T": node["attr"]["T"]}

    def make(part: str, op: str, inputs: list[str], attr: Json) -> Json:
        return {"name": scope.new_name(node, part), "op": op, "input": inputs, "attr": attr}

    one = make("one", "OnesLike", [depth], whole)
    zero = make("zero", "ZerosLike", [depth], whole)
    given = [indices, depth, scope.reference(one), scope.reference(zero), *controls]
    hot = make("hot", "OneHot", given, {**node["attr"], **whole})
    types = {"SrcT": whole["T"], "DstT": kind["T"]}
    cast = make("cast", "Cast", [scope.reference(hot)], types)
    height = make("height", "Sub", [on, off], kind)
    inputs = [scope.reference(cast), scope.reference(height)]
    stretched = make("stretched", "Mul", inputs, kind)
    made = make("y", "AddV2", [scope.reference(stretched), off], kind)
    made["name"] = node["name"]
    reason = "OneHot of floats became one of whole numbers: the wasm backend writes these as floats"
    return Rewrite(nodes=[one, zero, hot, cast, height, stretched, made], reason=reason)


REWRITES: Mapping[str, Callable[[Json, Scope], Rewrite | None]] = {
    "AvgPool3D": rewrite_pool_3d,
    "Cast": _rewrite_cast,
    "Conv3D": rewrite_convolution_3d,
    "Erfc": _rewrite_erfc,
    "LookupTableFind": _rewrite_lookup,
    "LookupTableFindV2": _rewrite_lookup,
    "MatMul": _rewrite_matmul,
    "MaxPool3D": rewrite_pool_3d,
    "OneHot": _rewrite_one_hot,
    "ReverseV2": rewrite_reverse,
    "SelectV2": rewrite_select,
    **dict.fromkeys(PLAIN_OPS, rewrite_fused),
}
