"""Folds batch normalizations into the convolutions before them.

It follows `fold_batch_norms` in tensorflowjs/converters/fold_batch_norms.py 4.22.0: the same nodes
in the same order, and the same weights to the bit. That function scales one weight after the other
in Python, which takes 6 s for the 2 million of a MobileNetV2. It also scales a convolution that
others read, and removes weights that others read; here the former stays as it is, and the latter
stay.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflowjs.converters.fold_batch_norms import (
    EPSILON_ATTR,
    INPUT_ORDER,
    scale_after_normalization,
)
from tensorflowjs.converters.graph_rewrite_util import node_from_map, values_from_const

from pipeline.tf.untrusted.reach import node_of

_CONVOLUTIONS = {"Conv2D", "DepthwiseConv2dNative"}
_ADDITIONS = {"BiasAdd", "Add", "AddV2"}


@dataclass(frozen=True, kw_only=True)
class _Match:
    """A normalization and what it reads.

    Attributes:
        norm: The normalization.
        convolution: The convolution before it.
        addition: The sum between the two, or None.
        kernel: The constant filter of the convolution.
        scale: float64, shape (channels,): gamma / sqrt(variance + epsilon).
        offset: float64, shape (channels,): beta - mean * scale.
        mean: The constant of the means.
    """

    norm: NodeDef
    convolution: NodeDef
    addition: NodeDef | None
    kernel: NodeDef
    scale: Any
    offset: Any
    mean: NodeDef

    @property
    def inner(self) -> list[str]:
        """Names of the nodes whose values are no longer computed."""
        return [node.name for node in (self.convolution, self.addition) if node is not None]


def fold_batch_norms(graph: GraphDef, *, keep: Collection[str]) -> GraphDef:
    """Return a graph in which convolutions of constant filters do the normalization behind them.

    The filter is multiplied by gamma / sqrt(variance + epsilon); mean and beta become a BiasAdd
    under the name of the normalization.

    Args:
        graph: A frozen graph; it is left as it is.
        keep: Names of nodes whose values must stay.
    """
    nodes = {node.name: node for node in graph.node}
    readers = Counter(node_of(name) for node in graph.node for name in node.input)
    statistics = {
        node_of(n) for node in graph.node for n in node.input if ":" in n.removesuffix(":0")
    }
    found = (_match(node, nodes) for node in graph.node if node.op in INPUT_ORDER)
    matches = [
        match
        for match in found
        if match is not None
        and match.norm.name not in statistics
        and all(readers[name] == 1 and name not in keep for name in match.inner)
    ]
    readers.subtract(match.kernel.name for match in matches)
    removed = {name for match in matches for name in (match.norm.name, *match.inner)}
    removed |= {match.kernel.name for match in matches if not readers[match.kernel.name]}
    waits = {f"^{name}" for name in removed}
    folded = GraphDef(versions=graph.versions, library=graph.library)
    folded.node.extend(node for node in graph.node if node.name not in removed)
    for node in folded.node:
        node.input[:] = [name for name in node.input if name not in waits]
    for match in matches:
        folded.node.extend(_fold(match))
    return folded


def _match(norm: NodeDef, nodes: Mapping[str, NodeDef]) -> _Match | None:
    """Return what is to be folded, None where the converter leaves a normalization alone."""
    named = dict(zip(INPUT_ORDER[norm.op], norm.input, strict=False))
    read = {key: node_from_map(nodes, name) for key, name in named.items()}
    convolution, bias, addition = read.pop("conv_op"), None, None
    if convolution.op in _ADDITIONS:
        addition = convolution
        convolution, bias = (node_from_map(nodes, name) for name in addition.input[:2])
        if convolution.op not in _CONVOLUTIONS:
            convolution, bias = bias, convolution
    constants = [*read.values(), *([bias] if bias is not None else [])]
    if convolution.op not in _CONVOLUTIONS or any(node.op != "Const" for node in constants):
        return None
    kernel = node_from_map(nodes, convolution.input[1])
    if kernel.op != "Const":
        return None
    values = {key: values_from_const(node) for key, node in read.items()}
    if bias is not None:
        values["mean_op"] = values["mean_op"] - values_from_const(bias)
    channels = (_count_channels(convolution, kernel),)
    if any(each.shape != channels for each in values.values()):
        return None
    scale = _scale(norm, values["var_op"], values["gamma_op"])
    return _Match(
        norm=norm,
        convolution=convolution,
        addition=addition,
        kernel=kernel,
        scale=scale,
        offset=(-values["mean_op"] * scale) + values["beta_op"],
        mean=read["mean_op"],
    )


def _count_channels(convolution: NodeDef, kernel: NodeDef) -> int:
    """Return the channels that a convolution makes; the third axis of a depthwise filter counts."""
    shape: list[int] = [dim.size for dim in kernel.attr["value"].tensor.tensor_shape.dim]
    return shape[3] if convolution.op == "Conv2D" else shape[2] * shape[3]


def _scale(norm: NodeDef, variance: Any, gamma: Any) -> Any:
    """Return the factor of each channel, float64, from a sum of variance and epsilon in float32."""
    epsilon = norm.attr[EPSILON_ATTR[norm.op]].f
    factor = 1.0 / np.sqrt((variance + epsilon).astype(np.float64))
    return factor * gamma if scale_after_normalization(norm) else factor


def _fold(match: _Match) -> list[NodeDef]:
    """Return a filter, the convolution, an offset and the sum that stands for a normalization."""
    convolution = NodeDef()
    convolution.CopyFrom(match.convolution)
    kernel = values_from_const(match.kernel).copy()
    per_filter = kernel.shape[3:] if convolution.op == "Conv2D" else kernel.shape[2:]
    kernel *= match.scale.reshape(per_filter)  # in float64, rounded once
    weights = _constant(f"{convolution.name}_weights", kernel, match.kernel)
    offset = _constant(f"{convolution.name}_bn_offset", match.offset, match.mean)
    convolution.input[1] = weights.name
    total = NodeDef(name=match.norm.name, op="BiasAdd", input=[convolution.name, offset.name])
    for key in ("T", "data_format"):
        total.attr[key].CopyFrom(convolution.attr[key])
    return [weights, convolution, offset, total]


def _constant(name: str, values: Any, like: NodeDef) -> NodeDef:
    """Return a constant of the dtype of another."""
    dtype = tf.dtypes.as_dtype(like.attr["dtype"].type)
    constant = NodeDef(name=name, op="Const")
    constant.attr["dtype"].CopyFrom(like.attr["dtype"])
    proto = tf.make_tensor_proto(values, dtype.as_numpy_dtype, values.shape)
    constant.attr["value"].tensor.CopyFrom(proto)
    return constant
