"""Reading: how outputs become results, as a manifest states it.

What a name means in a model (an output, a role, a number of classes) is checked when the model is
there: `steps/card.py`.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from pipeline.catalog.known_sets import POINT_SETS, label_sets
from pipeline.errors import SourceError
from pipeline.fetch.address.beside import is_address, name_of
from pipeline.fetch.address.source import parse_source
from pipeline.manifest.fault import format_value
from pipeline.manifest.fields import ROLE_PATTERN, Role, Section, Text, fault
from pipeline.records.reading import Form, Gate, Kind, Layout, Order, Scale
from pipeline.text.suggest import did_you_mean, find_similar, join_words
from pipeline.vocabulary.role_types import CONVENTIONS, Convention

_COLUMN = re.compile(r"(box|objectness|scores|points|rest)(?: \([1-9]\d{0,4}\))?")
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
        return _check_file(value, LABEL_FILE_SUFFIXES)
    if value in label_sets() or value.endswith(LABEL_FILE_SUFFIXES):
        return value
    others = f"a list of names, or a file ({', '.join(LABEL_FILE_SUFFIXES)})"
    raise _no_set(value, label_sets(), others)


def _no_set(value: str, known: Sequence[str], others: str) -> PydanticCustomError:
    """Return the fault of a text that is no known set, with the nearest one or with all."""
    similar = did_you_mean(find_similar(value, known))
    return fault(f"found {value!r}{similar or f'; expected {join_words(known)}, or {others}'}")


def _check_file(text: str, suffixes: tuple[str, ...]) -> str:
    """Check a path or the address of a file; "#path" alone has its source in `check.py`."""
    try:
        is_own = text.startswith("#") or not is_address(text)
        name = text if is_own else name_of(parse_source(text))
    except SourceError as error:
        raise fault(error.message) from None
    if not name.endswith(suffixes):
        raise fault(f"found {text!r}; expected a file ({', '.join(suffixes)})")
    return text


def _check_points(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value in POINT_SETS:
        known = POINT_SETS[value]
        return {"names": list(known.names), "edges": [list(edge) for edge in known.edges]}
    raise _no_set(value, list(POINT_SETS), "names: and edges:")


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

Tokenizer = Annotated[Text, AfterValidator(lambda text: _check_file(text, (".json",)))]
"""A tokenizer.json: its path or its address."""

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
    """How boxes follow from outputs that have a row for each candidate, as of a cell of a grid."""

    kind: Kind
    """`anchors`: each row is a centre and a size, as offsets from an anchor (SSD, BlazeFace,
    YOLOX); `distances`: from the middle of a cell to left, top, right and bottom (NanoDet, FCOS);
    `boxes`: each row has the box itself (YOLOv5, YOLOv8)."""

    boxes: tuple[Text, ...] = Field(min_length=1, strict=False)
    """Outputs with the numbers of the boxes: one for all grids, or several in the order of
    `strides`."""

    scores: tuple[Text, ...] = Field(default=(), strict=False)
    """Outputs with their scores, in the same order. Left out, where `columns` has them."""

    columns: tuple[Text, ...] | None = Field(default=None, strict=False)
    """What the numbers of a row are, if one output has it all: `box`, `scores`, and maybe
    `objectness`, `points` and `rest`, in their order, with a number where it does not follow:
    `[box, objectness, scores]`, `[box, scores, points (51)]`."""

    layout: Layout | None = None
    """`columns` where the output is (numbers, candidates), as that of YOLOv8. Left out, each
    candidate is a row."""

    form: Form | None = None
    """Of `kind: boxes`: `centre` and size, or two `corners`."""

    scale: Scale | None = None
    """Of `kind: boxes`: `pixels` of the input, or `fraction`."""

    strides: tuple[Positive, ...] = Field(default=(), strict=False)
    """For each grid the size of a cell in pixels of the input. `kind: boxes` has none."""

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
    """Whether x or y comes first in a row of `anchors` or `boxes`."""

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
        self._check_kind()
        if (self.columns is None) != bool(self.scores):
            raise fault("expected 'scores' or 'columns', which say where in a row they are")
        if self.scores and len(self.boxes) != len(self.scores):
            raise fault(
                f"found {len(self.boxes)} boxes and {len(self.scores)} scores; expected as many"
            )
        if self.kind != "boxes" and len(self.boxes) not in {1, grids}:
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
        if self.kind != "anchors" and (self.anchors or self.per_cell):
            raise fault(f"found 'anchors' or 'per_cell'; kind: {self.kind} has none")
        return self

    def _check_kind(self) -> None:
        """Check the fields that the kind asks for, and the names of columns."""
        own = ("order", "form", "scale") if self.kind == "boxes" else ("strides",)
        for name in ("order", "form", "scale", "strides"):
            if name in own and name not in self.model_fields_set:
                raise fault(f"expected {name!r}, which kind: {self.kind} needs")
            if name not in {*own, "order"} and getattr(self, name):
                raise fault(f"found {name!r}; kind: {self.kind} has none")
        if self.columns is not None:
            named = [_COLUMN.fullmatch(one) for one in self.columns]
            if not all(named) or len({one[1] for one in named if one}) != len(named):
                raise fault("found other columns; expected box, objectness, scores, points or rest")
            if not {"box", "scores"} <= {one[1] for one in named if one}:
                raise fault("found no 'box' or no 'scores' among the columns")


def _parse_convention(value: Any) -> Any:
    """Turn a list into the text that the catalog has: [0, 255] is "0, 255"."""
    parts = value if isinstance(value, list) else [value]
    if not parts or not all(type(part) in (str, int, float) for part in parts):
        raise fault(f"found {format_value(value)}; expected a word, a number, or a list of these")
    return value if type(value) in (str, int) else ", ".join(map(str, parts))


def _convention_schema(convention: Convention) -> dict[str, Any]:
    """Return the JSON Schema of the values of a convention, as people write them."""
    if not convention.values:
        return {"type": ["string", "number", "array"], "description": convention.meaning}
    numbers = [int(value) for value in convention.values if value.isdecimal()]
    return {"enum": [*convention.values, *numbers], "description": convention.meaning}


Conventions = Annotated[
    dict[Role, dict[Text, Annotated[str | int, BeforeValidator(_parse_convention)]]],
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"pattern": ROLE_PATTERN},
            "additionalProperties": {
                "type": "object",
                "properties": {name: _convention_schema(one) for name, one in CONVENTIONS.items()},
                "additionalProperties": False,
            },
        }
    ),
]
"""Conventions of roles: `{boxes: {order: yxyx}}`; `role_faults.py` checks names and values."""
