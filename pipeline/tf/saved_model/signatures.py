"""SignatureDefs of a MetaGraph: lists and chooses them, and finds their tensors.

In a SavedModel of TensorFlow 2 a signature is one call of a function, and the converter converts
the function: `trace_signature` follows each named tensor through that call to the tensor inside
the function. In a SavedModel of TensorFlow 1 the named tensors are in the graph itself.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tensorflow import dtypes
from tensorflow.core.framework.function_pb2 import FunctionDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, SignatureDef, TensorInfo

from pipeline.errors import SignatureError
from pipeline.records.shape import Shape, parse_sizes
from pipeline.records.source import StatedSignature, StatedTensor
from pipeline.text.suggest import did_you_mean, find_similar
from pipeline.tf.untrusted.reach import Library, node_of, reach

# Signatures of TensorFlow itself: the initializer, and the train op of estimators.
_INTERNAL = ("__saved_model_init_op", "__saved_model_train_op")
_CALLS = {"PartitionedCall", "StatefulPartitionedCall"}
_PARSERS = ("ParseExample", "ParseSingleExample", "ParseSequenceExample")
DEFAULT_KEY = "serving_default"
MODULE_KEY = "default"


@dataclass(frozen=True, kw_only=True)
class NamedTensor:
    """An input or output of a signature.

    Attributes:
        name: Its key; a component of a composite tensor has its number after a slash.
        outer: Tensor in the MetaGraph.
        inner: Tensor in the function that the signature calls, None without a call, or if the
            tensor cannot be followed.
        info: Its dtype and shape; for a component those of the whole.
    """

    name: str
    outer: str
    inner: str | None
    info: TensorInfo


@dataclass(frozen=True, kw_only=True)
class TracedSignature:
    """The inputs and outputs of a signature, each in the order of sorted keys.

    That is the order of flattened structured outputs: `tf.nest` sorts the keys of a dict.
    """

    inputs: tuple[NamedTensor, ...]
    outputs: tuple[NamedTensor, ...]


def list_signatures(meta_graph: MetaGraphDef) -> dict[str, SignatureDef]:
    """Return the signatures that a model's author gave it, by key."""
    signatures = meta_graph.signature_def
    return {key: signatures[key] for key in sorted(signatures) if key not in _INTERNAL}


def choose_signature(
    meta_graph: MetaGraphDef,
    name: str | None,
    *,
    is_module: bool = False,
    library: Library | None = None,
) -> str:
    """Return the key of the chosen or only signature: "serving_default".

    Equal signatures under different keys (Keras exports `serve` and `serving_default`) count as
    one. A signature of serialized tf.Example records counts only if it is chosen, or if all are
    of this kind: TensorFlow.js cannot read them.

    Args:
        meta_graph: Has the signatures.
        name: The chosen key, or None.
        is_module: Whether it is a module of TF Hub's first format, whose default signature is
            `default`.
        library: What was looked up of the graph before.

    Raises:
        SignatureError: There is none, not the chosen one, or several different ones.
    """
    signatures = list_signatures(meta_graph)
    if not signatures:
        raise SignatureError(
            "the SavedModel has no signature",
            hint="save it again with tf.saved_model.save(model, folder, signatures=…)",
        )
    if name is not None:
        if name not in signatures:
            meant = did_you_mean(find_similar(name, signatures))
            raise SignatureError(
                f"signature_name: no signature {name!r}; it has {_quote(signatures)}{meant}"
            )
        return name
    if is_module and MODULE_KEY in signatures:
        return MODULE_KEY
    library = library or Library(meta_graph.graph_def)
    usable = [key for key in signatures if not find_parsers(meta_graph, key, library)]
    usable = usable or list(signatures)
    first, *others = usable
    known = _fingerprint(meta_graph, first)
    if any(_fingerprint(meta_graph, other) != known for other in others):
        others = [key for key in signatures if key not in usable]
        raise SignatureError(
            f"the SavedModel has several signatures: {_quote(usable)}",
            hint=f"choose one with `signature_name:`, or take several with `signatures: "
            f"[{', '.join(usable)}]`, a model for each"
            + (f"; {_quote(others)} take serialized tf.Example records" if others else ""),
        )
    return DEFAULT_KEY if DEFAULT_KEY in usable else first


def _quote(keys: Iterable[str]) -> str:
    return ", ".join(f"'{key}'" for key in keys)


def find_parsers(meta_graph: MetaGraphDef, key: str, library: Library | None = None) -> list[str]:
    """Return the ops by which a signature reads serialized tf.Example records.

    Args:
        meta_graph: The graph.
        key: Key of the signature.
        library: What was looked up for an earlier walk through the same graph.
    """
    signature = meta_graph.signature_def[key]
    fed = set(_outer(signature.inputs))
    outputs = _outer(signature.outputs)
    nodes = reach(meta_graph.graph_def, outputs, fed=fed, library=library)
    ops = {node.op for node in nodes}
    return sorted(op for op in ops if op.startswith(_PARSERS))


