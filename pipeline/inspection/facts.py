"""Facts: what is known of tensors before a graph runs.

A `Call` is a node with the facts of what it reads: all that a rule of shape inference sees.
Attributes are in protobuf JSON, where numbers are decimal strings, bytes are base64 (in old
files lists of codes), and what is at its default is left out. It opens no file.
"""

import base64
import binascii
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.tfjs.model.inference import Shape, parse_shape
from pipeline.tfjs.model.topology import Node

# Values are followed for what sizes and axes are computed from, which is small.
MAX_VALUES = 64

# Contents of an integer tensor, row-major; None for an element that is not known.
Values = tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What is known of a tensor.

    Attributes:
        shape: Size of each axis, None where unknown; None for the whole when their number is.
        values: Its contents where it holds few integers, else None.
        held: Of a resource the shape of the variable behind it.
    """

    shape: Shape = None
    values: Values | None = None
    held: Shape = None

    @property
    def ndim(self) -> int | None:
        """Number of axes."""
        return None if self.shape is None else len(self.shape)

    @property
    def size(self) -> int | None:
        """Number of elements."""
        return count_elements(self.shape)

    @property
    def scalar(self) -> int | None:
        """The only value."""
        return self.values[0] if self.values is not None and len(self.values) == 1 else None

    @property
    def known_values(self) -> tuple[int, ...] | None:
        """The values, where every one is known."""
        if self.values is None:
            return None
        known = tuple(value for value in self.values if value is not None)
        return known if len(known) == len(self.values) else None


UNKNOWN = Fact()


@dataclass(frozen=True, kw_only=True)
class Call:
    """A node and the facts of the tensors that it reads."""

    node: Node
    inputs: Sequence[Fact]

    def fact(self, index: int) -> Fact:
        """Return what is known of an input; nothing where it has none of that number."""
        within = -len(self.inputs) <= index < len(self.inputs)
        return self.inputs[index] if within else UNKNOWN

    def integer(self, name: str, default: int = 0) -> int:
        """Return an attribute that is a whole number."""
        return int(self._attr(name).get("i", default))

    def flag(self, name: str) -> bool:
        """Return an attribute that is true or false; false by default."""
        return bool(self._attr(name).get("b"))

    def integers(self, name: str) -> tuple[int, ...]:
        """Return an attribute that is a list of whole numbers."""
        listed = self._attr(name).get("list")
        return tuple(int(n) for n in listed.get("i") or ()) if isinstance(listed, Mapping) else ()

    def text(self, name: str, default: str = "") -> str:
        """Return an attribute that is a text."""
        wire = self._attr(name).get("s")
        return default if wire is None else _decode(wire)

    def shapes(self, name: str) -> list[Shape]:
        """Return an attribute that is a list of shapes."""
        listed = self._attr(name).get("list")
        wire = listed.get("shape") or () if isinstance(listed, Mapping) else ()
        return [parse_shape(shape) for shape in wire]

    def shape(self, name: str) -> Shape:
        """Return an attribute that is a shape."""
        return parse_shape(self._attr(name).get("shape"))

    def function(self, name: str) -> str | None:
        """Return the name of the function in an attribute."""
        wire = self._attr(name).get("func")
        return str(wire["name"]) if isinstance(wire, Mapping) and "name" in wire else None

    def axis(self, index: int, ndim: int | None) -> int | None:
        """Return an axis that an input holds, counted from the front; None where unknown."""
        return count_axis(self.fact(index).scalar, ndim)

    def _attr(self, name: str) -> Mapping[str, Any]:
        value = self.node.attrs.get(name)
        return value if isinstance(value, Mapping) else {}


def count_axis(axis: int | None, ndim: int | None) -> int | None:
    """Return an axis counted from the front, None where it or their number is unknown."""
    if axis is None or ndim is None or not -ndim <= axis < ndim:
        return None
    return axis % ndim


def count_elements(shape: Shape) -> int | None:
    """Return the number of elements of a shape, None where a size is unknown."""
    if shape is None:
        return None
    sizes = [size for size in shape if size is not None]
    if 0 in sizes:
        return 0
    return math.prod(sizes) if len(sizes) == len(shape) else None


def _decode(wire: Any) -> str:
    if isinstance(wire, str):
        try:
            return base64.b64decode(wire, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return wire
    try:
        return bytes(wire).decode("utf-8", "replace")
    except (TypeError, ValueError):
        return ""
