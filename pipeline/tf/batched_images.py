"""Images that a loop decodes one by one: a batch of encoded images becomes a batch of pixels.

Exports of image classifiers take `tf.map_fn(decode_and_preprocess, image_bytes)`: the texts of an
input lie in a list, and each turn of the loop decodes an item of it. Here the input becomes uint8
(batch, height, width, channels), the list holds its images, and an item is the image. The graph may
have its loop as nodes (Enter, Merge, Switch) or as functions (While).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto

DECODERS = frozenset({"DecodeBmp", "DecodeImage", "DecodeJpeg", "DecodePng"})
"""Ops that turn the bytes of a file into pixels."""

RGB = 3
PASSING = frozenset({"ExpandDims", "Identity", "Reshape", "Squeeze", "StopGradient"})
"""Ops on the way from an input to a decoder or parser."""

_STRING = tf.string.as_datatype_enum
_INT32 = tf.int32.as_datatype_enum
_FLOWING = {"Enter", "Exit", "Identity", "Merge", "NextIteration", "StopGradient", "Switch"}
_LOOPS = {"StatelessWhile", "While"}
_ITEMS = {"TensorArrayReadV3", "TensorListGetItem"}
_SIZES = {"TensorArraySizeV3", "TensorListLength"}
_MAIN = ""  # the scope of the graph itself; others are functions


@dataclass(frozen=True, kw_only=True)
class Batch:
    """An input that became a batch of images.

    Attributes:
        name: Name of its placeholder.
        decoder: Op and name of the decoder in the loop: "DecodeJpeg 'map/while/DecodeJpeg'".
    """

    name: str
    decoder: str


class _NotABatch(Exception):  # noqa: N818  # no error: the graph stays
    """Something else than a decoder reads the texts."""


def batch_images(graph_def: GraphDef) -> tuple[GraphDef, list[Batch]]:
    """Return the graph with pixels in place of encoded images that a loop decodes, and the inputs.

    An input that anything else reads, too, stays.

    Args:
        graph_def: A graph; it is left as it is.
    """
    batches = []
    for node in graph_def.node:
        if node.op != "Placeholder" or node.attr["dtype"].type != _STRING:
            continue
        changed = GraphDef()
        changed.CopyFrom(graph_def)
        try:
            walk = _Walk(changed)
            walk.follow(_MAIN, node.name, 0, "batch")
            batch = walk.rewrite(node.name)
        except _NotABatch:
            continue
        graph_def = changed
        batches.append(batch)
    return graph_def, batches


@dataclass
class _Walk:
    """A walk along what becomes of a placeholder's texts.

    Attributes:
        graph: The graph, which `rewrite` changes.
        found: The nodes that take them, with the kind of each: "batch", "list" or "item".
        decoders: The decoders among these.
    """

    graph: GraphDef
    found: dict[tuple[str, str], tuple[NodeDef, str]] = field(default_factory=dict)
    decoders: list[NodeDef] = field(default_factory=list)
    seen: set[tuple[str, str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        functions = {one.signature.name: one for one in self.graph.library.function}
        self.functions: Mapping[str, Any] = functions
        self.nodes = {
            _MAIN: {node.name: node for node in self.graph.node},
            **{name: {n.name: n for n in one.node_def} for name, one in functions.items()},
        }
        self.readers: dict[tuple[str, str, int], list[tuple[NodeDef, int]]] = {}
        for scope, nodes in self.nodes.items():
            for node in nodes.values():
                for place, reference in enumerate(node.input):
                    if not reference.startswith("^"):
                        key = (scope, *_parse(reference))
                        self.readers.setdefault(key, []).append((node, place))

    def follow(self, scope: str, name: str, output: int, kind: str) -> None:
        """Follow a tensor to all that reads it; raise _NotABatch where it leads elsewhere."""
        if (scope, name, output) in self.seen:
            return
        self.seen.add((scope, name, output))
        for node, place in self.readers.get((scope, name, output), ()):
            self._take(scope, node, place, kind)

    def _take(self, scope: str, node: NodeDef, place: int, kind: str) -> None:
        op = node.op
        self.found[scope, node.name] = node, kind
        if op == "Enter" and kind == "batch":
            raise _NotABatch
        if op in _FLOWING and (op == "Merge" or place == 0):
            for output in range(2 if op == "Switch" else 1):
                self.follow(scope, node.name, output, kind)
        elif op in _LOOPS and kind == "list":
            self._enter(scope, node, place)
        elif place != 0 or kind == "batch":
            self._take_batch(scope, node, place, kind)
        elif op in (_ITEMS if kind == "list" else PASSING):
            self.follow(scope, node.name, 0, "item")
        elif kind == "item" and op in DECODERS:
            self.decoders.append(node)
        elif not (kind == "list" and (op in _SIZES or op == "TensorArrayScatterV3")):
            raise _NotABatch

    def _take_batch(self, scope: str, node: NodeDef, place: int, kind: str) -> None:
        """Take the whole of the texts: into a list, or its shape."""
        if kind != "batch" or scope != _MAIN:
            raise _NotABatch
        if node.op == "TensorListFromTensor" and place == 0:
            self.follow(scope, node.name, 0, "list")
        elif node.op == "TensorArrayScatterV3":
            array = self.nodes[scope][_parse(node.input[0])[0]]
            if array.op != "TensorArrayV3":
                raise _NotABatch
            self.found[scope, array.name] = array, "list"
            self.follow(scope, array.name, 0, "list")
        elif node.op == "Reshape" and place == 0 and self._constant(scope, node, 1) == [-1]:
            self.follow(scope, node.name, 0, "batch")
        elif not (node.op == "Shape" and place == 0):
            raise _NotABatch

    def _enter(self, scope: str, node: NodeDef, place: int) -> None:
        """Follow a list through a loop of functions, which must hand it on as it is."""
        body, cond = (self.functions[node.attr[key].func.name] for key in ("body", "cond"))
        for function in (body, cond):
            name = function.signature.input_arg[place].name
            self.follow(function.signature.name, name, 0, "list")
        returned = _parse(body.ret[body.signature.output_arg[place].name])
        if (body.signature.name, *returned) not in self.seen:
            raise _NotABatch
        self.follow(scope, node.name, place, "list")

    def _constant(self, scope: str, node: NodeDef, place: int) -> Any:
        given = self.nodes[scope].get(_parse(node.input[place])[0])
        if given is None or given.op != "Const":
            return None
        return tf.make_ndarray(given.attr["value"].tensor).tolist()

    def rewrite(self, name: str) -> Batch:
        """Turn the placeholder of this name and all that was found into pixels."""
        if not self.decoders or not any(kind == "list" for _, kind in self.found.values()):
            raise _NotABatch
        forms = {(_dtype(node), int(node.attr["channels"].i) or RGB) for node in self.decoders}
        if len(forms) > 1:
            raise _NotABatch
        ((dtype, channels),) = forms
        batch = Batch(name=name, decoder=f"{self.decoders[0].op} '{self.decoders[0].name}'")
        placeholder = self.nodes[_MAIN][name]
        placeholder.attr["dtype"].type = dtype
        placeholder.attr["shape"].shape.CopyFrom(
            TensorShapeProto(dim=[*_batch_axis(placeholder), *_image_shape(channels).dim])
        )
        for (scope, _), (node, kind) in self.found.items():
            self._rewrite(scope, node, kind, dtype, channels)
        return batch

    def _rewrite(self, scope: str, node: NodeDef, kind: str, dtype: int, channels: int) -> None:
        for key in ("T", "dtype", "element_dtype"):
            if key in node.attr and node.attr[key].type == _STRING:
                node.attr[key].type = dtype
        if node.op in {"TensorListFromTensor", "TensorListGetItem"}:
            self._state_shape(scope, node, 1 if kind == "batch" else 2, channels)
        elif node.op in {"TensorArrayV3", "TensorArrayReadV3"} and "element_shape" in node.attr:
            node.attr["element_shape"].shape.CopyFrom(_image_shape(channels))
        elif kind == "batch" and node.op == "Shape":
            self._take_first(node)
        elif (kind == "item" and node.op not in _FLOWING) or node.op == "Reshape":
            _make_identity(node, dtype)
            self._rename(scope, node.name)

    def _state_shape(self, scope: str, node: NodeDef, place: int, channels: int) -> None:
        """Let an op of a list know the shape of its elements from a constant of its own."""
        given = self.nodes[scope].get(_parse(node.input[place])[0])
        if given is None or given.op != "Const":
            raise _NotABatch
        made = self._add(scope, _constant_node(f"{node.name}/of_image", [-1, -1, channels]))
        made.input.extend(given.input)  # in a loop, what keeps it there
        node.input[place] = made.name if scope == _MAIN else f"{made.name}:output:0"

    def _take_first(self, node: NodeDef) -> None:
        """Let the shape of the texts, which had one axis, stay one number."""
        whole = self._add(_MAIN, NodeDef(name=f"{node.name}/of_images", op="Shape"))
        whole.input.extend(node.input)
        for key, value in node.attr.items():
            whole.attr[key].CopyFrom(value)
        places = {"begin": [0], "end": [1], "strides": [1]}
        made = [self._add(_MAIN, _constant_node(f"{node.name}/{key}", value))
                for key, value in places.items()]  # fmt: skip
        node.op = "StridedSlice"
        node.input[:] = [whole.name, *(each.name for each in made)]
        kept = node.attr["out_type"].type or _INT32
        node.attr.clear()
        node.attr["T"].type, node.attr["Index"].type = kept, _INT32

    def _rename(self, scope: str, name: str) -> None:
        """Let a function's nodes take the result of an Identity by its name, "output"."""
        if scope == _MAIN:
            return
        for node, place in self.readers.get((scope, name, 0), ()):
            node.input[place] = f"{name}:output:0"
        returned = self.functions[scope].ret
        for key, reference in returned.items():
            if _parse(reference) == (name, 0):
                returned[key] = f"{name}:output:0"

    def _add(self, scope: str, node: NodeDef) -> NodeDef:
        holder = self.graph.node if scope == _MAIN else self.functions[scope].node_def
        added: NodeDef = holder.add()
        added.CopyFrom(node)
        return added


