"""Files that compute the same in another form, for the interpreter to run as a reference.

Three things of a file are put in a form that TensorFlow.js has, and operators that the interpreter
lacks are taken out:

- Weights of 8 bits under activations of float32 ("dynamic range"): the interpreter rounds the
  activations of each run to 8 bits, which is noise; with the same weights as float32 it does not.
- Whole numbers that stand for real values, where the float form of a model is asked for: its
  tensors are float32, and results are cut to the limits of the numbers.
- Resource variables: what is read becomes an input, what is assigned becomes an output.

All are written with the generated classes of the schema.
"""

from collections.abc import Mapping, Sequence
from copy import copy
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
    "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN", "CONV_3D", "SVDF",
}  # fmt: skip
# Between real values and whole numbers; or of a constant, which is written as a dense one.
_BETWEEN_FORMS = {"QUANTIZE", "DEQUANTIZE", "DENSIFY"}
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
        target = written.subgraphs[index].tensors[tensor.index]
        target.type = _FLOAT32
        target.buffer = _add_buffer(np.frombuffer(values.tobytes(), np.uint8), written)
        target.quantization = target.sparsity = None
    return _pack(written)


def write_float_form(model: TfliteModel) -> bytes:
    """Return the file of a float form.

    Args:
        model: The float form of a model, of `make_float_form`, which has the bytes of the integer
            form.
    """
    written = _unpack(model)
    codes = _Codes(written)
    for graph, target in zip(model.subgraphs, written.subgraphs, strict=True):
        numbers = {
            tensor.index for tensor in graph.tensors if _write_tensor(tensor, target, written)
        }
        operators = []
        for operator, own in zip(graph.operators, target.operators, strict=True):
            changed = numbers & {*operator.inputs, *operator.outputs}
            copies = changed and operator.name in _BETWEEN_FORMS
            kept = _copy(operator, codes) if copies else own
            operators += [kept, *_write_cuts(kept, graph, target, written, codes)]
        target.operators = operators
    return _pack(written)


def _write_tensor(tensor: Tensor, target: Any, written: Any) -> bool:
    """Write a tensor as float32 if the float form has it so and the file has not."""
    own = target.tensors[tensor.index]
    if tensor.dtype != "float32" or own.type == _FLOAT32:
        return False
    own.type, own.quantization, own.sparsity = _FLOAT32, None, None
    if tensor.data is not None:
        own.buffer = _add_buffer(tensor.data, written)
    return True


def _write_cuts(own: Any, graph: SubGraph, target: Any, written: Any, codes: "_Codes") -> list[Any]:
    """Return the operators that cut the results of an operator; it writes to new tensors."""
    added: list[Any] = []
    outputs = list(own.outputs)
    for place, number in enumerate(own.outputs):
        cut = graph.tensors[number].cut
        sides = () if cut is None else zip(("MAXIMUM", "MINIMUM"), cut, strict=True)
        source = -1
        for name, limit in sides:
            if np.isfinite(limit):
                if source < 0:
                    source = outputs[place] = _add_tensor(target, copy(target.tensors[number]))
                edge = _add_scalar(target, limit, written)
                made = _add_tensor(target, copy(target.tensors[number]))
                added.append(_apply(codes.add(name), [source, edge], made))
                source = made
        if source >= 0:
            added[-1].outputs = [number]
    own.outputs = outputs
    return added


class _Codes:
    """The operator codes of a file, which more are added to."""

    def __init__(self, written: Any) -> None:
        self._written = written
        self._added: dict[str, int] = {}

    def add(self, name: str) -> int:
        """Return the number of the code of an operator, added if it is new."""
        if name not in self._added:
            code = schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
            code.version = 1
            self._written.operatorCodes.append(code)
            self._added[name] = len(self._written.operatorCodes) - 1
        return self._added[name]


def _copy(operator: Operator, codes: _Codes) -> Any:
    """Return an operator that copies the first input of another: the greater one of it twice."""
    return _apply(codes.add("MAXIMUM"), [operator.inputs[0]] * 2, operator.outputs[0])


def _apply(code: int, inputs: Sequence[int], output: int) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, list(inputs), [output]
    operator.builtinOptionsType = schema.BuiltinOptions.MaximumMinimumOptions
    operator.builtinOptions = schema.MaximumMinimumOptionsT()
    return operator


def _add_scalar(target: Any, value: float, written: Any) -> int:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = "limit", [], _FLOAT32
    tensor.buffer = _add_buffer(np.frombuffer(np.float32(value).tobytes(), np.uint8), written)
    return _add_tensor(target, tensor)


def _add_tensor(target: Any, tensor: Any) -> int:
    target.tensors.append(tensor)
    return len(target.tensors) - 1


def _add_buffer(data: Any, written: Any) -> int:
    buffer = schema.BufferT()
    buffer.data = data
    written.buffers.append(buffer)
    return len(written.buffers) - 1


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


def write_without(model: TfliteModel, subgraph: int, operators: Sequence[Operator]) -> bytes:
    """Return the file without some operators of a subgraph.

    What they return follows the other inputs, what they take follows the other outputs.
    """
    written = _unpack(model)
    graph, target = model.subgraphs[subgraph], written.subgraphs[subgraph]
    target.operators = [
        own
        for operator, own in zip(graph.operators, target.operators, strict=True)
        if operator not in operators
    ]
    made = [number for operator in operators for number in operator.outputs]
    taken = {number for operator in operators for number in operator.inputs}
    computed = {number for operator in graph.operators for number in operator.outputs}
    target.inputs = [*graph.inputs, *made]
    kept = [number for number in graph.outputs if number not in made]
    target.outputs = list(dict.fromkeys([*kept, *sorted(taken & computed - set(made))]))
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