def trace_signature(meta_graph: MetaGraphDef, key: str) -> TracedSignature:
    """Follow the named tensors of a signature into the function that it calls."""
    signature = meta_graph.signature_def[key]
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    functions = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    call = next(
        (nodes[name] for name in map(node_of, _outer(signature.outputs)) if name in nodes), None
    )
    function = functions.get(call.attr["f"].func.name) if call and call.op in _CALLS else None
    inputs, outputs = _flatten(signature.inputs), _flatten(signature.outputs)
    if call is None or function is None:
        inners: Iterator[Mapping[str, str]] = iter(({}, {}))
    else:
        inners = iter((_arguments(call, function), _results(call, function)))
    return TracedSignature(
        inputs=_named(inputs, next(inners)), outputs=_named(outputs, next(inners))
    )


def describe_signatures(meta_graph: MetaGraphDef) -> dict[str, StatedSignature]:
    """Return all signatures as the source record lists them, by key."""
    return {
        key: StatedSignature(
            inputs=_describe(signature.inputs), outputs=_describe(signature.outputs)
        )
        for key, signature in list_signatures(meta_graph).items()
    }


def _describe(infos: Mapping[str, TensorInfo]) -> dict[str, StatedTensor]:
    return {
        name: StatedTensor(
            tensor=outer, dtype=_dtype(info.dtype), shape=describe_shape(info.tensor_shape)
        )
        for name, outer, info in _flatten(infos)
    }


def _dtype(number: int) -> str | None:
    return str(dtypes.as_dtype(number).base_dtype.name) if number else None


def describe_shape(shape: TensorShapeProto) -> Shape:
    """Return the size of each axis."""
    return parse_sizes(None if shape.unknown_rank else [int(dim.size) for dim in shape.dim])


def _flatten(infos: Mapping[str, TensorInfo]) -> list[tuple[str, str, TensorInfo]]:
    """Return name, tensor and description of each tensor, composite tensors as components."""
    flat = []
    for key in sorted(infos):
        info = infos[key]
        components = _components(info)
        if components is None:
            flat.append((key, info.name, info))
        else:
            flat += [(f"{key}/{i}", name, part) for i, (name, part) in enumerate(components)]
    return flat


def _components(info: TensorInfo) -> list[tuple[str, TensorInfo]] | None:
    """Return the tensors of a composite tensor, None for an ordinary tensor."""
    match info.WhichOneof("encoding"):
        case "composite_tensor":
            return [(part.name, part) for part in info.composite_tensor.components]
        case "coo_sparse":
            sparse = info.coo_sparse
            names = (
                sparse.indices_tensor_name,
                sparse.values_tensor_name,
                sparse.dense_shape_tensor_name,
            )
            unknown = TensorInfo()
            unknown.tensor_shape.unknown_rank = True
            return [(name, unknown) for name in names]
    return None


def _outer(infos: Mapping[str, TensorInfo]) -> Iterable[str]:
    return (name for _, name, _ in _flatten(infos))


def _named(
    flat: Iterable[tuple[str, str, TensorInfo]], inner: Mapping[str, str]
) -> tuple[NamedTensor, ...]:
    return tuple(
        NamedTensor(name=name, outer=outer, inner=inner.get(outer), info=info)
        for name, outer, info in flat
    )


def _arguments(call: NodeDef, function: FunctionDef) -> dict[str, str]:
    """Return the function's own tensor for each tensor that a call passes to it."""
    given = [name for name in call.input if not name.startswith("^")]
    own = (f"{argument.name}:0" for argument in function.signature.input_arg)
    return {_tensor(name): tensor for name, tensor in zip(given, own, strict=False)}


def _results(call: NodeDef, function: FunctionDef) -> dict[str, str]:
    """Return the function's own tensor for each tensor that a call returns."""
    results = {}
    for number, result in enumerate(function.signature.output_arg):
        node, _, rest = function.ret[result.name].partition(":")
        # "node:argument:index"; for ops with several results the argument has an offset, but
        # TensorFlow returns through Identity.
        is_identity = rest == "output:0"
        if is_identity:
            results[f"{call.name}:{number}"] = f"{node}:0"
    return results


def _tensor(name: str) -> str:
    return name if ":" in name else f"{name}:0"


def _fingerprint(meta_graph: MetaGraphDef, key: str) -> tuple[Any, ...]:
    """Return the content of a signature without its key: equal for equal signatures."""
    traced = trace_signature(meta_graph, key)
    names = tuple((part.name, part.inner or part.outer) for part in traced.outputs)
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    call = nodes.get(node_of(traced.outputs[0].outer)) if traced.outputs else None
    if call is None or call.op not in _CALLS:
        return names, tuple((part.name, part.outer) for part in traced.inputs)
    keys = {part.outer: f"argument {part.name}" for part in traced.inputs}
    given = tuple(keys.get(_tensor(name), name) for name in call.input)
    functions = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    return names, given, _content(functions[call.attr["f"].func.name])


def _content(function: FunctionDef) -> tuple[Any, ...]:
    """Return a function's body without its own name and without debug information."""
    nodes = []
    for node in function.node_def:
        bare = NodeDef(name=node.name, op=node.op, input=node.input)
        for name in node.attr:
            bare.attr[name].CopyFrom(node.attr[name])
        nodes.append(bare.SerializeToString(deterministic=True))
    arguments = tuple(argument.name for argument in function.signature.input_arg)
    return arguments, tuple(sorted(nodes)), tuple(sorted(function.ret.items()))
