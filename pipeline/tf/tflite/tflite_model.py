"""The types of a TensorFlow Lite file.

A file holds subgraphs; a subgraph has tensors by number, and operators that run in the order of
the file. `read_tflite` reads them; this module opens no file, and builds no graph.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from tensorflow.lite.python import schema_py_generated as schema

from pipeline.records.shape import Shape
from pipeline.tf.tflite.flatbuffer import Bytes, Table

Array = npt.NDArray[Any]


def names_of(enum: type) -> dict[int, str]:
    """Return the names of an enum of the schema by value: {0: "ADD", ...}."""
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


OPERATORS = names_of(schema.BuiltinOperator)
DTYPES = {value: name.lower() for value, name in names_of(schema.TensorType).items()}


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """How whole numbers stand for real ones: real = scale * (number - zero_point).

    Attributes:
        scales: One for the whole tensor, or one for each index of `axis`.
        zero_points: As many.
        axis: The axis that the scales go along.
    """

    scales: Array
    zero_points: Array
    axis: int

    @property
    def scale(self) -> np.float32:
        """The only scale, or the first."""
        return np.float32(self.scales[0])

    @property
    def zero_point(self) -> int:
        """The only zero point, or the first."""
        return int(self.zero_points[0])

    def same(self, other: "Quantization | None") -> bool:
        """Return whether equal numbers of both stand for equal values."""
        return (
            other is not None
            and len(self.scales) == len(other.scales) == 1
            and self.scale == other.scale
            and self.zero_point == other.zero_point
        )


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A tensor of a subgraph.

    Attributes:
        index: Its number.
        name: Its name in the file, which may be empty or used twice.
        shape: Size of each axis, None where it is open.
        dtype: Name of its data type: "float32".
        quantization: Scale and zero point; None for numbers that stand for themselves.
        data: Bytes of a constant; None for a tensor that is computed.
        sparsity: Table of how a sparse constant is stored, or None.
        is_variable: Whether the interpreter keeps its value from run to run.
        place: The path to it in the file.
        cut: Least and greatest value, which its operator's results are cut to; None to leave
            them. Only the float form of an integer model has it.
    """

    index: int
    name: str
    shape: Shape
    dtype: str
    quantization: Quantization | None
    data: Array | None
    sparsity: Table | None
    is_variable: bool
    place: str
    cut: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Operator:
    """An operator.

    Attributes:
        name: Its name: "CONV_2D", or that of a custom operator.
        is_custom: Whether it is a custom operator.
        version: Version of its kernel.
        inputs: Numbers of tensors, -1 for one that is left out.
        outputs: Numbers of tensors.
        options: The generated object of its options; None where it has none.
        custom_options: Bytes of the options of a custom operator.
        intermediates: Numbers of tensors with the scales of inner values.
        place: The path to it in the file.
    """

    name: str
    is_custom: bool
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any
    custom_options: bytes
    intermediates: tuple[int, ...]
    place: str

    @property
    def label(self) -> str:
        """The operator for messages: "CONV_2D (subgraphs[0].operators[3])"."""
        return f"{self.name} ({self.place})"


@dataclass(frozen=True, kw_only=True)
class SubGraph:
    """A graph of a file."""

    name: str
    tensors: Sequence[Tensor]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: Sequence[Operator]


@dataclass(frozen=True, kw_only=True)
class SignatureDef:
    """Names of the inputs and outputs of a subgraph: numbers of tensors by name."""

    key: str
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    subgraph: int


@dataclass(frozen=True, kw_only=True)
class TfliteModel:
    """A TensorFlow Lite file."""

    bytes: Bytes
    description: str
    subgraphs: Sequence[SubGraph]
    signatures: Sequence[SignatureDef]
    metadata: Mapping[str, Array]

    @cached_property
    def operators(self) -> Sequence[Operator]:
        """All operators, of all subgraphs."""
        return [operator for graph in self.subgraphs for operator in graph.operators]
