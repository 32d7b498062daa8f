"""The float form of an integer model: the same operators and weights, with real values.

Each tensor of whole numbers with a scale becomes float32: constants have the exact values that
their numbers stand for, computed tensors are not rounded any more. A rounded tensor also ends at
the least and greatest number of its dtype, which models make use of: a RELU6 may be nothing but a
range. So the float form cuts the same values off, where an operator could return them.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.tf.tflite.call import hold_constant, is_held_as_integers, limits, real_limits
from pipeline.tf.tflite.constants import read_constant
from pipeline.tf.tflite.flatbuffer import Bytes
from pipeline.tf.tflite.operators import HELD, REAL
from pipeline.tf.tflite.tflite_model import Operator, SubGraph, Tensor, TfliteModel

Limits = tuple[float, float]

_NO_LIMITS = (-np.inf, np.inf)
# Least and greatest result of fused activations, by their code.
_ACTIVATIONS: dict[int, Limits] = {1: (0.0, np.inf), 2: (-1.0, 1.0), 3: (0.0, 6.0), 4: (-1.0, 1.0)}
_RESULTS: dict[str, Limits] = {
    "ABS": (0.0, np.inf), "LOGISTIC": (0.0, 1.0), "L2_NORMALIZATION": (-1.0, 1.0),
    "LOG_SOFTMAX": (-np.inf, 0.0), "RELU": (0.0, np.inf), "RELU6": (0.0, 6.0),
    "RELU_0_TO_1": (0.0, 1.0), "RELU_N1_TO_1": (-1.0, 1.0), "SOFTMAX": (0.0, 1.0),
    "TANH": (-1.0, 1.0),
}  # fmt: skip
# Their results lie between those of their inputs.
_BETWEEN = {
    "AVERAGE_POOL_2D", "MAX_POOL_2D", "MAXIMUM", "MEAN", "MINIMUM", "RELU", "RELU6",
    "RESIZE_BILINEAR",
}  # fmt: skip
_WITH_BIAS = {
    "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "CONV_3D", "LSTM",
    "UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM", "SVDF",
}  # fmt: skip
_FIRST_BIAS = 2


def has_integer_form(model: TfliteModel) -> bool:
    """Return whether a model computes whole numbers that stand for real ones."""
    return any(
        tensor.data is None and is_held_as_integers(tensor)
        for graph in model.subgraphs
        for tensor in graph.tensors
    )


def make_float_form(model: TfliteModel) -> TfliteModel:
    """Return the float form of a model; its bytes are still those of the integer form.

    Raises:
        FormatError: A constant is damaged.
    """
    return replace(model, subgraphs=[_make_float(graph, model.bytes) for graph in model.subgraphs])


def _make_float(graph: SubGraph, source: Bytes) -> SubGraph:
    biases = {
        number
        for operator in graph.operators if operator.name in _WITH_BIAS
        for number in operator.inputs[_FIRST_BIAS:]
    }  # fmt: skip
    makers = {number: each for each in graph.operators for number in each.outputs}
    tensors = []
    for tensor in graph.tensors:
        if tensor.data is not None:
            tensors.append(_make_constant(tensor, source, biases))
        elif is_held_as_integers(tensor):
            maker = makers.get(tensor.index)
            cut = _find_cut(tensor, maker, graph) if maker else None
            tensors.append(replace(tensor, dtype="float32", quantization=None, cut=cut))
        else:
            tensors.append(tensor)
    return replace(graph, tensors=tensors)


def _make_constant(tensor: Tensor, source: Bytes, biases: Collection[int]) -> Tensor:
    """Return a constant with the real values that its numbers stand for."""
    known = tensor.quantization
    is_bias = tensor.index in biases and tensor.dtype in ("int32", "int64")
    if known is None or not known.scale or not (is_bias or is_held_as_integers(tensor)):
        return tensor
    held = hold_constant(read_constant(tensor, source), tensor)
    shape = [1] * held.ndim
    if len(known.scales) > 1:
        shape[known.axis] = -1
    scales = known.scales if len(known.scales) > 1 else known.scales[:1]
    # A bias has more digits than float32.
    values = held.astype(np.float64 if is_bias else np.float32) * scales.reshape(shape)
    data = np.frombuffer(values.astype("<f4").tobytes(), np.uint8)
    return replace(tensor, dtype="float32", quantization=None, sparsity=None, data=data)


def _find_cut(tensor: Tensor, maker: Operator, graph: SubGraph) -> Limits | None:
    """Return the limits that a quantized tensor puts to the results of its operator, if any."""
    if maker.name in HELD:
        return None
    assert tensor.quantization is not None
    step = float(tensor.quantization.scale)
    low, high = real_limits(tensor)
    least, greatest = _find_results(maker, graph)
    # 1.0 is no number of a tensor for 0 to 1: a step more is what rounding does.
    bounds = (low if least < low - step else -np.inf, high if greatest > high + step else np.inf)
    return None if bounds == _NO_LIMITS else bounds


def _find_results(operator: Operator, graph: SubGraph) -> Limits:
    """Return the least and greatest real value that an operator can return, by its form."""
    found = [_RESULTS.get(operator.name, _NO_LIMITS)]
    activation = getattr(operator.options, "fusedActivationFunction", 0) or 0
    found.append(_ACTIVATIONS.get(activation, _NO_LIMITS))
    row = REAL.get(operator.name)
    if operator.name in _BETWEEN or (row is not None and row.moves):
        taken = [graph.tensors[number] for number in operator.inputs if number >= 0]
        inner = [real_limits(each) for each in taken if is_held_as_integers(each)]
        if inner:
            found.append((min(low for low, _ in inner), max(high for _, high in inner)))
    return max(low for low, _ in found), min(high for _, high in found)


def to_numbers(value: Any, tensor: Tensor) -> Any:
    """Return the numbers of a tensor that are nearest to real values."""
    known = tensor.quantization
    if known is None or not is_held_as_integers(tensor):
        return value
    low, high = limits(tensor)
    return np.clip(np.rint(np.asarray(value) / known.scale), low, high) + known.zero_point


def to_real(value: Any, tensor: Tensor) -> Any:
    """Return the real values of the numbers of a tensor."""
    known = tensor.quantization
    if known is None or not is_held_as_integers(tensor):
        return value
    return (value.astype(np.float32) - np.float32(known.zero_point)) * known.scale
