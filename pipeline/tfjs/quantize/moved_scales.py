"""Scales behind their op: op(x, numbers) * scales in the place of op(x, numbers * scales).

A weight that is a product is a new tensor in each run. The wasm backend packs a filter once and
keeps it, by the tensor, so a new one is packed anew: 20 ns for a value, where the product itself
takes 0.4 ns. Behind the op the scales multiply its output, and the filter is a constant. Measured
in TensorFlow.js 4.22 on wasm, 1x1 convolution of 7x7x1024 to 1024 channels: 3.6 ms as float32,
24.5 ms with scales before it, 3.8 ms behind it.

- A convolution, depthwise and transposed too, MatMul, BatchMatMul: op(x, numbers) * scales.
- One fused with BiasAdd, and with Relu, LeakyRelu or Prelu, for which act(s * y) = s * act(y)
  holds if s > 0: op(x, numbers, bias / scales) * scales.
- One fused with BiasAdd and Relu6, Elu or Sigmoid: act(op(x, numbers, bias / scales) * scales).
- Gather of rows: Gather(numbers) * Gather(scales).

A scale is never 0 (`forms.py`). Where a reader is of another kind, or scales stand along a sum,
the graph multiplies the weight itself, and so it does for small filters, whose packing takes less
than the product of an output. It opens no file.
"""

import base64
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.tfjs.model.model_json import ModelJson
from pipeline.tfjs.model.signature_def import parse_signature_def
from pipeline.tfjs.model.topology import Node, Topology, parse_topology, split_tensor_name
from pipeline.tfjs.model.weight_manifest import WeightSpec
from pipeline.tfjs.quantize.channels import Readers, attr_text, find_axes, read_by
from pipeline.tfjs.quantize.forms import BITS, Form
from pipeline.tfjs.quantize.scaled_weights import SCALES, Json

Shape = tuple[int, ...]

WHOLE = "whole"
SCALED = "scaled"
ROWS = "rows"

# Filters of at most this many values are multiplied themselves.
SMALL = 4096
_BIAS = 2
_CONVOLUTIONS = frozenset({"Conv1D", "Conv2D", "Conv2DBackpropInput", "Conv3D", "_FusedConv2D"})
_DEPTHWISE = frozenset({"DepthwiseConv2d", "DepthwiseConv2dNative", "FusedDepthwiseConv2dNative"})
_PRODUCTS = frozenset({"BatchMatMul", "BatchMatMulV2", "MatMul", "_FusedMatMul"})
_GATHERS = frozenset({"Gather", "GatherV2"})
_FUSED = frozenset({"FusedDepthwiseConv2dNative", "_FusedConv2D", "_FusedMatMul"})
_POSITIVE = frozenset({"LeakyRelu", "Prelu", "Relu"})
_SPLIT = frozenset({"Elu", "Relu6", "Sigmoid"})


@dataclass(frozen=True, kw_only=True)
class Move:
    """Scales of a weight that stand behind the nodes that read it.

    Attributes:
        readers: Names of these nodes.
        shape: Shape of the scales, which broadcasts to the output.
        biases: Weights that the nodes add before the product, to be divided by the scales.
    """

    readers: tuple[str, ...]
    shape: Shape
    biases: tuple[str, ...]