def _parse(reference: str) -> tuple[str, int]:
    """Return node and number of a tensor: "a:1", "a:output:1" of a function, or an argument."""
    name, *rest = reference.split(":")
    return name, int(rest[-1]) if rest else 0


def _dtype(decoder: NodeDef) -> int:
    return int(decoder.attr["dtype"].type) or int(tf.uint8.as_datatype_enum)


def _image_shape(channels: int) -> TensorShapeProto:
    return tf.TensorShape([None, None, channels]).as_proto()


def _batch_axis(placeholder: NodeDef) -> Iterable[Any]:
    shape = placeholder.attr["shape"].shape
    if len(shape.dim) > 1:
        raise _NotABatch
    return list(shape.dim) or [TensorShapeProto.Dim(size=-1)]


def _constant_node(name: str, values: list[int]) -> NodeDef:
    node = NodeDef(name=name, op="Const")
    node.attr["dtype"].type = _INT32
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values, tf.int32))
    return node


def _make_identity(node: NodeDef, dtype: int) -> None:
    """Let a node hand on its first input; what it waits for stays."""
    waits = list(_waits(node))
    node.op = "Identity"
    node.input[:] = [node.input[0], *waits]
    node.attr.clear()
    node.attr["T"].type = dtype


def _waits(node: NodeDef) -> Iterator[str]:
    return (name for name in node.input if name.startswith("^"))
