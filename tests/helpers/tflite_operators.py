"""TensorFlow Lite files of a single operator, for operators that the converter does not write.

They are written with the classes of the schema; `tflite_models` puts them beside the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

Input = Any
"""An array for a constant, a shape for an input, a State, or None for an input left out."""


@dataclass(frozen=True, kw_only=True)
class State:
    """A tensor that the interpreter keeps."""

    shape: tuple[int, ...]


def write_operator(
    name: str, inputs: Sequence[Input], outputs: Sequence[tuple[int, ...]], **options: Any
) -> bytes:
    """Return a file with one operator of float32.

    Args:
        name: Name of the operator.
        inputs: Its inputs.
        outputs: Shapes of its outputs.
        options: `kind`, the class of its options, and their values.
    """
    model, graph, operator = schema.ModelT(), schema.SubGraphT(), schema.OperatorT()
    model.version, model.buffers = 3, [schema.BufferT()]
    graph.tensors, graph.inputs, graph.outputs = [], [], []
    operator.inputs, operator.outputs = [], []
    for each in inputs:
        operator.inputs.append(-1 if each is None else len(graph.tensors))
        if each is not None:
            if isinstance(each, tuple):
                graph.inputs.append(len(graph.tensors))
            graph.tensors.append(_tensor(f"input_{len(graph.tensors)}", each, model))
    for shape in outputs:
        operator.outputs.append(len(graph.tensors))
        graph.outputs.append(len(graph.tensors))
        graph.tensors.append(_tensor(f"output_{len(graph.outputs)}", shape, model))
    kind = options.pop("kind")
    operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
    operator.builtinOptions = getattr(schema, f"{kind}T")()
    for option, value in options.items():
        setattr(operator.builtinOptions, option, value)
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 1
    graph.operators, model.operatorCodes, model.subgraphs = [operator], [code], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(name: str, value: Input, model: Any) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.buffer = name, 0
    if isinstance(value, State):
        tensor.shape, tensor.isVariable = list(value.shape), True
    elif isinstance(value, tuple):
        tensor.shape = list(value)
    else:
        tensor.shape, tensor.buffer = list(value.shape), len(model.buffers)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(value.tobytes(), np.uint8)
        model.buffers.append(buffer)
    return tensor


def write_recurrent(name: str) -> bytes:
    """Return a file with a recurrent operator: 5 steps of 2 samples of 3 numbers, 4 cells."""
    stream = np.random.default_rng(7)

    def weights(*shape: int) -> Any:
        return stream.normal(0, 0.5, shape).astype(np.float32)

    def gates(*shape: int) -> list[Any]:
        return [weights(*shape) for _ in range(4)]

    def one_way() -> list[Any]:
        return [*gates(4, 3), *gates(4, 4), None, None, None, *gates(4), None, None]

    def plain() -> list[Any]:
        return [weights(4, 3), weights(4, 4), weights(4), State(shape=(2, 4))]

    tanh, own, made = 4, (5, 2, 3), (5, 2, 4)
    if name == "lstm_with_all":
        peephole, norm = [weights(4) for _ in range(3)], gates(4)
        inputs = [own, *gates(4, 3), *gates(4, 3), *peephole, *gates(4), weights(3, 4), weights(3)]
        states = [State(shape=(2, 3)), State(shape=(2, 4))]
        return write_operator(
            "UNIDIRECTIONAL_SEQUENCE_LSTM", [*inputs, *states, *norm], [(5, 2, 3)],
            kind="UnidirectionalSequenceLSTMOptions", timeMajor=True,
            fusedActivationFunction=tanh, cellClip=0.4, projClip=0.3,
        )  # fmt: skip
    if name == "lstm_both_ways":
        states = [State(shape=(2, 4)) for _ in range(4)]
        return write_operator(
            "BIDIRECTIONAL_SEQUENCE_LSTM", [own, *one_way(), *one_way(), *states, *[None] * 9],
            [made, made], kind="BidirectionalSequenceLSTMOptions", timeMajor=True,
            fusedActivationFunction=tanh,
        )  # fmt: skip
    if name == "svdf":
        return write_operator(
            "SVDF", [(2, 3), weights(8, 3), weights(8, 5), weights(4), State(shape=(2, 40))],
            [(2, 4)], kind="SVDFOptions", rank=2, fusedActivationFunction=1,
        )  # fmt: skip
    return write_operator(
        "BIDIRECTIONAL_SEQUENCE_RNN", [(2, 5, 3), *plain(), *plain(), None, None, None],
        [(2, 5, 8)], kind="BidirectionalSequenceRNNOptions", mergeOutputs=True,
        fusedActivationFunction=tanh,
    )  # fmt: skip


def write_integer_svdf() -> bytes:
    """Return SVDF of int8: 2 samples of 3 numbers, 8 filters of rank 2 over 5 steps."""
    stream = np.random.default_rng(8)

    def numbers(scale: float, dtype: type, *shape: int) -> Any:
        return np.rint(stream.normal(0, 0.4, shape) / scale).astype(dtype)

    scales = [1 / 64, 1 / 64, 2**-12, 2**-22, 2**-10, 1 / 32]
    constants = [
        numbers(scale, dtype, *shape)
        for scale, dtype, shape in (
            (scales[1], np.int8, (8, 3)),
            (scales[2], np.int16, (8, 5)),
            (scales[3], np.int32, (4,)),
        )
    ]
    content = write_operator(
        "SVDF", [(2, 3), *constants, State(shape=(2, 40))], [(2, 4)], kind="SVDFOptions", rank=2,
        fusedActivationFunction=1,
    )  # fmt: skip
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(bytearray(content), 0))
    model.operatorCodes[0].version = 3
    types = ["INT8", "INT8", "INT16", "INT32", "INT16", "INT8"]
    for tensor, scale, name in zip(model.subgraphs[0].tensors, scales, types, strict=True):
        tensor.type = getattr(schema.TensorType, name)
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [0]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def write_composite() -> bytes:
    """Return a composite of StableHLO, as converters of PyTorch and JAX write it: x * x, twice."""
    content = write_operator("MUL", [(2, 3), (2, 3)], [(2, 3)], kind="MulOptions")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(bytearray(content), 0))
    inner = model.subgraphs[0]
    inner.operators[0].inputs = [0, 0]
    inner.inputs, inner.outputs = [0], [2]
    outer = schema.SubGraphT()
    outer.tensors = [_tensor(f"value_{number}", (2, 3), model) for number in range(3)]
    outer.inputs, outer.outputs, outer.operators = [0], [2], []
    for number in range(2):
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = 1, [number], [number + 1]
        operator.builtinOptions2Type = schema.BuiltinOptions2.StableHLOCompositeOptions
        operator.builtinOptions2 = schema.StableHLOCompositeOptionsT()
        operator.builtinOptions2.name = "squared"
        operator.builtinOptions2.decompositionSubgraphIndex = 1
        outer.operators.append(operator)
    code = schema.OperatorCodeT()
    code.builtinCode = schema.BuiltinOperator.STABLEHLO_COMPOSITE
    code.deprecatedBuiltinCode, code.version = 127, 1
    model.operatorCodes.append(code)
    model.subgraphs = [outer, inner]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
