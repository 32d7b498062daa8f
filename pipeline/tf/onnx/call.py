"""A call of an operator: what its rule sees of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import ConversionError, FormatError
from pipeline.tf.layout.sizes import Size
from pipeline.tf.layout.value import Value, constant, held_dtype, wrap
from pipeline.tf.onnx.listed import Listed
from pipeline.tf.onnx.onnx_graph import Graph, Node

Build = Callable[[Graph, Mapping[str, Value]], list[Value]]


@dataclass(kw_only=True)
class State:
    """What the operators of all graphs share while a model is built.

    Attributes:
        build: Builds a graph inside of an operator, from its values around it and its inputs by
            name; returns its outputs.
        notes: What to tell of the graph, without repetition.
        columns: The names of the places along the last axis of values, by name of the value.
        names: The names of the numbers of outputs of the graph, by name of the output.
        axis_sizes: Open sizes of axes that the graph asks for, and products of them.
    """

    build: Build
    notes: dict[str, None] = field(default_factory=dict)
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    axis_sizes: set[Size] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Call:
    """An operator with its inputs.

    Attributes:
        node: The operator.
        inputs: The value of each of its inputs; None for one that is left out.
        dtypes: The dtype of each of its outputs; None where inference does not know it.
        scope: All values around it by name, which the graphs inside of it may read.
        state: What all operators share.
    """

    node: Node
    inputs: Sequence[Value | None]
    dtypes: Sequence[str | None]
    scope: Mapping[str, Value]
    state: State

    @property
    def version(self) -> int:
        """Version of the operator's domain that the file asks for."""
        return self.node.version

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute; the default where the node does not state it."""
        return self.node.attributes.get(name, default)

    def has(self, index: int) -> bool:
        """Return whether an input is there."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def value(self, index: int) -> Value:
        """Return an input.

        Raises:
            FormatError: It is left out.
        """
        found = self.inputs[index] if index < len(self.inputs) else None
        if found is None:
            raise FormatError(f"{self.node.label} lacks input {index}")
        return found

    def optional(self, index: int) -> Value | None:
        """Return an input; None where it is left out."""
        return self.value(index) if self.has(index) else None

    def plain(self, index: int) -> Any:
        """Return an input as a tensor, its axes in the model's order."""
        return self.value(index).plain

    def known(self, index: int) -> Any:
        """Return an input as an array; None where it is left out or computed."""
        value = self.inputs[index] if index < len(self.inputs) else None
        return value.array if value is not None and value.is_known else None

    def require(self, index: int, what: str) -> Any:
        """Return an input that has to be known, as an array.

        Raises:
            ConversionError: It is computed.
        """
        found = self.known(index)
        if found is None and self.has(index):
            raise self.refuse(f"its {what} is computed")
        return self.value(index).array if found is None else found

    def whole_numbers(self, index: int, attribute: str, *, below: int) -> Any:
        """Return whole numbers that older versions have as an attribute, newer ones as an input.

        Args:
            index: The input.
            attribute: The attribute.
            below: The first version that has the input.

        Returns:
            A list; None where they are left out.
        """
        if self.version < below:
            found = self.attribute(attribute)
            return None if found is None else [int(n) for n in found]
        if not self.has(index):
            return None
        return [int(n) for n in np.atleast_1d(self.require(index, attribute))]

    def axis(self, default: int, rank: int | None = None, name: str = "axis") -> int:
        """Return an axis that is an attribute, counted from the front.

        Raises:
            FormatError: There is no such axis.
        """
        return self.from_front(
            int(self.attribute(name, default)), self.value(0).rank if rank is None else rank
        )

    def from_front(self, axis: int, rank: int) -> int:
        """Return an axis counted from the front.

        Raises:
            FormatError: There is no such axis.
        """
        if not -rank <= axis < max(rank, 1):
            raise FormatError(f"{self.node.label}: there is no axis {axis} among {rank}")
        return axis % rank if rank else 0

    def refuse(self, why: str, *, hint: str | None = None) -> ConversionError:
        """Return the error for an operator in a form that has no equal in TensorFlow.

        Args:
            why: What of the operator has none.
            hint: What to do; by default, to read what can be converted.
        """
        page = "onnx" if self.node.written is None else "openvino"
        return ConversionError(
            f"{self.node.label}: {why}, which cannot be converted",
            hint=hint or f"docs/{page}.md lists what can be converted",
        )

    def replaced(self, inputs: Sequence[Value | None], **attributes: Any) -> "Call":
        """Return the same call with other inputs, and with attributes in place of its own."""
        node = replace(self.node, attributes={**self.node.attributes, **attributes})
        return replace(self, inputs=inputs, node=node)

    def finish(self, made: Any) -> list[Value]:
        """Return what a rule made as values: tensors are in the model's order of axes."""
        parts = list(made) if isinstance(made, list | tuple) else [made]
        return [self._finish_one(part, index) for index, part in enumerate(parts)]

    def _finish_one(self, made: Any, index: int) -> Value:
        if isinstance(made, Value | Listed):
            return made  # type: ignore[return-value]  # rules of sequences look for lists
        dtype = self.dtypes[index] if index < len(self.dtypes) else None
        if isinstance(made, np.ndarray | np.generic):
            return constant(np.asarray(made), dtype)
        tensor = tf.convert_to_tensor(made)
        return wrap(tensor, dtype or self._guess_dtype(tensor))

    def _guess_dtype(self, tensor: Any) -> str:
        """Return the dtype of an output that inference does not know: that of a fitting input."""
        for value in self.inputs:
            if value is not None and held_dtype(value.dtype) == tensor.dtype:
                return value.dtype
        names = {tf.float32: "float32", tf.int32: "int64", tf.bool: "bool", tf.string: "str"}
        return names.get(tensor.dtype) or str(tensor.dtype.name)


Rule = Callable[[Call], Any]
"""Returns the outputs of an operator: values, or tensors and arrays in the model's axes."""

Table = Mapping[str, Rule]
