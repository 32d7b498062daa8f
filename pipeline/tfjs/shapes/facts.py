"""Facts: what is known of tensors before a graph runs.

A `Call` is a node with the facts of its inputs. It is all that a rule of shape inference sees.
Attributes are in protobuf JSON: numbers are decimal strings, bytes are base64 (in old files lists
of codes), and a field at its default is left out. It opens no file.
"""

import base64
import binascii
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.records.shape import Shape
from pipeline.tfjs.model.inference import parse_shape
from pipeline.tfjs.model.topology import Node

# Sizes and axes are computed from few values; longer tensors are not followed.
MAX_VALUES = 64

# Sizes of the axes of a tensor whose number of axes is known.
Sizes = tuple[int | None, ...]
# Contents of an integer tensor, row-major; None for an element that is not known.
Values = tuple[int | None, ...]


class NotKnownError(Exception):
    """A rule needs a fact that is not known.

    Attributes:
        shape: What is known of the result all the same: (None, None) for two axes.
    """

    def __init__(self, ndim: int | None = None) -> None:
        super().__init__()
        self.shape: Shape = None if ndim is None else (None,) * ndim


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What is known of a tensor.

    Attributes:
        shape: Size of each axis, None where unknown; None if even their number is unknown.
        values: Its contents if it holds few integers, else None.
        held: Of a resource the shape of its variable, of a tensor list that of an element.
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
    def length(self) -> int | None:
        """Size of the first axis."""
        return self.shape[0] if self.shape else None

    @property
    def scalar(self) -> int | None:
        """The only value."""
        return self.values[0] if self.values is not None and len(self.values) == 1 else None


UNKNOWN = Fact()


@dataclass(frozen=True, kw_only=True)
class Call:
    """A node and the facts of the tensors that it reads.

    `sizes`, `values`, `numbers` and `axis` raise NotKnownError if the fact is not known.
    """

    node: Node
    inputs: Sequence[Fact]

    def fact(self, index: int) -> Fact:
        """Return what is known of an input; nothing if the node has no such input."""
        within = -len(self.inputs) <= index < len(self.inputs)
        return self.inputs[index] if within else UNKNOWN

    def sizes(self, index: int, *, ndim: int | None = None) -> Sizes:
        """Return the shape of an input.

        Args:
            index: Number of the input.
            ndim: Number of axes that the op demands, for an input of unknown shape.
        """
        shape = self.fact(index).shape
        if shape is None and ndim is not None:
            return (None,) * ndim
        if shape is None or ndim not in (None, len(shape)):
            raise NotKnownError
        return shape

    def values(self, index: int, *, ndim: int | None = None) -> Values:
        """Return the contents of an input; `ndim` is the result's number of axes otherwise."""
        values = self.fact(index).values
        if values is None:
            raise NotKnownError(ndim)
        return values

    def numbers(self, index: int, *, ndim: int | None = None) -> tuple[int, ...]:
        """Return the contents of an input, every one of them known; `ndim` as in `values`."""
        values = self.values(index, ndim=ndim)
        known = tuple(value for value in values if value is not None)
        if len(known) != len(values):
            raise NotKnownError(ndim)
        return known

    def axis(self, index: int, ndim: int, *, left: int | None = None) -> int:
        """Return an axis that an input holds, counted from the front.

        Args:
            index: Number of the input.
            ndim: Number of axes to count from.
            left: The result's number of axes if the axis is not known.
        """
        return count_axis(self.fact(index).scalar, ndim, left=left)

    def integer(self, name: str, default: int = 0) -> int:
        """Return an attribute that is a whole number."""
        return int(self._attr(name).get("i", default))

    def flag(self, name: str) -> bool:
        """Return an attribute that is true or false; false by default."""
        return bool(self._attr(name).get("b"))

    def integers(self, name: str) -> tuple[int, ...]:
        """Return an attribute that is a list of whole numbers."""
        return tuple(int(number) for number in self._listed(name, "i"))

    def text(self, name: str, default: str = "") -> str:
        """Return an attribute that is a text: "SAME" of "U0FNRQ=="."""
        wire = self._attr(name).get("s")
        return default if wire is None else _decode(wire)

    def shape(self, name: str) -> Shape:
        """Return an attribute that is a shape."""
        return parse_shape(self._attr(name).get("shape"))

    def shapes(self, name: str) -> list[Shape]:
        """Return an attribute that is a list of shapes."""
        return [parse_shape(shape) for shape in self._listed(name, "shape")]

    def function(self, name: str) -> str:
        """Return the name of the function in an attribute, "" if there is none."""
        wire = self._attr(name).get("func")
        return str(wire.get("name") or "") if isinstance(wire, Mapping) else ""

    def _attr(self, name: str) -> Mapping[str, Any]:
        value = self.node.attrs.get(name)
        return value if isinstance(value, Mapping) else {}

    def _listed(self, name: str, kind: str) -> Sequence[Any]:
        listed = self._attr(name).get("list")
        return listed.get(kind) or () if isinstance(listed, Mapping) else ()


def count_axis(axis: int | None, ndim: int, *, left: int | None = None) -> int:
    """Return an axis counted from the front.

    Raises:
        NotKnownError: The axis is unknown, or there is no such axis; the result has `left` axes.
    """
    if axis is None or not -ndim <= axis < ndim:
        raise NotKnownError(left)
    return axis % ndim


def count_elements(shape: Shape) -> int | None:
    """Return the number of elements of a shape, None if a size is unknown."""
    if shape is None:
        return None
    if 0 in shape:
        return 0
    return combine(lambda *sizes: math.prod(sizes), *shape)


def combine(function: Callable[..., int | None], *sizes: int | None) -> int | None:
    """Return the result of a function of sizes, None if one of them is unknown."""
    return None if None in sizes else function(*sizes)


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
