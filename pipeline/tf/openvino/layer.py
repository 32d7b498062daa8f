"""An operation of OpenVINO: what the rule sees of it that says it in operators of ONNX."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.errors import ConversionError
from pipeline.tf.onnx.onnx_graph import STANDARD, Graph, Node
from pipeline.tf.openvino.element_types import onnx_type

VERSION = 24
"""The version of ONNX's operators that graphs are written in."""

Sizes = tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Port:
    """An input or output of an operation.

    Attributes:
        name: The name of its value in the graph; "" for an output that has none yet.
        dtype: Its dtype, by numpy's name; OpenVINO's name for a type that numpy has not.
        sizes: The size of each axis, None for an open one; None where their number is open.
        array: Its value where it is a constant, else None.
    """

    name: str
    dtype: str
    sizes: Sizes | None
    array: Any = None


@dataclass(kw_only=True)
class Nodes:
    """The nodes and constants of a graph that is being written.

    Attributes:
        names: Names that are taken, in all graphs of the model.
        nodes: The nodes so far.
        constants: The constants so far, by name.
        dtypes: The dtypes of values, by name.
        sizes: The sizes of values, by name.
    """

    names: set[str]
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    dtypes: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, tuple[int | str | None, ...]] = field(default_factory=dict)

    def new_name(self, wanted: str) -> str:
        """Return a name that no other value has."""
        name, number = wanted, 1
        while name in self.names:
            name, number = f"{wanted}_{number}", number + 1
        self.names.add(name)
        return name


