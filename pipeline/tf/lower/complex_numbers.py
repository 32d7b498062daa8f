"""Complex numbers: replaces them by pairs of real tensors in a graph and its functions.

Each complex tensor becomes one real tensor whose last axis has both parts, the inputs and outputs
of the model too; where an op reads the parts that another op has just put together, it reads them
directly.
"""

from collections import Counter
from collections.abc import Collection
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.errors import ConversionError
from pipeline.tf.lower.complex_rules import BOTH_PARTS, COMPLEX_BY_DEFAULT, PASSED_ON, RULES
from pipeline.tf.lower.joined_parts import join_directly, remove
from pipeline.tf.lower.lowering_body import (
    Body,
    Replacement,
    give,
    name_inputs,
    read_attributes,
    read_bodies,
    replace_nodes,
)
from pipeline.tf.lower.lowering_rule import Lowering, NotLowered
from pipeline.tf.lower.lowering_values import find_value
from pipeline.tf.lower.pairs import PARTS, WHY, Pair, join, split
from pipeline.tf.nodes import all_nodes
from pipeline.tfjs.model.dtypes import NUM_PARTS

_PARTS = {whole.as_datatype_enum: part.as_datatype_enum for whole, part in PARTS.items()}
_INPUTS = {"Placeholder", "PlaceholderWithDefault"}
_BY_PARTS = Lowering(lower=split, becomes="one of each part", why=WHY)


def pair_complex(
    graph_def: GraphDef, *, keep: Collection[str], needed: Collection[str]
) -> tuple[GraphDef, Counter[str]]:
    """Return a graph without complex numbers; its complex inputs and outputs are pairs.

    Args:
        graph_def: A frozen graph and its function library; it is left as it is.
        keep: Names of the nodes that are its inputs and results, which keep their names.
        needed: Names of the nodes that its results need; if a complex one is not needed, it and
            all others that are not are left out.

    Returns:
        The graph, and a sentence for each kind of change with its number; the same graph and no
        sentences without changes.

    Raises:
        ConversionError: An op of complex numbers has no rule.
    """
    reasons: Counter[str] = Counter()
    if not any(map(_may_be_complex, all_nodes(graph_def))):
        return graph_def, reasons
    paired = GraphDef()
    paired.CopyFrom(graph_def)
    bodies = list(read_bodies(paired, _has_rule_or_type))
    if not any(_is_complex_op(op) for body in bodies for op in body.graph.get_operations()):
        return graph_def, reasons
    for body in bodies:
        _pair_body(body, keep, needed, reasons)
    _retype(paired)
    return paired, reasons


def _pair_body(
    body: Body, keep: Collection[str], needed: Collection[str], reasons: Counter[str]
) -> None:
    ops = {op.name: op for op in body.graph.get_operations() if _is_complex_op(op)}
    if not body.is_function and not ops.keys() <= set(needed):
        kept = {*needed, *(node.name for node in body.nodes if node.op in _INPUTS)}
        remove(body, [node.name for node in body.nodes if node.name not in kept])
    replacements = {
        node.name: _trace(ops[node.name], node, reasons)
        for node in body.nodes
        if node.name in ops and node.op not in PASSED_ON | _INPUTS
    }
    replace_nodes(body, replacements)
    if not body.is_function:
        _pair_inputs(body, reasons)
    join_directly(body, keep=keep)


def _may_be_complex(node: NodeDef) -> bool:
    """Return whether a node alone says that it is complex, or leaves it out as the default."""
    types = [t for attr in node.attr.values() for t in (attr.type, *attr.list.type)]
    return node.op in COMPLEX_BY_DEFAULT or any(dtype in _PARTS for dtype in types)


def _has_rule_or_type(node: NodeDef) -> bool:
    return node.op in RULES or _may_be_complex(node)


def _is_complex_op(op: tf.Operation) -> bool:
    return any(tensor.dtype.is_complex for tensor in (*op.inputs, *op.outputs))


def _trace(op: tf.Operation, node: NodeDef, reasons: Counter[str]) -> Replacement:
    """Return the subgraph of an op, with a pair joined for each complex tensor."""
    references = [name for name in node.input if not name.startswith("^")]
    inputs: dict[str, str] = {}
    with tf.Graph().as_default():
        given = [
            _give(tensor, reference, inputs)
            for tensor, reference in zip(op.inputs, references, strict=True)
        ]
        try:
            made = _apply(op, given)
        except (NotLowered, ConversionError) as reason:
            raise ConversionError(
                f"complex numbers in {op.type} ('{op.name}') have no real form: {reason}"
            ) from None
        outputs = [_finish(*each) for each in zip(made, op.outputs, strict=True)]
        if len(references) < len(node.input):
            # For control inputs: TensorFlow.js takes those of a Pack for more to pack.
            outputs = [tf.identity(tensor) for tensor in outputs]
    reasons[RULES.get(op.type, _BY_PARTS).describe(op.type)] += 1
    return Replacement(outputs=outputs, inputs=inputs)


