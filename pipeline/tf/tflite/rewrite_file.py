"""Files that compute the same in another form, for the interpreter to run as a reference.

Two things of a file have no equal in TensorFlow.js, and are put in a form that has one:

- Weights of 8 bits under activations of float32 ("dynamic range"): the interpreter rounds the
  activations of each run to 8 bits, which is noise; with the same weights as float32 it does not.
- Resource variables: what is read becomes an input, what is assigned becomes an output.

Both are written with the generated classes of the schema.
"""

from collections.abc import Mapping
from typing import Any

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from pipeline.tf.tflite.call import hold_constant
from pipeline.tf.tflite.constants import read_constant
from pipeline.tf.tflite.tflite_model import Operator, SubGraph, Tensor, TfliteModel
from pipeline.tf.tflite.variables import Variable

_HYBRID = {
    "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL", "LSTM",
    "UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM", "RNN",
    "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN", "CONV_3D",
}  # fmt: skip
_FLOAT32 = int(schema.TensorType.FLOAT32)


def find_hybrid_weights(model: TfliteModel) -> list[tuple[int, Tensor]]:
    """Return the weights of 8 bits under activations of float32, each with its subgraph."""
    found: dict[tuple[int, int], Tensor] = {}
    for index, graph in enumerate(model.subgraphs):
        for operator in graph.operators:
            if operator.name in _HYBRID and _returns_float(operator, graph):
                for number in operator.inputs:
                    tensor = graph.tensors[number] if number >= 0 else None
                    if tensor is not None and _is_small(tensor):
                        found[index, number] = tensor
    return [(index, tensor) for (index, _), tensor in found.items()]


def _returns_float(operator: Operator, graph: SubGraph) -> bool:
    return any(graph.tensors[number].dtype == "float32" for number in operator.outputs)


def _is_small(tensor: Tensor) -> bool:
    known = tensor.data is not None and tensor.quantization is not None
    return known and tensor.dtype in ("int8", "int4", "uint8")


def write_float_weights(model: TfliteModel) -> bytes:
    """Return the file with its hybrid weights as float32: their exact values."""
    written = _unpack(model)
    for index, tensor in find_hybrid_weights(model):
        known = tensor.quantization
        assert known is not None
        held = hold_constant(read_constant(tensor, model.bytes), tensor)
        shape = [1] * held.ndim
        shape[known.axis if len(known.scales) > 1 else 0] = -1
        scales = known.scales if len(known.scales) > 1 else known.scales[:1]
        values = (held * scales.reshape(shape)).astype(np.float32)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        written.buffers.append(buffer)
        target = written.subgraphs[index].tensors[tensor.index]
        target.type, target.buffer = _FLOAT32, len(written.buffers) - 1
        target.quantization = target.sparsity = None
    return _pack(written)


def write_state_as_ends(
    model: TfliteModel, subgraph: int, variables: Mapping[str, Variable]
) -> bytes:
    """Return the file with inputs and outputs in place of the variables of a subgraph.

    What it returns for the variables follows the other outputs, in their order; what it takes
    follows the other inputs.
    """
    written = _unpack(model)
    graph, target = model.subgraphs[subgraph], written.subgraphs[subgraph]
    current: dict[str, int] = {}
    replaced: dict[int, int] = {}
    names: dict[int, str] = {}
    kept = []
    for operator, own in zip(graph.operators, target.operators, strict=True):
        inputs = [replaced.get(number, number) for number in operator.inputs]
        own.inputs = np.array(inputs, np.int32)
        match operator.name:
            case "VAR_HANDLE":
                names[operator.outputs[0]] = _text(operator.options.sharedName)
            case "READ_VARIABLE":
                name, number = names[operator.inputs[0]], operator.outputs[0]
                replaced[number] = current.setdefault(name, number)
            case "ASSIGN_VARIABLE":
                current[names[operator.inputs[0]]] = inputs[1]
            case "CALL_ONCE":
                pass
            case _:
                kept.append(own)
    target.operators = kept
    target.inputs = [*graph.inputs, *(each.read for each in variables.values())]
    outputs = [replaced.get(number, number) for number in graph.outputs]
    target.outputs = [*outputs, *(current[name] for name in variables)]
    written.signatureDefs = []
    return _pack(written)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def _unpack(model: TfliteModel) -> Any:
    content = bytearray(model.bytes.content)
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))


def _pack(written: Any) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(written.Pack(builder), b"TFL3")
    return bytes(builder.Output())
