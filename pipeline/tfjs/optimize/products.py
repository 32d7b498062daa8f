"""Convolutions and matrix products that also scale, add their bias and apply their activation.

TensorFlow.js computes each op over the whole of its input and writes all of its output; what a
convolution does to a number before it is written costs next to nothing. So a factor for each
channel goes into the filter, a sum for each channel becomes the bias, and an activation is that of
the fused op. Factors go only into filters that are stored as float32: others would grow.

The fused kernels take what `rewrite/fused_ops.py` names. They add a bias to one axis only, and the
wasm backend adds none where a factor is transposed.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.tfjs.model.weights import Array
from pipeline.tfjs.optimize.graph import Graph, inputs_of, is_float, text
from pipeline.tfjs.rewrite.scope import Json, attribute, parse_string

_FUSED = {
    "Conv2D": "_FusedConv2D",
    "DepthwiseConv2dNative": "FusedDepthwiseConv2dNative",
    "MatMul": "_FusedMatMul",
}
PLAIN = {fused: plain for plain, fused in _FUSED.items()}
_NUM_AXES = {"Conv2D": 4, "DepthwiseConv2dNative": 4, "MatMul": 2}
_SUMS = frozenset({"Add", "AddV2", "BiasAdd"})
_ACTIVATIONS = {
    "Elu": "Elu",
    "LeakyRelu": "LeakyRelu",
    "Prelu": "Prelu",
    "Relu": "Relu",
    "Relu6": "Relu6",
    "Sigmoid": "Sigmoid",
}
_TRANSPOSED = ("transpose_a", "transpose_b")
_BIAS = 2


@dataclass(frozen=True, kw_only=True)
class Product:
    """A convolution or matrix product, with or without a bias.

    Attributes:
        node: Its node.
        op: "Conv2D", "DepthwiseConv2dNative" or "MatMul".
        num_channels: Number of its output's channels, along the last axis.
        has_bias: Whether it adds one.
        is_closed: Whether it has an activation, after which nothing can be fused.
    """

    node: Json
    op: str
    num_channels: int
    has_bias: bool
    is_closed: bool

    @property
    def name(self) -> str:
        """Name of the node."""
        return str(self.node["name"])


def find_product(node: Json, graph: Graph) -> Product | None:
    """Return what a node computes if it is a product with a constant filter, else None."""
    op = PLAIN.get(node["op"], node["op"])
    inputs = inputs_of(node)
    if op not in _FUSED or inputs is None or not is_float(node):
        return None
    if text(node, "data_format", "NHWC") != "NHWC":
        return None
    if any(attribute(node, key, "b") for key in _TRANSPOSED):
        return None
    shape = graph.shape(inputs[1])
    if shape is None or len(shape) != _NUM_AXES[op]:
        return None
    fused = fused_ops(node)
    if fused[:1] not in ([], ["BiasAdd"]) or len(inputs) < _BIAS + len(fused[:1]):
        return None
    return Product(
        node=node,
        op=op,
        num_channels=shape[2] * shape[3] if op == "DepthwiseConv2dNative" else shape[-1],
        has_bias=bool(fused),
        is_closed=len(fused) > 1,
    )


def fused_ops(node: Json) -> list[str]:
    """Return what a fused op does after its product: ["BiasAdd", "Relu"]."""
    listed = (attribute(node, "fused_ops", "list") or {}).get("s") or []
    return [parse_string(value) for value in listed]


def scale_filters(graph: Graph) -> int:
    """Multiply filters by the constant factors that follow; return how many."""
    return sum(_scale(node, graph) for node in list(graph.nodes.values()))


def add_biases(graph: Graph) -> int:
    """Make the constant sums that follow products their biases; return how many."""
    return sum(_add_bias(node, graph) for node in list(graph.nodes.values()))


def fuse_activations(graph: Graph) -> int:
    """Have products apply the activations that follow them; return how many."""
    return sum(_activate(node, graph) for node in list(graph.nodes.values()))


def per_channel(reference: str, product: Product, graph: Graph) -> Array | None:
    """Return a constant as float64 with a number for each channel of a product, else None.

    A single number counts; a shape with other axes than channels, or with more axes than the
    product has, does not.
    """
    shape = graph.shape(reference)
    if shape is None or len(shape) > _NUM_AXES[product.op]:
        return None
    if any(size != 1 for size in shape[:-1]) or (
        shape and shape[-1] not in (1, product.num_channels)
    ):
        return None
    values = graph.constant(reference)
    if values is None or values.dtype.kind != "f":
        return None
    return np.broadcast_to(values.reshape(-1).astype(np.float64), (product.num_channels,))


def _find_pair(node: Json, graph: Graph) -> tuple[Product, Json, list[str]] | None:
    """Return a product without an activation, its only reader, and the reader's inputs.

    None if the node has been replaced, is no such product, or something else reads it too.
    """
    if graph.nodes.get(node["name"]) is not node:
        return None
    product = find_product(node, graph)
    if product is None or product.is_closed:
        return None
    reader = graph.reader(product.name)
    inputs = None if reader is None else inputs_of(reader)
    if reader is None or inputs is None or not is_float(reader):
        return None
    return product, reader, inputs


def _scale(node: Json, graph: Graph) -> bool:
    found = _find_pair(node, graph)
    if found is None:
        return False
    product, reader, inputs = found
    filter_name = product.node["input"][1]
    if not graph.is_plain_float(filter_name) or graph.reader(filter_name) is None:
        return False
    scale, offset = _find_factor(reader, inputs, product, graph)
    if scale is None:
        return False
    weights = graph.constant(filter_name, most=2**31)
    old = _bias_of(product, graph)
    if weights is None or old is None:
        return False
    shape = (weights.shape[2], weights.shape[3]) if product.op == "DepthwiseConv2dNative" else (-1,)
    scaled = (weights * scale.reshape(shape)).astype(np.float32)
    bias = old * scale + offset
    if not (np.isfinite(scaled).all() and np.isfinite(bias).all()):
        return False
    inputs = [product.node["input"][0], graph.add_constant(reader["name"], scaled)]
    if product.has_bias or np.any(bias):
        made = _with_bias(product, reader["name"], inputs, bias, graph)
    else:
        made = {**product.node, "name": reader["name"], "input": inputs}
    _replace(graph, made, product)
    return True


def _find_factor(
    reader: Json, inputs: Sequence[str], product: Product, graph: Graph
) -> tuple[Array | None, Array | float]:
    """Return what a product is multiplied by, and what is added then; None if by no constant."""
    if reader["op"] == "Mul":
        other = inputs[1] if _is_output(inputs[0], product) else inputs[0]
        return per_channel(other, product, graph), 0.0
    if reader["op"] == "RealDiv" and _is_output(inputs[0], product):
        divisor = per_channel(inputs[1], product, graph)
        return (None if divisor is None or not np.all(divisor) else 1.0 / divisor), 0.0
    if reader["op"].startswith("FusedBatchNorm") and _is_output(inputs[0], product):
        return _normalization(reader, inputs, product, graph)
    return None, 0.0


def _normalization(
    reader: Json, inputs: Sequence[str], product: Product, graph: Graph
) -> tuple[Array | None, Array | float]:
    """Return factor and sum of a batch normalization with constant statistics."""
    if attribute(reader, "is_training", "b") is not False:
        return None, 0.0
    if text(reader, "data_format", "NHWC") != "NHWC" or graph.readers(reader["name"]) is None:
        return None, 0.0
    parts = [per_channel(name, product, graph) for name in inputs[1:5]]
    if len(parts) != 4 or any(part is None for part in parts):  # noqa: PLR2004  # its four statistics
        return None, 0.0
    gamma, beta, mean, variance = (np.asarray(part) for part in parts)
    epsilon = attribute(reader, "epsilon", "f")
    scale = gamma / np.sqrt(variance + (1e-4 if epsilon is None else float(epsilon)))
    return scale, beta - mean * scale


def _add_bias(node: Json, graph: Graph) -> bool:
    found = _find_pair(node, graph)
    if found is None:
        return False
    product, reader, inputs = found
    is_difference = reader["op"] == "Sub" and _is_output(inputs[0], product)
    if reader["op"] not in _SUMS and not is_difference:
        return False
    other = inputs[1] if _is_output(inputs[0], product) else inputs[0]
    added = per_channel(other, product, graph)
    old = _bias_of(product, graph)
    if added is None or old is None:
        return False
    bias: Array | str = old - added if is_difference else old + added
    if not product.has_bias and not is_difference and graph.shape(other) == old.shape:
        bias = other  # as it is stored
    made = _with_bias(product, reader["name"], product.node["input"][:2], bias, graph)
    _replace(graph, made, product)
    return True


def _activate(node: Json, graph: Graph) -> bool:
    found = _find_pair(node, graph)
    if found is None:
        return False
    product, reader, inputs = found
    name = _ACTIVATIONS.get(reader["op"])
    if name is None or not _is_output(inputs[0], product):
        return False
    more: list[str] = []
    if name == "Prelu":
        # The wasm kernel reads one slope for each channel, whatever its shape.
        shape = graph.shape(inputs[1])
        slopes = product.num_channels
        if shape is None or shape[-1:] != (slopes,) or np.prod(shape) != slopes:
            return False
        if product.op == "MatMul":
            return False
        more = [inputs[1]]
    if product.has_bias:
        made = {**product.node, "name": reader["name"]}
    else:
        zeros = np.zeros(product.num_channels)
        made = _with_bias(product, reader["name"], product.node["input"], zeros, graph)
    attrs: dict[str, Any] = {**made["attr"], **_fused(["BiasAdd", name])}
    attrs["num_args"] = {"i": str(1 + len(more))}
    if name == "LeakyRelu":
        attrs["leakyrelu_alpha"] = (reader.get("attr") or {}).get("alpha", {"f": 0.2})
    _replace(graph, {**made, "input": [*made["input"], *more], "attr": attrs}, product)
    return True


def _is_output(reference: str, product: Product) -> bool:
    return reference in (product.name, f"{product.name}:0")


def _bias_of(product: Product, graph: Graph) -> Array | None:
    """Return the bias of a product in float64, zeros without one; None if it is no constant."""
    if not product.has_bias:
        return np.zeros(product.num_channels)
    return per_channel(product.node["input"][_BIAS], product, graph)


def _with_bias(
    product: Product, name: str, inputs: Sequence[str], bias: Array | str, graph: Graph
) -> Json:
    """Return a product that adds a bias, values or a constant of the graph; with another name."""
    if not isinstance(bias, str):
        bias = graph.add_constant(name, bias.astype(np.float32))
    attrs = {
        **(product.node.get("attr") or {}),
        **_fused(["BiasAdd"]),
        "epsilon": {"f": 0.0},
        "num_args": {"i": "1"},
    }
    return {
        "name": name,
        "op": _FUSED[product.op],
        "input": [*inputs, bias],
        "attr": attrs,
    }


def _fused(names: Sequence[str]) -> dict[str, Any]:
    return {"fused_ops": {"list": {"s": [b64encode(name.encode()).decode() for name in names]}}}


def _replace(graph: Graph, made: Json, product: Product) -> None:
    """Put a node in the place of what follows a product, and remove the product."""
    old = graph.nodes[made["name"]]
    graph.put(made)
    graph.remove(product.name)
    graph.remove(*(name.partition(":")[0] for name in old.get("input", ())))
