"""Stirs long sums: float32 rounds a sum once for each number that it adds.

A sum of n numbers that are added one after another is off by about √n / 4 units of 2^-24: measured
are 0.8 to 1.3 times that for products of 64 to 25,088 numbers, and 1.2 to 2.1 times for means of
50,176 (TensorFlow's own AvgPool among them). Stirred weights and inputs move a sum of any length by
2 units, since what they change cancels.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.function_pb2 import FunctionDef
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.tfjs.model.weights import Array

LEAST_TERMS = 1_000
"""Numbers that a long sum adds. Its rounding is 4 times what stirred values move it."""

_STRENGTH, _SEED = "long_sums/strength", "long_sums/seed"
_REDUCTIONS = frozenset({"AvgPool", "Mean", "Sum"})
_MATRIX_PRODUCTS = frozenset({"BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "MatMul"})
_TRANSPOSED = ("adj_y", "transpose_b")
_FLOAT, _INT = tf.float32.as_datatype_enum, tf.int32.as_datatype_enum

Axes = tuple[int, ...]
"""Axes of filters or matrices whose sizes make the number of terms; () of a reduction."""


def stir_sums(graph_def: GraphDef) -> None:
    """Let long sums of float32 move by what rounding may add, as far as `feed_sums` says.

    Sums inside functions stay as they are, and all of a graph with loops of TensorFlow 1, inside of
    which nothing can be fed.
    """
    has_loops = any(node.op == "Enter" for node in graph_def.node)
    shapes = {
        node.name: [axis.size for axis in node.attr["value"].tensor.tensor_shape.dim]
        for node in graph_def.node
        if node.op == "Const"
    }
    sums = [
        (node, axes)
        for node in (() if has_loops else graph_def.node)
        if (axes := _axes_of_terms(node)) is not None and not _is_short(node, axes, shapes)
    ]
    functions = {axes: f"stir_sum_{i}" for i, axes in enumerate(dict.fromkeys(a for _, a in sums))}
    with tf.Graph().as_default() as fed:
        tf.compat.v1.placeholder(tf.float32, (), _STRENGTH)
        tf.compat.v1.placeholder(tf.int32, (), _SEED)
        for i, (node, axes) in enumerate(sums):
            total, place = f"long_sums/{i}/total", f"long_sums/{i}/place"
            tf.constant(i, tf.int32, name=place)
            given = node.input[1 if axes else 0]
            inputs = [given, total, _STRENGTH, _SEED, place]
            graph_def.node.append(_call(functions[axes], node.name, inputs))
            node.name = total
    graph_def.node.extend(fed.as_graph_def().node)
    graph_def.library.function.extend(_make_function(*one) for one in functions.items())


def feed_sums(half_unit: float, seed: int = 0) -> dict[str, Array]:
    """Return what to feed by tensor: half a unit in the last place, or 0 so that nothing moves."""
    fed = {_STRENGTH: np.float32(half_unit / 4), _SEED: np.int32(seed)}
    return {f"{name}:0": np.asarray(value) for name, value in fed.items()}


def _axes_of_terms(node: NodeDef) -> Axes | None:
    """Return the axes of the terms that a node adds up; None of nodes that add up no floats."""
    if node.attr["T"].type != _FLOAT:
        return None
    if node.op in _REDUCTIONS:
        return ()
    if node.op == "Conv2D":
        return (0, 1, 2)
    if node.op in _MATRIX_PRODUCTS:
        return (-1,) if any(node.attr[name].b for name in _TRANSPOSED) else (-2,)
    return None


def _is_short(node: NodeDef, axes: Axes, shapes: Mapping[str, Sequence[int]]) -> bool:
    """Return whether a product with a constant has few terms; all others may be long."""
    shape = shapes.get(node.input[1]) if axes else None
    return shape is not None and math.prod(shape[axis] for axis in axes) < LEAST_TERMS


def _call(function: str, name: str, inputs: Sequence[str]) -> NodeDef:
    call = NodeDef(name=name, op="PartitionedCall", input=inputs)
    call.attr["Tin"].list.type.extend([_FLOAT, _FLOAT, _FLOAT, _INT, _INT])
    call.attr["Tout"].list.type.append(_FLOAT)
    call.attr["f"].func.name = function
    return call


def _make_function(axes: Axes, name: str) -> FunctionDef:
    def stir(
        given: tf.Tensor, total: tf.Tensor, strength: tf.Tensor, seed: tf.Tensor, place: tf.Tensor
    ) -> tf.Tensor:
        num_terms = (
            math.prod(tf.shape(given)[axis] for axis in axes)
            if axes
            else tf.size(given) / tf.size(total)
        )
        num_terms = tf.cast(num_terms, tf.float32)
        noise = tf.random.stateless_normal(tf.shape(total), [seed, place])
        noise *= strength * tf.sqrt(num_terms)
        return total * (1 + tf.where(num_terms < LEAST_TERMS, 0.0, noise))

    floats, number = tf.TensorSpec(None, tf.float32), tf.TensorSpec((), tf.int32)
    traced = tf.function(stir, autograph=False)
    made = traced.get_concrete_function(
        floats, floats, tf.TensorSpec((), tf.float32), number, number
    )
    function_def = FunctionDef()
    function_def.CopyFrom(made.function_def)
    function_def.signature.name = name
    return function_def
