"""The graph of a TensorFlow Lite file, built operator by operator.

TensorFlow runs each builder: inside of a tf.function it makes nodes, outside of one it computes
values, which is how the initial values of variables are found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef

from pipeline.errors import ConversionError, FormatError, PipelineError
from pipeline.tf.reasons import format_reason
from pipeline.tf.tflite.call import (
    Call,
    Row,
    State,
    Value,
    cut,
    end_dtype,
    hold,
    hold_constant,
    is_held_as_integers,
)
from pipeline.tf.tflite.constants import read_constant
from pipeline.tf.tflite.flex import PREFIX, build_flex, read_node
from pipeline.tf.tflite.operators import HELD, REAL, REFUSED, UNKNOWN
from pipeline.tf.tflite.tflite_model import Operator, SubGraph, Tensor, TfliteModel
from pipeline.tf.unsupported import refuse_operators
from pipeline.tf.untrusted.refuse import check_trusted_graph


def check_operators(model: TfliteModel) -> None:
    """Raise for operators that cannot be converted.

    Raises:
        ConversionError: The message lists them, each with its number, places and the reason.
    """
    places: dict[str, list[str]] = {}
    for operator in model.operators:
        if not _is_known(operator):
            places.setdefault(operator.name, []).append(operator.place)
    if places:
        raise refuse_operators(
            places, {name: REFUSED.get(name, UNKNOWN) for name in places}, page="docs/tflite.md"
        )


def _is_known(operator: Operator) -> bool:
    if operator.is_custom and operator.name.startswith(PREFIX):
        return True
    return operator.name in REAL or operator.name in HELD


def check_flex(model: TfliteModel) -> None:
    """Raise where a Flex operator carries an op that may touch the machine.

    Raises:
        UntrustedSourceError: It does; the message names the op.
        FormatError: It carries no op.
    """
    graph = GraphDef()
    for operator in model.operators:
        if operator.is_custom and operator.name.startswith(PREFIX):
            graph.node.append(read_node(operator))
    check_trusted_graph(graph)


@dataclass(kw_only=True)
class GraphBuilder:
    """Builds the subgraphs of a file.

    Attributes:
        model: The file.
        state: What the operators share.
    """

    model: TfliteModel
    state: State = field(init=False)
    _open: list[int] = field(default_factory=list)
    _constants: dict[tuple[int, int], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state = State(model=self.model, build=self.build)

    def build(self, index: int, inputs: Sequence[Value]) -> list[Value]:
        """Build a subgraph.

        Args:
            index: Its number.
            inputs: Held value of each of its inputs.

        Returns:
            The held value of each of its outputs.

        Raises:
            FormatError: The file is damaged.
            ConversionError: An operator has no equal in TensorFlow.
        """
        if not 0 <= index < len(self.model.subgraphs):
            self.model.bytes.fail("subgraphs", f"there is no subgraph {index}")
        if index in self._open:
            self.model.bytes.fail(f"subgraphs[{index}]", "it runs itself")
        graph = self.model.subgraphs[index]
        if len(inputs) != len(graph.inputs):
            self.model.bytes.fail(
                f"subgraphs[{index}]",
                f"it has {len(graph.inputs)} inputs, and is given {len(inputs)}",
            )
        self._open.append(index)
        try:
            values = dict(zip(graph.inputs, inputs, strict=True))
            for operator in graph.operators:
                self._run(index, graph, operator, values)
            return [
                self._find(index, graph, number, values, "its output") for number in graph.outputs
            ]
        finally:
            self._open.pop()

    def _run(
        self, index: int, graph: SubGraph, operator: Operator, values: dict[int, Value]
    ) -> None:
        call = Call(
            operator=operator,
            inputs=[graph.tensors[n] if n >= 0 else None for n in operator.inputs],
            outputs=[graph.tensors[n] for n in operator.outputs],
            held=[
                None if n < 0 else self._find(index, graph, n, values, operator.label)
                for n in operator.inputs
            ],
            state=self.state,
            intermediates=[graph.tensors[n] if n >= 0 else None for n in operator.intermediates],
        )
        try:
            made = _compute(call)
        except PipelineError:
            raise
        except Exception as error:
            raise ConversionError(
                f"{operator.label}: TensorFlow cannot build it: {format_reason(error)}",
                hint="the file may be damaged: TensorFlow Lite checks shapes when it runs it",
            ) from error
        if len(made) < len(call.outputs):
            self.model.bytes.fail(
                operator.place, f"{operator.name} has {len(call.outputs)} outputs"
            )
        values |= zip(operator.outputs, made, strict=False)

    def _find(
        self, index: int, graph: SubGraph, number: int, values: Mapping[int, Value], reader: str
    ) -> Value:
        """Return the held value of a tensor: computed before, or a constant."""
        if number in values:
            return values[number]
        if (index, number) not in self._constants:
            tensor = graph.tensors[number]
            if tensor.data is None and not _is_empty(tensor) and not tensor.is_variable:
                raise FormatError(
                    f"{self.model.bytes.name}: {reader} reads {tensor.place} ({tensor.name!r}) "
                    "before anything writes it",
                    hint="fetch the file again, or write it again with tf.lite.TFLiteConverter",
                )
            self._constants[index, number] = self._load(tensor)
        return self._constants[index, number]

    def _load(self, tensor: Tensor) -> Any:
        if tensor.data is None and tensor.is_variable:
            shape = [size or 1 for size in tensor.shape or ()]
            if int(np.prod(shape, dtype=np.float64)) > 2**28:
                self.model.bytes.fail(tensor.place, f"a state of shape {tensor.shape}")
            return np.zeros(shape, np.float32)
        return hold_constant(read_constant(tensor, self.model.bytes), tensor)


def _is_empty(tensor: Tensor) -> bool:
    return tensor.shape is not None and 0 in tensor.shape


def _compute(call: Call) -> list[Value]:
    """Return the held values of an operator's outputs."""
    operator = call.operator
    if operator.name in HELD:
        return _as_list(HELD[operator.name].build(call))
    row = Row(build=build_flex) if operator.name not in REAL else REAL[operator.name]
    quantized = [tensor for tensor in call.outputs if is_held_as_integers(tensor)]
    if quantized and row.integer is not None:
        return _as_list(row.integer(call))
    if quantized and row.moves and (moved := _as_moved(call)):
        return _as_list(row.build(moved))
    made = _as_list(row.build(call))
    return [
        _cut(hold(value, tensor), tensor) for value, tensor in zip(made, call.outputs, strict=False)
    ]


