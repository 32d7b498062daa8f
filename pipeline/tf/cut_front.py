"""Cuts a graph behind the ops that fetch its data: decoders of images, parsers of records, queues.

TensorFlow.js has none of them, and a page has pixels and numbers anyway. The result of such an op
becomes an input of the graph. Both the conversion and the reference take the graph as it is cut.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto

from pipeline.text.suggest import join_words
from pipeline.tf.batched_images import DECODERS, PASSING, RGB, Batch, batch_images

_PARSERS = {"ParseExample", "ParseExampleV2"}
_DEQUEUES = {
    f"Queue{way}{version}"
    for way in ("Dequeue", "DequeueMany", "DequeueUpTo")
    for version in ("", "V2")
}
_ITERATORS = {"IteratorGetNext"}
_DEFAULTED = {"PlaceholderWithDefault"}
_QUEUES = ("FIFOQueue", "PaddingFIFOQueue", "PriorityQueue", "RandomShuffleQueue", "Queue")


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A graph that was cut.

    Attributes:
        graph: The graph, with placeholders for what it fetched.
        inputs: Names of these placeholders.
        images: Name of the old input from which an image was decoded, by the placeholder's name.
        fetched: Names of the old inputs that nothing reads any more.
        repairs: A sentence on each cut, by the name of its first placeholder.
    """

    graph: GraphDef
    inputs: tuple[str, ...]
    images: Mapping[str, str]
    fetched: frozenset[str]
    repairs: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class _Part:
    """An output of an op that fetches data."""

    name: str
    dtype: int
    shape: TensorShapeProto


def cut_front(graph_def: GraphDef) -> Cut | None:
    """Return the graph cut behind each op that fetches data, None if it has no such op.

    An op whose results have no dense form stays, and so does one in a function or loop, unless it
    decodes the images of a batch one by one.

    Args:
        graph_def: A graph; it is left as it is.
    """
    graph_def, batches = batch_images(graph_def)
    nodes = {node.name: node for node in graph_def.node}
    parts = {
        node.name: found
        for node in graph_def.node
        if (found := _list_parts(node, nodes)) is not None
    }
    if not parts and not batches:
        return None
    graph = GraphDef(versions=graph_def.versions, library=graph_def.library)
    renamed = {(name, i): part.name for name, some in parts.items() for i, part in enumerate(some)}
    before = _read_names(graph_def.node)
    for node in graph_def.node:
        if node.name in parts:
            graph.node.extend(_placeholder(part) for part in parts[node.name])
        elif not (node.op.startswith(_QUEUES)):
            graph.node.add().CopyFrom(node)
    for node in graph.node:
        node.input[:] = [_rename(name, renamed) for name in node.input]
    _drop_unread(graph, before - {node.name for node in graph_def.node if node.op == "Placeholder"})
    left, kept = _read_names(graph.node), {node.name for node in graph.node}
    batched = [batch.name for batch in batches]
    made = (part.name for some in parts.values() for part in some if part.name in kept)
    inputs = (*batched, *made)
    fetched = {name for name in before - left if nodes[name].op == "Placeholder"}
    sentences = {
        some[0].name: f"{nodes[name].op} '{name}' is left to the page: the model takes its "
        f"{'result' if len(some) == 1 else 'results'}, {join_words(part.name for part in some)}"
        for name, some in parts.items()
        if some and some[0].name in kept
    }
    images = {
        name: str(_fed_by(nodes[name].input[0], nodes))
        for name in parts
        if nodes[name].op in DECODERS
    }
    return Cut(
        graph=graph,
        inputs=inputs,
        images=images | {name: name for name in batched},
        fetched=frozenset({*fetched, *batched}),
        repairs=sentences | {batch.name: _describe(batch) for batch in batches},
    )


def _describe(batch: Batch) -> str:
    return (
        f"{batch.decoder}, which a loop runs for each image, is left to the page: the model takes "
        f"'{batch.name}' as a batch of images of one size"
    )


def _list_parts(node: NodeDef, nodes: Mapping[str, NodeDef]) -> list[_Part] | None:
    """Return the outputs of an op that fetches data; None for any other op."""
    if node.op in DECODERS:
        return _image(node) if _fed_by(node.input[0], nodes) else None
    if node.op in _PARSERS:
        return _features(node, nodes) if _fed_by(node.input[0], nodes) else None
    if node.op in _ITERATORS:
        types, shapes = node.attr["output_types"].list.type, node.attr["output_shapes"].list.shape
        return _number(node, types, list(shapes))
    if node.op in _DEFAULTED:
        return _replace_default(node, nodes)
    if node.op in _DEQUEUES:
        queue = nodes[_node_of(node.input[0])]
        shapes = list(queue.attr["shapes"].list.shape)
        if "Many" in node.op or "UpTo" in node.op:
            shapes = [_with_batch(shape) for shape in shapes]
        return _number(node, node.attr["component_types"].list.type, shapes)
    return None


