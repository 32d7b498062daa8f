"""A call of an operator: what its builder sees of it.

A tensor of 8 or 16 bits with a scale is held in the graph as float32 that are whole numbers:
number - zero_point. Their sums are exact below 2^24, in whatever order they are added. All else
is held as it is; TensorFlow.js has no small integers, so those without a scale are int32.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import ConversionError, FormatError
from pipeline.tf.tflite.tflite_model import Operator, Quantization, Tensor, TfliteModel

Value = Any
"""A tensor of TensorFlow, or an array of numpy where the value is known."""

_RANGES = {
    "int4": (-8, 7), "int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767),
}  # fmt: skip
_SMALL = {"int4", "int8", "uint8", "int16", "uint16", "uint32"}


@dataclass(kw_only=True)
class State:
    """What the operators of all subgraphs share while a graph is built.

    Attributes:
        model: The file.
        build: Builds a subgraph of it: its number, held inputs in, held outputs out.
        variables: Held value of each resource variable by name.
        notes: What to tell of the graph, without repetition.
        kernels: Number of values of each kernel of whole numbers, by its content.
    """

    model: TfliteModel
    build: Callable[[int, Sequence[Value]], list[Value]]
    variables: dict[str, Value] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    kernels: dict[int, int] = field(default_factory=dict)


def is_held_as_integers(tensor: Tensor) -> bool:
    """Return whether a tensor is held as whole numbers in float32."""
    known = tensor.quantization
    return known is not None and tensor.dtype in _RANGES and bool(known.scale)


def held_dtype(tensor: Tensor) -> tf.DType:
    """Return the dtype that a tensor has in the graph."""
    if is_held_as_integers(tensor):
        return tf.float32
    if tensor.dtype in _SMALL:
        return tf.int32
    if tensor.dtype in ("bfloat16", "float64"):
        return tf.float32
    return tf.as_dtype(tensor.dtype)


def end_dtype(tensor: Tensor) -> tf.DType:
    """Return the dtype of an input or output in the graph: TensorFlow.js has none of 16 bits."""
    return tf.int32 if tensor.dtype in ("int16", "uint16") else tf.as_dtype(tensor.dtype)


def limits(tensor: Tensor) -> tuple[float, float]:
    """Return the least and the greatest held number of a quantized tensor."""
    known = _quantization(tensor)
    low, high = _RANGES[tensor.dtype]
    # Weights of 8 bits never are -128, activations may be.
    return float(low - known.zero_point), float(high - known.zero_point)


def real_limits(tensor: Tensor) -> tuple[float, float]:
    """Return the least and the greatest real value that a number of a quantized tensor has."""
    scale = _quantization(tensor).scale
    low, high = (float(np.float32(limit) * scale) for limit in limits(tensor))
    return low, high


def dequantize(held: Value, tensor: Tensor) -> Value:
    """Return the real values of held numbers."""
    return held * _quantization(tensor).scale


def quantize(real: Value, tensor: Tensor) -> Value:
    """Return the held numbers of real values: the nearest that there are."""
    return cut(tf.round(real * reciprocal(tensor)), *limits(tensor))


def scale_of(tensor: Tensor) -> np.float32:
    """Return the scale of a quantized tensor."""
    return _quantization(tensor).scale


def reciprocal(tensor: Tensor) -> np.float32:
    """Return the factor from real values to numbers, as XNNPACK has it: 1 / scale in float32."""
    return np.float32(np.float32(1) / _quantization(tensor).scale)


def cut(value: Value, low: float, high: float) -> Value:
    """Return float32 values within two limits: one op, where tf.clip_by_value has two."""
    if not low < high:  # wasm wants a range
        return tf.clip_by_value(value, low, high)
    # Names that TensorFlow gives are ten times as long, and stand three times in a model.json.
    return tf.raw_ops.ClipByValue(
        t=value,
        clip_value_min=tf.constant(low, tf.float32, name="low"),
        clip_value_max=tf.constant(high, tf.float32, name="high"),
        name="clip",
    )


def hold(value: Value, tensor: Tensor) -> Value:
    """Return how a real value is held."""
    if is_held_as_integers(tensor):
        return quantize(tf.cast(value, tf.float32), tensor)
    if isinstance(value, np.ndarray):
        return value
    return tf.cast(value, held_dtype(tensor))


def _quantization(tensor: Tensor) -> Quantization:
    if tensor.quantization is None or not tensor.quantization.scale:
        raise ConversionError(f"tensor {tensor.index} ({tensor.name}) has no scale")
    return tensor.quantization


@dataclass(frozen=True, kw_only=True)
class Call:
    """An operator with its inputs.

    Attributes:
        operator: The operator.
        inputs: Its tensors; None for an input that is left out.
        outputs: Its tensors.
        held: Held value of each input: a tensor, or an array where it is a constant.
        state: What all operators share.
        intermediates: Tensors with the scales of inner values.
    """

    operator: Operator
    inputs: Sequence[Tensor | None]
    outputs: Sequence[Tensor]
    held: Sequence[Value]
    state: State
    intermediates: Sequence[Tensor | None] = ()

    def option(self, name: str, default: Any = 0) -> Any:
        """Return an option; the schema's default where the operator has no options."""
        value = getattr(self.operator.options, name, None)
        return default if value is None else value

    def has(self, index: int) -> bool:
        """Return whether an input is there."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def spec(self, index: int) -> Tensor:
        """Return the tensor of an input.

        Raises:
            FormatError: It is left out.
        """
        found = self.inputs[index] if index < len(self.inputs) else None
        if found is None:
            raise FormatError(
                f"{self.operator.label} lacks input {index}",
                hint="fetch the file again, or write it again with tf.lite.TFLiteConverter",
            )
        return found

    def real(self, index: int) -> Value:
        """Return the real value of an input, numpy where it is known."""
        spec = self.spec(index)
        held = self.held[index]
        if not is_held_as_integers(spec):
            return held
        known = _quantization(spec)
        if isinstance(held, np.ndarray) and len(known.scales) > 1:
            return _scale_along(held, known)
        return dequantize(held, spec)

    def of_held(self, held: Sequence[Value]) -> "Call":
        """Return the same call with other held numbers, which stand for themselves."""

        def plain(tensor: Tensor | None) -> Tensor | None:
            if tensor is None or not is_held_as_integers(tensor):
                return tensor
            return replace(tensor, quantization=None, dtype="float32")

        return replace(self, held=held, inputs=[plain(tensor) for tensor in self.inputs])

    def bias(self, index: int) -> Value:
        """Return the real value of a bias, which may be int32 with a scale."""
        spec = self.spec(index)
        known = spec.quantization
        if known is None or spec.dtype not in ("int32", "int64"):
            return self.real(index)
        scales = known.scales if len(known.scales) > 1 else known.scale
        return (self.held[index].astype(np.float64) * scales).astype(np.float32)

    def known(self, index: int) -> Any:
        """Return the values of an input as an array; None where it is computed."""
        value = self.real(index)
        if isinstance(value, np.ndarray):
            return value
        static = tf.get_static_value(value)
        return None if static is None else np.asarray(static)

    def require(self, index: int, what: str) -> Any:
        """Return the values of an input that has to be a constant.

        Raises:
            ConversionError: It is computed.
        """
        value = self.known(index)
        if value is None:
            raise self.refuse(f"its {what} is computed")
        return value

    def refuse(self, why: str) -> ConversionError:
        """Return the error for an operator in a form that has no equal in TensorFlow."""
        return ConversionError(
            f"{self.operator.label}: {why}, which cannot be converted",
            hint="docs/tflite.md lists what can be converted",
        )


def _scale_along(held: Any, known: Quantization) -> Any:
    shape = [1] * held.ndim
    shape[known.axis] = -1
    return held * known.scales.reshape(shape).astype(np.float32)


def hold_constant(values: Any, tensor: Tensor) -> Any:
    """Return a constant as it is held: whole numbers in float32, or as in the file."""
    if is_held_as_integers(tensor):
        known = _quantization(tensor)
        shape = [1] * values.ndim
        if len(known.scales) > 1:
            shape[known.axis] = -1
        zero_points = known.zero_points if len(known.scales) > 1 else known.zero_points[:1]
        return (values.astype(np.int64) - zero_points.reshape(shape)).astype(np.float32)
    if tensor.dtype in _SMALL or tensor.dtype in ("bfloat16", "float64"):
        return values.astype(held_dtype(tensor).as_numpy_dtype)
    return values


Build = Callable[[Call], Any]


@dataclass(frozen=True, kw_only=True)
class Row:
    """How an operator is built.

    Attributes:
        build: Returns the real values of its outputs, from the real values of its inputs.
        moves: Whether its outputs hold numbers of its first input, so that they need no rounding
            where the scales are the same.
        integer: Returns held numbers from held numbers, where an output is quantized; None to
            compute with real values and round.
    """

    build: Build
    moves: bool = False
    integer: Build | None = None


Table = Mapping[str, Row]


def rows(builds: Mapping[str, Build], *, moves: bool = False) -> dict[str, Row]:
    """Return rows of builders."""
    return {name: Row(build=build, moves=moves) for name, build in builds.items()}


def activate(value: Value, code: int) -> Value:
    """Return a value with the fused activation of an operator: 0 for none."""
    match code:
        case 1:
            return tf.nn.relu(value)
        case 2:
            return tf.clip_by_value(value, -1.0, 1.0)
        case 3:
            return tf.nn.relu6(value)
        case 4:
            return tf.tanh(value)
        case _:
            return value