def _cut(value: Value, tensor: Tensor) -> Value:
    """Return values within the limits of a tensor."""
    if tensor.cut is None:
        return value
    low, high = tensor.cut
    if np.isinf(low):
        return tf.minimum(value, np.float32(high))
    return tf.maximum(value, np.float32(low)) if np.isinf(high) else cut(value, low, high)


def _as_list(made: Any) -> list[Value]:
    return list(made) if isinstance(made, list | tuple) else [made]


def _as_moved(call: Call) -> Call | None:
    """Return a call that takes held numbers for values; None where scales differ."""
    ends = [*(tensor for tensor in call.inputs if tensor), *call.outputs]
    known = [tensor.quantization for tensor in ends if is_held_as_integers(tensor)]
    first = known[0]
    assert first is not None
    if not all(first.same(other) for other in known) or call.option("fusedActivationFunction") > 1:
        return None

    return call.of_held(call.held)


def enter(value: Any, tensor: Tensor) -> Value:
    """Return the held value of an input, from a tensor of the file's dtype."""
    if is_held_as_integers(tensor):
        assert tensor.quantization is not None
        return tf.cast(value, tf.float32) - np.float32(tensor.quantization.zero_point)
    return hold(value, tensor)


def leave(held: Value, tensor: Tensor) -> Any:
    """Return the value of an output, in the dtype that the graph has for that of the file."""
    if is_held_as_integers(tensor):
        assert tensor.quantization is not None
        held = held + np.float32(tensor.quantization.zero_point)
    wanted = end_dtype(tensor)
    value = tf.convert_to_tensor(held)
    return value if value.dtype == wanted else tf.cast(value, wanted)
