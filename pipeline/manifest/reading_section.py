"""Reading: how outputs become results, as a manifest states it.

What a name means in a model (an output, a role, a number of classes) is checked when the model is
there: `steps/card.py`.
"""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from pipeline.catalog.known_sets import POINT_SETS, label_sets
from pipeline.errors import SourceError
from pipeline.fetch.address.beside import is_address, name_of
from pipeline.fetch.address.source import parse_source
from pipeline.manifest.fault import format_value
from pipeline.manifest.fields import Role, Section, Text, fault
from pipeline.records.reading import Gate, Kind, Order
from pipeline.text.suggest import did_you_mean, find_similar, join_words

LABEL_FILE_SUFFIXES = (".txt", ".json", ".csv")


def _check_labels(value: Any) -> Any:
    if isinstance(value, dict) and value:
        return {key: _check_names(names) for key, names in value.items()}
    return _check_names(value)


def _check_names(value: Any) -> Any:
    """Check a list of names, a known set, or a file beside the manifest or elsewhere."""
    if isinstance(value, list) and value and all(isinstance(one, str) and one for one in value):
        return value
    if not isinstance(value, str) or not value:
        raise fault(f"found {format_value(value)}; expected a list of names, a known set or a file")
    if is_address(value):
        return _check_address(value)
    if value in label_sets() or value.endswith(LABEL_FILE_SUFFIXES):
        return value
    similar = did_you_mean(find_similar(value, label_sets()))
    raise fault(
        f"found {value!r}{similar}; expected {join_words(label_sets())}, a list of names, or a "
        f"file ({', '.join(LABEL_FILE_SUFFIXES)})"
    )


def _check_address(text: str) -> str:
    """Check the address of a file; "#path" alone is checked with the source (`check.py`)."""
    try:
        name = text if text.startswith("#") else name_of(parse_source(text))
    except SourceError as error:
        raise fault(error.message) from None
    if not name.endswith(LABEL_FILE_SUFFIXES):
        raise fault(f"found {text!r}; expected a file ({', '.join(LABEL_FILE_SUFFIXES)})")
    return text


def _check_points(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value in POINT_SETS:
        known = POINT_SETS[value]
        return {"names": list(known.names), "edges": [list(edge) for edge in known.edges]}
    similar = did_you_mean(find_similar(value, list(POINT_SETS)))
    raise fault(
        f"found {value!r}{similar}; expected {join_words(list(POINT_SETS))}, or names: and edges:"
    )


_NAMES_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
    ]
}
Labels = Annotated[
    Any,
    BeforeValidator(_check_labels),
    WithJsonSchema(
        {
            "anyOf": [
                *_NAMES_SCHEMA["anyOf"],
                {"type": "object", "additionalProperties": _NAMES_SCHEMA, "minProperties": 1},
            ]
        }
    ),
]
"""Names of classes: a list, a known set, a file or its address, for all outputs or for each."""

Positive = Annotated[int, Field(gt=0)]
Pair = Annotated[tuple[float, float], Field(strict=False)]
Edge = Annotated[tuple[int, int], Field(strict=False)]


class PointsSection(Section):
    """The points that a model finds."""

    names: tuple[Text, ...] = Field(strict=False)
    """Their names in order."""

    edges: tuple[Edge, ...] = Field(default=(), strict=False)
    """Pairs of points that belong together, by number from 0."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for edge in self.edges:
            if not all(0 <= point < len(self.names) for point in edge):
                raise fault(f"found the edge {list(edge)}; there are {len(self.names)} points")
        return self


Points = Annotated[PointsSection, BeforeValidator(_check_points)]
"""The points that a model finds: a known set, or names and edges."""


class DecodeSection(Section):
    """How boxes follow from outputs that have a row for each cell of grids over the image."""

    kind: Kind
    """`anchors`: each row is a centre and a size, as offsets from an anchor (SSD, BlazeFace);
    `distances`: from the middle of a cell to left, top, right and bottom (NanoDet, FCOS)."""

    boxes: tuple[Text, ...] = Field(min_length=1, strict=False)
    """Outputs with the numbers of the boxes: one for all grids, or several in the order of
    `strides`."""

    scores: tuple[Text, ...] = Field(min_length=1, strict=False)
    """Outputs with their scores, in the same order."""

    strides: tuple[Positive, ...] = Field(min_length=1, strict=False)
    """For each grid the size of a cell in pixels of the input."""

    per_cell: tuple[Positive, ...] | None = Field(default=None, strict=False)
    """For each grid the number of anchors in a cell. Left out, one, or as `anchors` has them."""

    anchors: tuple[Annotated[tuple[Pair, ...], Field(strict=False)], ...] | None = Field(
        default=None, strict=False
    )
    """For each grid the width and height of the anchors in a cell, as fractions of the input. Left
    out, offsets are in pixels of the input, as BlazeFace has them."""

    variances: Pair | None = None
    """What offsets of the centre and logarithms of the size are multiplied by: `[0.1, 0.2]` for
    SSD. It belongs to `anchors`."""

    order: Order = "yx"
    """Whether x or y comes first in a row of `anchors`."""

    activation: Gate = "none"
    """What makes probabilities of the scores: `sigmoid`, `softmax`, or `none` where the graph has
    done it."""

    background: bool = False
    """Whether the first column of the scores is no class."""

    offset: float = 0.5
    """Where in its cell an anchor is: 0.5 is the middle."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        grids = len(self.strides)
        if len(self.boxes) != len(self.scores):
            raise fault(
                f"found {len(self.boxes)} boxes and {len(self.scores)} scores; expected as many"
            )
        if len(self.boxes) not in {1, grids}:
            raise fault(f"found {len(self.boxes)} boxes for {grids} strides; expected 1 or {grids}")
        for name in ("per_cell", "anchors"):
            listed = getattr(self, name)
            if listed is not None and len(listed) != grids:
                raise fault(
                    f"found {len(listed)} of {name!r} for {grids} strides; expected {grids}"
                )
        if (self.anchors is None) != (self.variances is None):
            raise fault("expected 'anchors' and 'variances' together, or neither")
        if self.anchors is not None and self.per_cell is not None:
            raise fault("found 'anchors' and 'per_cell'; the anchors are as many as a cell has")
        if self.kind == "distances" and (self.anchors or self.per_cell):
            raise fault("found 'anchors' or 'per_cell'; kind: distances has none")
        return self


Conventions = dict[Role, dict[Text, str | int]]
"""Conventions of roles: `{boxes: {order: yxyx}}`."""
