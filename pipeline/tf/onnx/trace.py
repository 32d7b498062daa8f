"""The function of TensorFlow that an ONNX graph is."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from pipeline.errors import ConversionError
from pipeline.tf.freeze_function import node_name
from pipeline.tf.layout.sizes import new_size
from pipeline.tf.layout.value import Category, Order, Value, constant, held_dtype, natural, wrap
from pipeline.tf.onnx.build_graph import GraphBuilder
from pipeline.tf.onnx.listed import Listed
from pipeline.tf.onnx.onnx_graph import End


def trace_graph(
    builder: GraphBuilder,
    *,
    constants: Mapping[str, Any] | None = None,
    orders: Mapping[str, Order] | None = None,
    shapes: Mapping[str, tuple[int | None, ...]] | None = None,
) -> Any:
    """Return the concrete function of a model: inputs and outputs in its order, by position.

    Args:
        builder: Builds the graph.
        constants: Values of inputs that are written into the graph, by name; these are no inputs
            of the function.
        orders: The order of axes that inputs have in the function, by name; else the model's.
        shapes: Sizes of inputs in the place of the model's own, by name.

    Raises:
        FormatError: The file is damaged.
        ConversionError: An operator, or an input, has no equal in TensorFlow.
    """
    graph = builder.model.graph
    fixed = {name: constant(array) for name, array in (constants or {}).items()}
    ends = [end for end in graph.inputs if end.name not in fixed]
    specs = [
        describe_input(end, number, orders or {}, shapes or {}) for number, end in enumerate(ends)
    ]

    def run(*tensors: Any) -> list[Any]:
        values = dict(fixed)
        for end, tensor in zip(ends, tensors, strict=True):
            values[end.name] = enter_input(end, tensor, (orders or {}).get(end.name))
        return build_outputs(builder, values)

    return tf.function(run, input_signature=specs, autograph=False).get_concrete_function()


def build_outputs(builder: GraphBuilder, values: Mapping[str, Value]) -> list[Any]:
    """Build a graph of TensorFlow; return its outputs in the model's order of axes.

    Args:
        builder: Builds the graph.
        values: The values of the model's inputs by name.

    Raises:
        FormatError: The file is damaged.
        ConversionError: An operator, or an output, has no equal in TensorFlow.
    """
    graph = builder.model.graph
    made = builder.build(graph, values)
    for end, value in zip(graph.outputs, made, strict=True):
        if isinstance(value, Listed):
            raise ConversionError(
                f"output {end.name!r} is a sequence or optional value, not a tensor"
            )
        if isinstance(value.dtype, Category):
            builder.state.names[end.name] = value.dtype.names
    return [tf.identity(value.plain) for value in made]


def describe_input(
    end: End,
    number: int,
    orders: Mapping[str, Order],
    shapes: Mapping[str, tuple[int | None, ...]],
) -> tf.TensorSpec:
    """Return the type of an input of the function.

    Raises:
        ConversionError: TensorFlow has no such dtype, or the number of axes is not stated.
    """
    sizes = shapes.get(end.name) or end.sizes
    if end.dtype is None:
        what = "of no known dtype" if end.kind == "tensor" else f"a {end.kind}, and no tensor"
        raise ConversionError(f"input {end.name!r} is {what}, which cannot be converted")
    if sizes is None:
        raise ConversionError(
            f"input {end.name!r} states no number of axes",
            hint=f"state its shape: `inputs: {{{end.name}: {{shape: […]}}}}`",
        )
    order = orders.get(end.name) or natural(len(sizes))
    shape = [size if isinstance(size, int) else None for size in (sizes[axis] for axis in order)]
    return tf.TensorSpec(shape, held_dtype(end.dtype), name=node_name(end.name, number))


def enter_input(end: End, tensor: Any, order: Order | None) -> Value:
    """Return the value of an input; open sizes of one name are equal."""
    order = order or natural(tensor.shape.rank)
    sizes: list[Any] = [None] * len(order)
    for axis, number in enumerate(order):
        stated = end.sizes[number] if end.sizes else None
        if tensor.shape[axis] is None:
            sizes[number] = new_size(tensor, axis, stated if isinstance(stated, str) else None)
    assert end.dtype is not None
    return wrap(tensor, end.dtype, order=order, sizes=sizes)
