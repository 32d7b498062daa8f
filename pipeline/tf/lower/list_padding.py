"""Pads stacked lists whose loop may end before all elements are written.

A list of TensorFlow has as many elements as were reserved, of which those that nobody wrote are
zeros. TensorFlow.js reserves nothing (`reserve` in tfjs-converter/src/executor/tensor_list.ts), so
that a loop with an early end leaves a shorter list.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.function_pb2 import FunctionDef
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.tf.lower.lowering_body import (
    Replacement,
    give,
    name_inputs,
    read_attributes,
    read_bodies,
    replace_nodes,
)
from pipeline.tf.nodes import all_nodes

REASON = (
    "TensorListStack got zeros for what its loop may leave unwritten: TensorFlow.js reserves no "
    "elements"
)
_STACK = "TensorListStack"
_LOOPS = {"StatelessWhile", "While"}
# Ops that hand on a list as their first output.
_PASSING = {"Enter", "Exit", "Identity", "Merge", "Switch", "TensorListSetItem"}
# Ops of a condition that only counts.
_COUNTING = {"Const", "Enter", "Identity", "Less", "LogicalAnd", "LoopCond"}
_NO_NUMBERS = {tf.string, tf.variant, tf.resource}


def pad_lists(graph_def: GraphDef) -> tuple[GraphDef, Counter[str]]:
    """Return a graph whose stacked lists are as long as reserved, and a sentence with its number.

    Args:
        graph_def: A graph and its function library; it is left as it is.
    """
    reasons: Counter[str] = Counter()
    if not any(node.op == _STACK for node in all_nodes(graph_def)):
        return graph_def, reasons
    padded = GraphDef()
    padded.CopyFrom(graph_def)
    functions = {each.signature.name: each for each in padded.library.function}
    for body in read_bodies(padded, lambda node: node.op == _STACK):
        nodes = {node.name: node for node in body.nodes}
        replacements = {}
        for node in list(body.nodes):
            if node.op != _STACK:
                continue
            op = body.graph.get_operation_by_name(node.name)
            reserve = _find_short(op, functions)
            made = reserve and _pad(op, node, nodes[reserve.name].input[1])
            if made:
                replacements[node.name] = made
        replace_nodes(body, replacements)
        reasons[REASON] += len(replacements)
    return (padded, +reasons) if reasons[REASON] else (graph_def, Counter())


def _find_short(stack: tf.Operation, functions: Mapping[str, FunctionDef]) -> tf.Operation | None:
    """Return the op that reserves a list, if a loop may end before it is full."""
    tensor = stack.inputs[0]
    loops: list[tf.Tensor] = []
    while tensor.op.type in _PASSING or tensor.op.type in _LOOPS:
        op = tensor.op
        if op.type == "Exit" or op.type in _LOOPS:
            loops.append(tensor)
        tensor = op.inputs[tensor.value_index if op.type in _LOOPS else 0]
    reserve = tensor.op
    if reserve.type != "TensorListReserve":
        return None
    number = reserve.inputs[1]
    is_full = any(
        _counts(each.op, number, functions)
        if each.op.type in _LOOPS
        else _counts_by_nodes(each.op, number)
        for each in loops
    )
    return None if is_full or tf.get_static_value(number) == 0 else reserve


def _counts(loop: tf.Operation, number: tf.Tensor, functions: Mapping[str, FunctionDef]) -> bool:
    """Return whether a loop ends when it has counted to a number, and never before."""
    condition = functions[loop.get_attr("cond").name]
    arguments = [arg.name for arg in condition.signature.input_arg]
    constants = {node.name: node for node in condition.node_def if node.op == "Const"}
    if not {node.op for node in condition.node_def} <= _COUNTING:
        return False
    bounds = [node.input[1] for node in condition.node_def if node.op == "Less"]
    return bool(bounds) and all(
        _is_same(loop.inputs[arguments.index(bound)], number)
        if bound in arguments
        else _has_value(constants.get(bound.partition(":")[0]), number)
        for bound in bounds
    )


def _counts_by_nodes(leave: tf.Operation, number: tf.Tensor) -> bool:
    """Return the same of a loop of TensorFlow 1, by its Exit."""
    ops = list(_list_condition(leave.inputs[0].op.inputs[1].op))
    if not {op.type for op in ops} <= _COUNTING:
        return False
    bounds = [_find_before(op.inputs[1]) for op in ops if op.type == "Less"]
    return bool(bounds) and all(_is_same(bound, number) for bound in bounds)


def _list_condition(condition: tf.Operation) -> Iterator[tf.Operation]:
    """Yield the ops that compute a condition from the variables of its loop."""
    waiting, seen = [condition], {condition.name}
    while waiting:
        op = waiting.pop()
        yield op
        for tensor in op.inputs if op.type != "Enter" else ():
            if tensor.op.type != "Merge" and tensor.op.name not in seen:
                seen.add(tensor.op.name)
                waiting.append(tensor.op)


def _find_before(tensor: tf.Tensor) -> tf.Tensor:
    """Return what a tensor of a loop was before the loop, if the loop does not change it."""
    while tensor.op.type in {"Enter", "Identity", "Merge"}:
        tensor = tensor.op.inputs[0]
    return tensor


def _is_same(one: tf.Tensor, other: tf.Tensor) -> bool:
    one, other = _find_before(one), _find_before(other)
    values = tf.get_static_value(one), tf.get_static_value(other)
    return one is other or (values[0] is not None and np.array_equal(*values))


def _has_value(constant: NodeDef | None, number: tf.Tensor) -> bool:
    value = tf.get_static_value(number)
    if constant is None or value is None:
        return False
    return bool(np.array_equal(tf.make_ndarray(constant.attr["value"].tensor), value))


def _pad(op: tf.Operation, node: NodeDef, number: str) -> Replacement | None:
    """Return the subgraph of a padded stack; None if the dtype does not allow it."""
    made: Any = op.outputs[0]
    if made.dtype in _NO_NUMBERS:
        return None
    references = [name for name in node.input if not name.startswith("^")]
    inputs: dict[str, str] = {}
    with tf.Graph().as_default():
        given = [
            give(tensor, reference, inputs)
            for tensor, reference in zip(op.inputs, references, strict=True)
        ]
        attributes = read_attributes(op) | {"num_elements": -1}
        stacked = tf.raw_ops.TensorListStack(**name_inputs(op, given), **attributes)
        length = tf.compat.v1.placeholder(tf.int32, [], name="reserved")
        inputs[length.op.name] = number
        missing = tf.maximum(length - tf.shape(stacked)[0], 0)
        ndim = tf.rank(stacked) if made.shape.rank is None else made.shape.rank
        before = tf.zeros([ndim], tf.int32)
        behind = tf.concat([[missing], before[1:]], 0)
        padded = tf.pad(stacked, tf.stack([before, behind], 1))
    return Replacement(outputs=[padded], inputs=inputs)
