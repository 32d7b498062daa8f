"""Rewrite of fused ops: what TensorFlow.js cannot fuse is taken out of them.

It opens no file.
"""

from base64 import b64decode, b64encode
from typing import Any

from pipeline.tfjs.rewrite_scope import Json, Rewrite, Scope, attribute

# What the kernels of all backends can fuse: applyActivation in
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


def _list(node: Json, key: str) -> list[Any]:
    strings: list[Any] = (attribute(node, key, "list") or {}).get("s") or []
    return strings


def _parse_string(value: Any) -> str:
    """Return a string of protobuf JSON: base64, or the codes of its characters."""
    return "".join(map(chr, value)) if isinstance(value, list) else b64decode(value).decode()
