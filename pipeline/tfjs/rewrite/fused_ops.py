"""Rewrites fused ops: splits off the parts that TensorFlow.js cannot fuse.

This module opens no file.
"""

import math
from base64 import b64encode
from typing import Any

from pipeline.tfjs.rewrite.scope import Json, Rewrite, Scope, attribute, parse_string

# Activations that the kernels of all backends can fuse: applyActivation in
# tfjs-core/src/ops/fused_util.ts, FusableActivation in tfjs-backend-wasm/src/kernels/types.ts.
_FUSABLE = {"elu", "leakyrelu", "prelu", "relu", "relu6", "sigmoid"}

PLAIN_OPS = {
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
_TRANSPOSING = ("transpose_a", "transpose_b")
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


def rewrite_fused(node: Json, scope: Scope) -> Rewrite | None:
    """Split off the parts of a fused op that TensorFlow.js cannot fuse.

    Its executors read `[extraOp, activation]` by position: another activation throws, and an
    activation in the first position, without BiasAdd, is silently left out. The converter takes
    any addition for that of a bias (normalize_bias_add.py): a shortcut, a single number. The wasm
    backend takes biases of one axis only ("only supports rank-1 bias but got rank 4"), and reads
    the memory behind a single number. If a factor is transposed, it adds the bias to the first
    row, and its last number to the others, for each 48 numbers along the axis that is summed
    over (slow_batch_matmul in tfjs-backend-wasm/src/cc/batch_mat_mul_impl.cc).
    """
    fused = [parse_string(value).lower() for value in _list(node, "fused_ops")]
    rest = fused[1:] if fused[:1] == ["biasadd"] else fused
    bias = fused[:1] == ["biasadd"]
    inputs = [name for name in node["input"] if not name.startswith("^")]
    controls = node["input"][len(inputs) :]
    turned = any(attribute(node, key, "b") for key in _TRANSPOSING)
    summed = bias and (turned or not _is_bias(node, inputs, scope))
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
    named = "+".join(parse_string(value) for value in _list(node, "fused_ops"))
    why = "adds a bias of one axis only" if summed else "cannot fuse it so"
    if turned:
        why = "adds no bias where a factor is transposed"
    reason = f"{node['op']} with {named} was taken apart: TensorFlow.js {why}"
    return Rewrite(nodes=made, reason=reason)


def _is_bias(node: Json, inputs: list[str], scope: Scope) -> bool:
    """Return whether the added tensor has a number for each channel."""
    if not scope.is_bias(inputs[2]):
        return False
    if scope.sizes(inputs[2]) != (1,):
        return True
    num_axes = 2 if node["op"] == "FusedDepthwiseConv2dNative" else 1
    return math.prod((scope.sizes(inputs[1]) or (0,))[-num_axes:]) == 1


def _unfused(
    node: Json, scope: Scope, inputs: list[str], controls: list[str], *, bias: bool
) -> Json:
    """Return the first part of a fused node, with its bias if it has one."""
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
    """Return a node for an operation that a fused node applied after its product."""
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


def _list(node: Json, key: str) -> list[Any]:
    strings: list[Any] = (attribute(node, key, "list") or {}).get("s") or []
    return strings
