"""Shapes: the size of each axis of a tensor, None where it is unknown.

In JSON a size that is unknown is -1, and a shape whose number of axes is unknown is null.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

Shape = tuple[int | None, ...] | None
"""(None, 224, 224, 3), or None where even the number of axes is unknown."""


def parse_sizes(wire: Sequence[int] | None) -> Shape:
    """Return a shape from its JSON value: [-1, 3] is (None, 3)."""
    return None if wire is None else tuple(None if size < 0 else size for size in wire)


def format_sizes(shape: Shape) -> list[int] | None:
    """Return the JSON value of a shape: (None, 3) is [-1, 3]."""
    return None if shape is None else [-1 if size is None else size for size in shape]


def _parse(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    # A tuple also where a size is no number, so that the error names that size.
    return tuple(None if type(size) is int and size < 0 else size for size in value)


JsonShape = Annotated[
    Shape, BeforeValidator(_parse), PlainSerializer(format_sizes, return_type=list[int] | None)
]
"""A shape as a field of a record."""