def plan_moves(
    model_json: ModelJson, forms: Mapping[str, Form], whole: Mapping[str, int]
) -> dict[str, Move]:
    """Return the weights whose scales can stand behind all nodes that read them.

    Args:
        model_json: The base, a graph model with its signature.
        forms: Form by weight.
        whole: Values of scalars in int32, among them the axes of Gather.
    """
    scaled = [
        name
        for name, form in forms.items()
        if form.is_scaled and form.block is None and form.bits == BITS
    ]
    if not scaled:
        return {}
    topology = parse_topology(model_json.content["modelTopology"])
    returned = parse_signature_def(model_json.content).outputs
    plan = _Plan(
        topology=topology,
        specs={spec.name: spec for spec in model_json.weights},
        readers=read_by(topology.nodes.values()),
        whole=whole,
        fixed={split_tensor_name(info.tensor)[0] for info in returned}.union(
            *topology.functions.values()
        ),
    )
    found = {name: plan.move(plan.specs[name], forms[name]) for name in scaled}
    return {name: move for name, move in found.items() if move}


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is known of a graph; `fixed` are constants whose value something else reads."""

    topology: Topology
    specs: Mapping[str, WeightSpec]
    readers: Readers
    whole: Mapping[str, int]
    fixed: set[str]

    def move(self, spec: WeightSpec, form: Form) -> Move | None:
        found = self.readers.get(spec.name, ())
        shapes = {self._shape(node, place, spec, form) for node, place in found}
        fused = [node for node, _ in found if node.op in _FUSED]
        biases = [self._bias(node, spec, form) for node in fused]
        names = {f"{node.name}/{part}" for node, _ in found for part in (WHOLE, SCALED, ROWS)}
        taken = self.topology.nodes.keys() & (names | {f"{spec.name}/{SCALES}"})
        unmoved = spec.name in self.fixed or taken
        if len(shapes) != 1 or None in shapes or None in biases or unmoved:
            return None
        (shape,) = shapes
        assert shape is not None
        return Move(
            readers=tuple(node.name for node, _ in found),
            shape=shape,
            biases=tuple(name for name in biases if name),
        )

    def _shape(self, node: Node, place: int, spec: WeightSpec, form: Form) -> Shape | None:
        """Return the shape of scales behind a node; None where they cannot stand there."""
        sizes = spec.shape
        if find_axes(node, place, len(sizes)) != form.channels:
            return None
        if node.op in _GATHERS:
            return (sizes[0], *[1] * (len(sizes) - 1)) if self._takes_rows(node) else None
        if spec.size <= SMALL:
            return None
        if node.op in _PRODUCTS:
            batch, kept = sizes[:-2], sizes[form.channels[-1]]
            is_right = place == 1
            return (*batch, 1, kept) if is_right else (*batch, kept, 1)
        if node.op in _CONVOLUTIONS | _DEPTHWISE:
            count = math.prod(sizes[axis] for axis in form.channels)
            is_first = attr_text(node.attrs.get("data_format"))[1:2] == "C"
            return (count, *[1] * (len(sizes) - 2)) if is_first else (count,)
        return None

    def _takes_rows(self, node: Node) -> bool:
        """Whether a Gather takes rows, one for each index."""
        if int(node.attrs.get("batch_dims", {}).get("i", 0)) != 0:
            return False
        if node.op == "Gather":
            return True
        axis = split_tensor_name(node.data_inputs[2])[0]
        return self.whole.get(axis) == 0

    def _bias(self, node: Node, spec: WeightSpec, form: Form) -> str | None:
        """Return the bias of a fused node, if it can be divided."""
        following = fused_ops(node.attrs)
        if following[:1] != ["BiasAdd"] or len(node.data_inputs) <= _BIAS:
            return None
        if len(following) > 2 or not {*following[1:]} <= _POSITIVE | _SPLIT:  # noqa: PLR2004
            return None
        name = split_tensor_name(node.data_inputs[_BIAS])[0]
        bias = self.specs.get(name)
        count = math.prod(spec.shape[axis] for axis in form.channels)
        is_own = [reader.name for reader, _ in self.readers[name]] == [node.name]
        is_constant = self.topology.nodes[name].op == "Const" and name not in self.fixed
        if bias is None or bias.dtype != "float32" or bias.size != count:
            return None
        return name if is_own and is_constant else None


def fused_ops(attrs: Mapping[str, Any]) -> list[str]:
    """Return the ops that a fused op computes after its product: ["BiasAdd", "Relu"]."""
    listed = attrs.get("fused_ops", {}).get("list", {}).get("s", ())
    return [attr_text({"s": each}) for each in listed]


def move_scales(content: Mapping[str, Any], moves: Mapping[str, Move]) -> Json:
    """Return the content of a model.json with scales behind the nodes that read a weight.

    Args:
        content: A decoded model.json of a graph model; it is left as it is.
        moves: By weight.
    """
    changed = dict(content)
    if not moves:
        return changed
    weights = {reader: name for name, move in moves.items() for reader in move.readers}
    topology = dict(changed["modelTopology"])
    nodes: list[Any] = []
    for node in topology["node"]:
        if node["op"] == "Const" and node["name"] in moves:
            nodes += [node, _scales_node(node, moves[node["name"]])]
        elif node["name"] in weights:
            nodes += _multiply(node, f"{weights[node['name']]}/{SCALES}")
        else:
            nodes.append(node)
    topology["node"] = nodes
    changed["modelTopology"] = topology
    return changed


def _scales_node(node: Json, move: Move) -> Json:
    sizes = [{"size": str(size)} for size in move.shape]
    tensor = {"dtype": "DT_FLOAT", "tensorShape": {"dim": sizes}}
    attr = {"dtype": {"type": "DT_FLOAT"}, "value": {"tensor": tensor}}
    return {**node, "name": f"{node['name']}/{SCALES}", "attr": attr}


def _multiply(node: Json, scales: str) -> Iterator[Json]:
    """Yield the nodes in the place of a node that reads numbers; the last has its name."""
    name = node["name"]
    whole = {**node, "name": f"{name}/{WHOLE}"}
    if node["op"] in _GATHERS:
        rows = {**node, "name": f"{name}/{ROWS}", "input": [scales, *node["input"][1:]]}
        yield from (whole, rows, _float_node(name, "Mul", [whole["name"], rows["name"]]))
        return
    attr = node.get("attr") or {}
    last = fused_ops(attr)[1:]
    if not {*last} & _SPLIT:
        yield from (whole, _float_node(name, "Mul", [whole["name"], scales]))
        return
    first = base64.b64encode(b"BiasAdd").decode()
    whole["attr"] = {**attr, "fused_ops": {"list": {"s": [first]}}}
    yield whole
    yield _float_node(f"{name}/{SCALED}", "Mul", [whole["name"], scales])
    yield _float_node(name, last[0], [f"{name}/{SCALED}"])


def _float_node(name: str, op: str, inputs: Iterable[str]) -> Json:
    return {"name": name, "op": op, "input": list(inputs), "attr": {"T": {"type": "DT_FLOAT"}}}
