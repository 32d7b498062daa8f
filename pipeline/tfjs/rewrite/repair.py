"""Repair: completes the signature of a graph model from its topology.

Graph models of other writers have no signature, or a signature without inputs, dtypes or shapes, or
one that TensorFlow.js misreads. This module adds the facts that the graph states; others stay
unknown. It opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.errors import SignatureError
from pipeline.records.shape import Shape
from pipeline.text.suggest import find_similar
from pipeline.tfjs.model.inference import infer_dtype, infer_shape, merge_shapes
from pipeline.tfjs.model.signature_def import SignatureDef, TensorInfo
from pipeline.tfjs.model.topology import Node, Topology, tensor_name
from pipeline.tfjs.model.weight_manifest import WeightSpec


@dataclass(frozen=True, kw_only=True)
class _Graph:
    topology: Topology
    weights: Mapping[str, WeightSpec]


def repair_signature(
    signature: SignatureDef, topology: Topology, *, weights: Mapping[str, WeightSpec]
) -> SignatureDef:
    """Return a signature that lists all inputs and outputs with their known facts.

    Args:
        signature: The signature of the file; empty if it has none.
        topology: The graph.
        weights: The weights of the model, by the names of their nodes.

    Raises:
        SignatureError: The signature names an output that the graph lacks, or there is no output.
    """
    graph = _Graph(topology=topology, weights=weights)
    listed = signature.outputs or _bare(topology.results())
    if not listed:
        raise SignatureError("the graph has no output: every node is read by another")
    for info in listed:
        check_node(info, topology, side="outputs")
    outputs = tuple(_fill(info, graph) for info in listed)
    given = tuple(info for info in signature.inputs if info.node in topology.nodes)
    inputs = given + _unlisted_inputs(graph, outputs, given)
    return SignatureDef(
        inputs=tuple(_follow_placeholder(_fill(info, graph), graph) for info in inputs),
        outputs=outputs,
    )


def check_node(info: TensorInfo, topology: Topology, *, side: str) -> None:
    """Raise a SignatureError with the nearest names if an entry's node does not exist."""
    if info.node in topology.nodes:
        return
    near = find_similar(info.node, topology.nodes, most=3, similarity=0.5)
    ends = topology.placeholders() if side == "inputs" else topology.results()
    names = f"nearest names: {', '.join(near)}" if near else f"its ends: {', '.join(ends[:8])}"
    raise SignatureError(
        f"signature.{side}[{info.key!r}] is tensor {info.tensor!r}; "
        f"the graph has no node {info.node!r} ({names})"
    )


def name_by_structure(
    outputs: Sequence[TensorInfo], keys: Sequence[str]
) -> tuple[TensorInfo, ...] | None:
    """Return outputs under their source names if these are provable, else None.

    The converter stores the sorted names of the structured outputs in `structuredOutputKeys`;
    the i-th is the tensor Identity_i (the first Identity), however the signature orders them.
    """
    tensors = {info.tensor: info for info in outputs}
    order = ["Identity:0", *(f"Identity_{i}:0" for i in range(1, len(outputs)))]
    if len(set(keys)) != len(outputs) or set(tensors) != set(order):
        return None
    return tuple(replace(tensors[t], key=k) for t, k in zip(order, keys, strict=True))


def _bare(nodes: Sequence[str]) -> tuple[TensorInfo, ...]:
    """Return entries with nothing but their tensor, under its own name."""
    tensors = [tensor_name(node) for node in nodes]
    return tuple(TensorInfo(key=t, tensor=t, dtype=None, shape=None) for t in tensors)


def _unlisted_inputs(
    graph: _Graph, outputs: Sequence[TensorInfo], given: Sequence[TensorInfo]
) -> tuple[TensorInfo, ...]:
    """Return the placeholders that the outputs need and the signature does not list."""
    topology = graph.topology
    known = {info.node for info in given}
    needed = topology.needed([info.node for info in outputs], known=known | set(graph.weights))
    waiting = [
        topology.nodes[name]
        for name in topology.placeholders()
        if name in needed - known and infer_dtype(topology, name) not in ("resource", "variant")
    ]
    # A PlaceholderWithDefault runs without a value; it counts if there is no other input.
    missing = [node for node in waiting if not node.data_inputs]
    return _bare([node.name for node in (missing if missing or known else waiting)])


def _fill(info: TensorInfo, graph: _Graph) -> TensorInfo:
    shape = info.shape
    if shape is None:
        shape = infer_shape(graph.topology, info.tensor, weights=graph.weights)
    dtype = info.dtype or infer_dtype(graph.topology, info.tensor)
    return replace(info, dtype=dtype, shape=shape)


def _follow_placeholder(info: TensorInfo, graph: _Graph) -> TensorInfo:
    """Return an input with the node's dtype and shape, by which TensorFlow.js checks a tensor."""
    node = graph.topology.nodes[info.node]
    if not node.is_placeholder:
        return info
    dtype = infer_dtype(graph.topology, info.tensor) or info.dtype
    return replace(info, dtype=dtype, shape=_merge(info.shape, node, graph))


def _merge(stated: Shape, node: Node, graph: _Graph) -> Shape:
    checked = infer_shape(graph.topology, node.name, weights=graph.weights)
    try:
        return merge_shapes(stated, checked)
    except ValueError:
        return checked