def _give(tensor: tf.Tensor, reference: str, inputs: dict[str, str]) -> Any:
    if not tensor.dtype.is_complex:
        return give(tensor, reference, inputs)
    real = tensor.dtype.real_dtype
    value = find_value(tensor)
    if value is not None:
        return Pair(tf.constant(value.real, real), tf.constant(value.imag, real))
    shape = tensor.shape.concatenate(NUM_PARTS) if tensor.shape.rank is not None else None
    placeholder = tf.compat.v1.placeholder(real, shape, name="input")
    inputs[placeholder.op.name] = reference
    return split(placeholder)


def _apply(op: tf.Operation, given: list[Any]) -> list[Any]:
    """Return what an op makes: a pair for each complex tensor."""
    if op.type in RULES:
        made = RULES[op.type].lower(**name_inputs(op, given), **read_attributes(op))
        return [made] if isinstance(made, Pair | tf.Tensor) else list(made)
    if op.type not in BOTH_PARTS:
        raise NotLowered("there is no rule for it")
    halves = [
        _copy(op, [each[part] if isinstance(each, Pair) else each for each in given])
        for part in range(NUM_PARTS)
    ]
    return [
        Pair(*parts) if tensor.dtype.is_complex else parts[0]
        for *parts, tensor in zip(*halves, op.outputs, strict=True)
    ]


def _copy(op: tf.Operation, inputs: list[tf.Tensor]) -> list[tf.Tensor]:
    """Return the results of the same op of one part."""
    node = NodeDef()
    node.CopyFrom(op.node_def)
    node.name = "part"
    node.input[:] = [f"input_{i}" for i in range(len(inputs))]
    node.device = ""
    _retype_node(node)
    graph_def = GraphDef(node=[node])
    graph_def.versions.producer = tf.version.GRAPH_DEF_VERSION
    made: list[tf.Tensor] = tf.import_graph_def(
        graph_def,
        input_map={f"input_{i}:0": tensor for i, tensor in enumerate(inputs)},
        return_elements=[f"part:{i}" for i in range(len(op.outputs))],
        name=op.type,
    )
    return made


def _finish(made: Any, wanted: tf.Tensor) -> tf.Tensor:
    if not isinstance(made, Pair):
        return made
    real = wanted.dtype.real_dtype
    return join(Pair(*(part if part.dtype == real else tf.cast(part, real) for part in made)))


def _retype_node(node: NodeDef) -> None:
    """Put the dtype of the parts in place of complex ones."""
    node.attr.pop("_output_shapes", None)
    node.attr.pop("_class", None)
    shaped = "output_shapes" if "output_shapes" in node.attr else None
    if shaped:
        types = node.attr["Tout" if "Tout" in node.attr else "T"].list.type
        for dtype, shape in zip(types, node.attr[shaped].list.shape, strict=False):
            if dtype in _PARTS and not shape.unknown_rank:
                shape.dim.add(size=NUM_PARTS)
    for attr in node.attr.values():
        if attr.type in _PARTS:
            attr.type = _PARTS[attr.type]
        if attr.HasField("list"):
            attr.list.type[:] = [_PARTS.get(dtype, dtype) for dtype in attr.list.type]


def _pair_inputs(body: Body, reasons: Counter[str]) -> None:
    """Let complex inputs take pairs."""
    for node in body.nodes:
        if node.op in _INPUTS and node.attr["dtype"].type in _PARTS:
            shape = node.attr["shape"].shape
            if not shape.unknown_rank:
                shape.dim.add(size=NUM_PARTS)
            _retype_node(node)
            reasons[_BY_PARTS.describe(node.op)] += 1


def _retype(graph_def: GraphDef) -> None:
    """Give arguments of functions, and ops of control flow, the dtype of the parts."""
    for function in graph_def.library.function:
        function.attr.pop("_input_shapes", None)
        for arg in (*function.signature.input_arg, *function.signature.output_arg):
            arg.type = _PARTS.get(arg.type, arg.type)
        for attributes in function.arg_attr.values():
            attributes.attr.pop("_output_shapes", None)
    for nodes in (graph_def.node, *(f.node_def for f in graph_def.library.function)):
        for node in nodes:
            if node.op in PASSED_ON:
                _retype_node(node)