@dataclass(frozen=True, kw_only=True)
class Layer:
    """An operation with its inputs.

    Attributes:
        op: Its type: "Convolution".
        opset: The set that defines it: "opset1".
        name: Its name in the file.
        attributes: Its attributes.
        inputs: Its inputs.
        outputs: Its outputs; they have no names yet.
        bodies: The graphs inside of it, with the ends that connect them.
        made: Where its nodes are written.
        is_read: For each output, whether anything reads it.
    """

    op: str
    opset: str
    name: str
    attributes: Mapping[str, Any]
    inputs: Sequence[Port]
    outputs: Sequence[Port]
    made: Nodes
    bodies: Sequence[Any] = ()
    is_read: Sequence[bool] = ()

    @property
    def label(self) -> str:
        """What messages call it: 'Convolution "conv1"'."""
        return f'{self.op} "{self.name}"'

    @property
    def names(self) -> list[str]:
        """The names of its inputs' values."""
        return [port.name for port in self.inputs]

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute; the default where the operation has none."""
        return self.attributes.get(name, default)

    def has(self, index: int) -> bool:
        """Return whether an input is there."""
        return index < len(self.inputs)

    def reads(self, index: int) -> bool:
        """Return whether anything reads an output."""
        return self.is_read[index] if index < len(self.is_read) else True

    def rank(self, index: int = 0) -> int:
        """Return the number of axes of an input.

        Raises:
            ConversionError: It is open.
        """
        return len(self.sizes(index))

    def sizes(self, index: int = 0) -> Sizes:
        """Return the sizes of an input.

        Raises:
            ConversionError: Their number is open.
        """
        found = self.inputs[index].sizes
        if found is None:
            raise self.refuse(f"input {index} has an open number of axes")
        return found

    def known(self, index: int) -> Any:
        """Return an input that is a constant, as an array; None where it is computed or missing."""
        return self.inputs[index].array if index < len(self.inputs) else None

    def require(self, index: int, what: str) -> Any:
        """Return an input that has to be a constant, as an array.

        Raises:
            ConversionError: It is computed.
        """
        found = self.known(index)
        if found is None:
            raise self.refuse(f"its {what} is computed")
        return found

    def numbers(self, index: int, what: str) -> list[int]:
        """Return an input of whole numbers that has to be a constant."""
        return [int(n) for n in np.ravel(self.require(index, what))]

    def axis(self, axis: int, rank: int | None = None) -> int:
        """Return an axis counted from the front.

        Raises:
            ConversionError: There is no such axis.
        """
        count = self.rank() if rank is None else rank
        if not -count <= axis < max(count, 1):
            raise self.refuse(f"there is no axis {axis} among {count}")
        return axis % count if count else 0

    def refuse(self, why: str) -> ConversionError:
        """Return the error for an operation in a form that has no equal."""
        return ConversionError(
            f"{self.label}: {why}, which cannot be converted",
            hint="docs/openvino.md lists what can be converted",
        )

    def constant(self, array: Any, dtype: str | None = None) -> str:
        """Write a constant; return its name."""
        array = np.asarray(array, dtype) if dtype else np.asarray(array)
        name = self.made.new_name(f"{self.name}/constant")
        self.made.constants[name] = array
        return name

    def emit(
        self, op: str, inputs: Sequence[str], *, domain: str = STANDARD, **attributes: Any
    ) -> str:
        """Write a node with one output; return the name of its value."""
        return self.emit_many(op, inputs, 1, domain=domain, **attributes)[0]

    def emit_many(
        self,
        op: str,
        inputs: Sequence[str],
        count: int,
        *,
        domain: str = STANDARD,
        dtypes: Sequence[str] = (),
        **attributes: Any,
    ) -> list[str]:
        """Write a node; return the names of its values.

        Args:
            op: An operator of the domain.
            inputs: Names of values; "" for one that is left out.
            count: Number of its outputs.
            domain: Its domain.
            dtypes: Their dtypes, where they are known.
            attributes: Its attributes.
        """
        outputs = [self.made.new_name(f"{self.name}/{op}") for _ in range(count)]
        self.made.dtypes |= dict(zip(outputs, dtypes, strict=False))
        self.made.nodes.append(
            Node(
                op=op,
                domain=domain,
                version=VERSION,
                name=self.name,
                number=len(self.made.nodes),
                inputs=tuple(inputs),
                outputs=tuple(outputs),
                attributes=attributes,
                written=self.label,
            )
        )
        return outputs

    def cast(self, name: str, dtype: str) -> str:
        """Write a conversion to a dtype; return the name of its value."""
        return self.emit_many("Cast", [name], 1, dtypes=[dtype], to=onnx_type(dtype))[0]

    def transpose(self, name: str, axes: Sequence[int]) -> str:
        """Write a transposition; return the name of its value."""
        if list(axes) == list(range(len(axes))):
            return name
        return self.emit("Transpose", [name], perm=tuple(int(axis) for axis in axes))

    def reshape(self, name: str, sizes: Sequence[int]) -> str:
        """Write a reshaping, where -1 stands for the one open size and 0 for the same size."""
        return self.emit("Reshape", [name, self.constant(sizes, "int64")])

    def size(self, name: str, axis: int) -> str:
        """Write the size of an axis as a vector of one number; return the name of its value."""
        return self.emit("Shape", [name], start=axis, end=axis + 1)

    def unsqueeze(self, name: str, axes: Sequence[int]) -> str:
        """Write axes of size 1 into a value; return the name of its value."""
        return self.emit("Unsqueeze", [name, self.constant(axes, "int64")]) if axes else name

    def squeeze(self, name: str, axes: Sequence[int]) -> str:
        """Take axes of size 1 out of a value; return the name of its value."""
        return self.emit("Squeeze", [name, self.constant(axes, "int64")]) if axes else name

    def number(self, value: float, like: int = 0) -> str:
        """Write a number in the dtype of an input; return its name."""
        return self.constant(np.asarray(value).astype(self.inputs[like].dtype))


Rule = Callable[[Layer], Any]
"""Writes an operation; returns the name of its output's value, or a list of them."""

Table = Mapping[str, Rule]


@dataclass(frozen=True, kw_only=True)
class Body:
    """A graph inside of an operation.

    Attributes:
        graph: The graph; its inputs are those that differ from turn to turn.
        names: The name of each of its parameters, of those too that are values around it.
        given: For each of its inputs, how the operation feeds it.
        taken: What the operation returns of its outputs.
        places: For a loop: `current_iteration_input_idx` and `body_condition_output_idx`.
    """

    graph: Graph
    names: Sequence[str]
    given: Sequence[Mapping[str, Any]]
    taken: Sequence[Mapping[str, Any]]
    places: tuple[int, int] = (-1, -1)