def _replace_default(node: NodeDef, nodes: Mapping[str, NodeDef]) -> list[_Part] | None:
    """Return an input whose default is fetched data; None for an input with another default."""
    source = nodes.get(_node_of(node.input[0]))
    if source is None or source.op not in _ITERATORS | _DEQUEUES:
        return None
    return [_Part(name=node.name, dtype=node.attr["dtype"].type, shape=node.attr["shape"].shape)]


def _drop_unread(graph: GraphDef, names: Collection[str]) -> None:
    """Remove those of some nodes that no node reads any more."""
    while dead := set(names) - _read_names(graph.node):
        kept = [node for node in graph.node if node.name not in dead]
        if len(kept) == len(graph.node):
            return
        del graph.node[:]
        graph.node.extend(kept)


def _number(node: NodeDef, types: Iterable[int], shapes: list[TensorShapeProto]) -> list[_Part]:
    stated = list(types)
    shapes = shapes or [TensorShapeProto(unknown_rank=True) for _ in stated]
    if len(stated) == 1:
        return [_Part(name=node.name, dtype=stated[0], shape=shapes[0])]
    return [
        _Part(name=f"{node.name}/{i}", dtype=dtype, shape=shapes[i])
        for i, dtype in enumerate(stated)
    ]


def _image(node: NodeDef) -> list[_Part]:
    """Return an image of open size; as many channels as the op gives, else those of RGB."""
    dtype = node.attr["dtype"].type or tf.uint8.as_datatype_enum
    channels = int(node.attr["channels"].i) or RGB
    shape = tf.TensorShape([None, None, channels]).as_proto()
    return [_Part(name=node.name, dtype=dtype, shape=shape)]


def _features(node: NodeDef, nodes: Mapping[str, NodeDef]) -> list[_Part] | None:
    """Return the dense features of a parser of tf.Example; None if it has others."""
    others = len(node.attr["sparse_types"].list.type)
    others += len(node.attr["ragged_value_types"].list.type)
    keys = _dense_keys(node, nodes)
    types, shapes = node.attr["Tdense"].list.type, node.attr["dense_shapes"].list.shape
    if others or keys is None or len(keys) != len(types):
        return None
    return [
        _Part(name=key, dtype=dtype, shape=_with_batch(shape))
        for key, dtype, shape in zip(keys, types, shapes, strict=True)
    ]


def _dense_keys(node: NodeDef, nodes: Mapping[str, NodeDef]) -> list[str] | None:
    """Return the names of the dense features in their order; None if they are computed."""
    if node.op == "ParseExampleV2":
        given = [node.input[3]]
    else:
        first = 2 + int(node.attr["Nsparse"].i)
        given = list(node.input[first : first + int(node.attr["Ndense"].i)])
    constants = [nodes.get(_node_of(name)) for name in given]
    if not all(each is not None and each.op == "Const" for each in constants):
        return None
    names = [tf.make_ndarray(each.attr["value"].tensor) for each in constants if each is not None]
    keys = [key.decode() for values in names for key in values.reshape(-1)]
    plain = ["".join(c if c.isalnum() or c in "_.-/" else "_" for c in key) for key in keys]
    free = len(set(plain)) == len(plain) and not any(key in nodes for key in plain)
    usable = all(key[:1].isalnum() for key in plain)
    return plain if free and usable else [f"{node.name}/{i}" for i in range(len(keys))]


def _fed_by(reference: str, nodes: Mapping[str, NodeDef]) -> str | None:
    """Return the input of the graph that a value is, in another shape at most; else None."""
    node = nodes.get(_node_of(reference))
    while node is not None and node.op in PASSING:
        node = nodes.get(_node_of(node.input[0]))
    return node.name if node is not None and node.op == "Placeholder" else None


def _placeholder(part: _Part) -> NodeDef:
    node = NodeDef(name=part.name, op="Placeholder")
    node.attr["dtype"].type = part.dtype
    node.attr["shape"].shape.CopyFrom(part.shape)
    return node


def _with_batch(shape: Any) -> TensorShapeProto:
    if shape.unknown_rank:
        return TensorShapeProto(unknown_rank=True)
    batch = TensorShapeProto.Dim(size=-1)
    return TensorShapeProto(dim=[batch, *shape.dim])


def _rename(reference: str, renamed: Mapping[tuple[str, int], str]) -> str:
    name, _, index = reference.removeprefix("^").partition(":")
    if reference.startswith("^"):
        return f"^{renamed.get((name, 0), name)}"
    return renamed.get((name, int(index or 0)), reference)


def _read_names(nodes: Iterable[NodeDef]) -> set[str]:
    """Return the names of all nodes that others read, through any number of shapes."""
    by_name = {node.name: node for node in nodes}
    direct = {_node_of(name) for node in by_name.values() for name in node.input}
    idle = {name for name, node in by_name.items() if node.op in PASSING and name not in direct}
    if not idle:
        return direct
    return _read_names([node for node in by_name.values() if node.name not in idle])


def _node_of(reference: str) -> str:
    return reference.removeprefix("^").partition(":")[0]
