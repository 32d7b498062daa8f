"""Rewrites of ops on volumes: as ops on images, or as ops without padding.

MaxPool3D: the kernel of the wasm backend starts from the smallest positive number, not from the
least (tfjs-backend-wasm/src/cc/kernels/MaxPool3D.cc: `numeric_limits<float>::min()`), so that a
window of negative values gives 1.2e-38. AvgPool3D and Conv3D: if the steps are wider than the
window, the padding for SAME becomes negative (`get3DPadAndOutInfo` of conv_util.ts in tfjs-core),
and all backends start one step late. The graph computes the sizes of a volume when it runs, so no
weight is needed. This module opens no file.
"""

from base64 import b64encode
from collections.abc import Sequence

from pipeline.tfjs.rewrite.scope import Json, Rewrite, Scope, attribute, parse_string

_NUM_AXES = 5
_INT32: Json = {"type": "DT_INT32"}
# Dtypes whose results the kernel gets right.
_NEVER_NEGATIVE = {"Abs", "Exp", "Relu", "Relu6", "Sigmoid", "Softmax", "Softplus", "Square"}


def rewrite_pool_3d(node: Json, scope: Scope) -> Rewrite | None:
    """Pool images: the depth of (batch, depth, row * column, channel), then rows and columns.

    A window narrower than its steps is right in this form too. A mean of means is the mean, because
    all windows at one place have the same number of elements.
    """
    value, *controls = node["input"]
    windows, steps = _list(node, "ksize"), _list(node, "strides")
    if not _is_known(node, windows, steps):
        return None
    narrow = any(size < step for size, step in zip(windows, steps, strict=True))
    is_right = node["op"] == "AvgPool3D" or scope.op(value) in _NEVER_NEGATIVE
    if is_right and not (narrow and _is_padded(node)):
        return None
    made = _Made(node, scope)
    batch, depth, rows, columns, channels = made.sizes("shape", value, _NUM_AXES)
    plane = made.multiply("plane", rows, columns)
    flat = made.reshape("flat", value, [batch, depth, plane, channels])
    deep = made.pool("deep", flat, (windows[1], 1), (steps[1], 1))
    depth = made.sizes("deep_shape", deep, 4)[1]
    frames = made.multiply("frames", batch, depth)
    images = made.reshape("images", deep, [frames, rows, columns, channels])
    wide = made.pool("wide", images, tuple(windows[2:4]), tuple(steps[2:4]))
    _, rows, columns, _ = made.sizes("wide_shape", wide, 4)
    made.reshape("y", wide, [batch, depth, rows, columns, channels])
    made.nodes[-1]["name"] = node["name"]
    made.nodes[-1]["input"] += controls
    why = {
        "AvgPool3D": "TensorFlow.js pads narrow windows by less than nothing",
        "MaxPool3D": "the wasm backend takes what is negative for zero",
    }
    op = node["op"]
    reason = f"{op} became {op.removesuffix('3D')} twice: {why[op]}"
    return Rewrite(nodes=made.nodes, reason=reason)


def rewrite_convolution_3d(node: Json, scope: Scope) -> Rewrite | None:
    """Write windows of one element, which need no padding, as VALID."""
    sizes, steps = scope.sizes(node["input"][1]), _list(node, "strides")
    if sizes is None or sizes[:3] != (1, 1, 1) or not _is_known(node, steps):
        return None
    if set(steps) == {1} or not _is_padded(node):
        return None
    attr = {**node["attr"], "padding": {"s": b64encode(b"VALID").decode()}}
    reason = (
        "Conv3D of single elements is VALID in place of SAME, which is the same: "
        "TensorFlow.js pads it by less than nothing"
    )
    return Rewrite(nodes=[{**node, "attr": attr}], reason=reason)


def _is_known(node: Json, *sizes: Sequence[int]) -> bool:
    """Return whether a node is for volumes in the layout that TensorFlow.js supports."""
    layout = attribute(node, "data_format", "s")
    known = all(len(listed) == _NUM_AXES for listed in sizes)
    return known and (layout is None or parse_string(layout) == "NDHWC")


def _is_padded(node: Json) -> bool:
    return parse_string(node["attr"]["padding"]["s"]) == "SAME"


def _list(node: Json, key: str) -> list[int]:
    return [int(value) for value in (attribute(node, key, "list") or {}).get("i") or []]


class _Made:
    """The nodes that replace a node, each added behind the last."""

    def __init__(self, node: Json, scope: Scope) -> None:
        self.nodes: list[Json] = []
        self._node = node
        self._scope = scope
        self._kind: Json = {"type": attribute(node, "T", "type") or "DT_FLOAT"}

    def sizes(self, part: str, value: str, ndim: int) -> list[str]:
        """Return the size of each axis."""
        shape = self._add(part, "Shape", [value], {"T": self._kind, "out_type": _INT32})
        attr: Json = {"T": _INT32, "num": {"i": str(ndim)}, "axis": {"i": "0"}}
        self._add(f"{part}_sizes", "Unpack", [shape], attr)
        return [self._scope.reference(self.nodes[-1], index) for index in range(ndim)]

    def multiply(self, part: str, left: str, right: str) -> str:
        return self._add(part, "Mul", [left, right], {"T": _INT32})

    def reshape(self, part: str, value: str, sizes: Sequence[str]) -> str:
        attr: Json = {"T": _INT32, "N": {"i": str(len(sizes))}, "axis": {"i": "0"}}
        shape = self._add(f"{part}_shape", "Pack", list(sizes), attr)
        return self._add(part, "Reshape", [value, shape], {"T": self._kind, "Tshape": _INT32})

    def pool(self, part: str, value: str, window: Sequence[int], steps: Sequence[int]) -> str:
        """Pool the two middle axes of four."""
        attr: Json = {"T": self._kind, "padding": self._node["attr"]["padding"]}
        attr["data_format"] = {"s": b64encode(b"NHWC").decode()}
        for key, (rows, columns) in (("ksize", window), ("strides", steps)):
            attr[key] = {"list": {"i": ["1", str(rows), str(columns), "1"]}}
        return self._add(part, self._node["op"].removesuffix("3D"), [value], attr)

    def _add(self, part: str, op: str, inputs: list[str], attr: Json) -> str:
        name = self._scope.new_name(self._node, part)
        self.nodes.append({"name": name, "op": op, "input": inputs, "attr": attr})
        return self._scope.reference(self.nodes[-1])
