"""Functions that an ONNX file defines itself, written out where they are called."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import onnx
from onnx import inliner

from pipeline.errors import ConversionError, FormatError

# More than the largest real models have; functions of functions grow without bounds.
_MAX_NODES = 500_000
_MAX_DEPTH = 60

_Key = tuple[str, str, str]


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model without functions of its own.

    Raises:
        FormatError: Functions call each other in a circle, or are too many written out.
        ConversionError: A function is written for other versions of operators than the model.
    """
    if not model.functions:
        return model
    functions = {_key_of(function): function for function in model.functions}
    if len(functions) < len(model.functions):
        raise FormatError("two of its functions have one name")
    if _count(model.graph.node, functions, {}, ()) > _MAX_NODES:
        raise FormatError(f"its functions are more than {_MAX_NODES:,} nodes when written out")
    written = _inline(_state_defaults(model, functions), convert=False)
    called = Counter(_key_of(node) for node in _walk(written.graph.node))
    if any(key in functions for key in called):
        written = _inline(written, convert=True)
    return written


def _state_defaults(
    model: onnx.ModelProto, functions: Mapping[_Key, onnx.FunctionProto]
) -> onnx.ModelProto:
    """Return a model whose calls state the attributes that their functions have defaults for.

    The inliner of ONNX reads no defaults.
    """
    stated = onnx.ModelProto()
    stated.CopyFrom(model)
    bodies = (stated.graph.node, *(function.node for function in stated.functions))
    for node in (node for body in bodies for node in _walk(body)):
        function = functions.get(_key_of(node))
        own = {attribute.name for attribute in node.attribute}
        if function is not None:
            node.attribute.extend(
                entry for entry in function.attribute_proto if entry.name not in own
            )
    return stated


def _inline(model: onnx.ModelProto, *, convert: bool) -> onnx.ModelProto:
    try:
        return inliner.inline_local_functions(model, convert_version=convert)
    except Exception as error:
        raise ConversionError(
            f"its local functions cannot be written out: {error}",
            hint="export it again for one opset, or inline it: onnx.inliner",
        ) from error


def _key_of(owner: onnx.FunctionProto | onnx.NodeProto) -> _Key:
    name = owner.op_type if isinstance(owner, onnx.NodeProto) else owner.name
    return "" if owner.domain == "ai.onnx" else owner.domain, name, owner.overload


def _walk(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _walk(graph.node)


def _count(
    nodes: Iterable[onnx.NodeProto],
    functions: Mapping[_Key, onnx.FunctionProto],
    counted: dict[_Key, int],
    inside: tuple[_Key, ...],
) -> int:
    """Return the number of nodes with all functions written out."""
    total = 0
    for node in _walk(nodes):
        key = _key_of(node)
        total += 1
        if key not in functions:
            continue
        if key in inside or len(inside) > _MAX_DEPTH:
            raise FormatError(f"its function {key[1]!r} of {key[0]!r} calls itself")
        if key not in counted:
            counted[key] = _count(functions[key].node, functions, counted, (*inside, key))
        total += counted[key]
    return total
