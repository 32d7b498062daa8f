"""Rewrites of single ops that TensorFlow.js computes wrongly or not at all.

Each rewrite keeps the values of TensorFlow, and the name of the node that others read; none needs a
new weight. This module opens no file.
"""

from collections.abc import Callable, Mapping

from pipeline.tfjs.model.dtypes import js_dtype, parse_dtype
from pipeline.tfjs.rewrite.booleans import rewrite_reverse, rewrite_select
from pipeline.tfjs.rewrite.fused_ops import PLAIN_OPS, rewrite_fused
from pipeline.tfjs.rewrite.scope import Json, Rewrite, Scope, attribute
from pipeline.tfjs.rewrite.texts import rewrite_text_mask, rewrite_text_op
from pipeline.tfjs.rewrite.volumes import rewrite_convolution_3d, rewrite_pool_3d
from pipeline.tfjs.rewrite.whole_numbers import (
    rewrite_clip,
    rewrite_floor_div,
    rewrite_resize,
    rewrite_where,
    rewrite_whole,
)

# Dtypes that TensorFlow.js does not read; their numbers are int32 there.
_NO_DTYPE = {"int16", "uint16"}


def _rewrite_cast(node: Json, scope: Scope) -> Rewrite | None:
    """Write a cast to bool as a comparison with zero, and one to 16 bits as one to int32.

    The kernel of the wasm backend copies the bytes after a cast to int8, so that 0.4 and 256
    are false (tfjs-backend-wasm/src/kernels/Cast.ts: `new Uint8Array(values)`).
    """
    source = parse_dtype(attribute(node, "SrcT", "type"))
    target = parse_dtype(attribute(node, "DstT", "type"))
    if target in _NO_DTYPE:
        attr = {**node["attr"], "DstT": {"type": "DT_INT32"}}
        reason = f"Cast to {target} became one to int32: TensorFlow.js has no {target}"
        return Rewrite(nodes=[{**node, "attr": attr}], reason=reason)
    if target != "bool":
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
    """Write a one-hot encoding of floats or booleans as a choice by one of whole numbers.

    The kernel of the wasm backend writes whole numbers for every dtype, so that 1.0 becomes
    1.4e-45, and booleans, of one byte, are written beyond the result
    (tfjs-backend-wasm/src/cc/kernels/OneHot.cc).
    """
    dtype = parse_dtype(attribute(node, "T", "type"))
    if dtype is None or js_dtype(dtype) not in {"float32", "bool"}:
        return None
    indices, depth, on, off, *controls = node["input"]
    whole: Json = {"T": {"type": "DT_INT32"}}

    def make(part: str, op: str, inputs: list[str], attr: Json) -> Json:
        return {"name": scope.new_name(node, part), "op": op, "input": inputs, "attr": attr}

    one = make("one", "OnesLike", [depth], whole)
    zero = make("zero", "ZerosLike", [depth], whole)
    given = [indices, depth, scope.reference(one), scope.reference(zero), *controls]
    hot = make("hot", "OneHot", given, {**node["attr"], **whole})
    cold = make("cold", "ZerosLike", [scope.reference(hot)], whole)
    pair = [scope.reference(hot), scope.reference(cold)]
    is_on = make("is_on", "NotEqual", pair, whole)
    made = make("y", "SelectV2", [scope.reference(is_on), on, off], {"T": node["attr"]["T"]})
    made["name"] = node["name"]
    chosen = [made]
    if js_dtype(dtype) == "bool":
        chosen = (rewrite_select(made, scope) or Rewrite(nodes=chosen, reason="")).nodes
    reason = f"OneHot of {dtype} became one of whole numbers: the wasm backend writes only these"
    return Rewrite(nodes=[one, zero, hot, cold, is_on, *chosen], reason=reason)


def _rewrite_scatter(node: Json, scope: Scope) -> Rewrite | None:
    """Let an update write over a copy of its input.

    The kernel of the cpu backend writes into the input itself, which other ops read, and which the
    next run finds changed where it is a weight (tfjs-backend-cpu/src/kernels/
    TensorScatterUpdate.ts: the buffer of `tensor` becomes that of the result). The larger of a
    tensor and itself is a copy on every backend.
    """
    value, *rest = node["input"]
    if js_dtype(parse_dtype(attribute(node, "T", "type")) or "") not in {"float32", "int32"}:
        return None
    source = scope.nodes.get(value.partition(":")[0], {})
    if source.get("op") == "Maximum" and len(set(source["input"])) == 1:
        return None
    attr = {"T": node["attr"]["T"]}
    name = scope.new_name(node, "copy")
    copy = {"name": name, "op": "Maximum", "input": [value, value], "attr": attr}
    updated = {**node, "input": [scope.reference(copy), *rest]}
    reason = "TensorScatterUpdate got a copy of its input: the cpu backend writes over it"
    return Rewrite(nodes=[copy, updated], reason=reason)


def _rewrite_choice(node: Json, scope: Scope) -> Rewrite | None:
    return rewrite_select(node, scope) or rewrite_text_mask(node, scope)


REWRITES: Mapping[str, Callable[[Json, Scope], Rewrite | None]] = {
    "Abs": rewrite_whole,
    "AvgPool3D": rewrite_pool_3d,
    "Cast": _rewrite_cast,
    "ClipByValue": rewrite_clip,
    "Conv3D": rewrite_convolution_3d,
    "Erfc": _rewrite_erfc,
    "FloorDiv": rewrite_floor_div,
    "Equal": rewrite_text_op,
    "Gather": rewrite_text_op,
    "GatherNd": rewrite_text_op,
    "GatherV2": rewrite_text_op,
    "LookupTableFind": _rewrite_lookup,
    "LookupTableFindV2": _rewrite_lookup,
    "MatMul": _rewrite_matmul,
    "MaxPool3D": rewrite_pool_3d,
    "Neg": rewrite_whole,
    "NotEqual": rewrite_text_op,
    "OneHot": _rewrite_one_hot,
    "ResizeNearestNeighbor": rewrite_resize,
    "ReverseV2": rewrite_reverse,
    "Select": _rewrite_choice,
    "SelectV2": _rewrite_choice,
    "Square": rewrite_whole,
    "TensorScatterUpdate": _rewrite_scatter,
    "Where": rewrite_where,
    **dict.fromkeys(PLAIN_OPS, rewrite_fused),
}
