"""Reading: how outputs become results, as the manifest states it and the catalog says."""

from typing import ClassVar, Literal

from pipeline.records.record import CamelPart, SparsePart

Method = Literal[
    "attributes", "classify", "detect", "embed", "enhance", "keypoints", "segment", "transcribe"
]
"""A method of the loader that turns outputs into results."""

Kind = Literal["anchors", "boxes", "distances"]
Order = Literal["xy", "yx"]
Gate = Literal["none", "sigmoid", "softmax"]
Layout = Literal["rows", "columns"]
Form = Literal["centre", "corners"]
Scale = Literal["fraction", "pixels"]


class Decode(CamelPart, SparsePart):
    """How boxes follow from outputs with a row for each candidate, mostly cells of grids."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset(
        {"anchors", "perCell", "variances", "columns", "layout", "form", "scale"}
    )

    kind: Kind
    """`anchors`: a centre and a size, as offsets from an anchor; `distances`: from the middle of a
    cell to left, top, right and bottom in strides, each maybe as the logits of 0, 1, 2 …; `boxes`:
    the box itself"""
    boxes: list[str]
    """Outputs with the numbers of boxes, whose rows are those of all grids one after another."""
    scores: list[str]
    """Outputs with their scores, in the same order."""
    strides: list[int]
    """For each grid the size of a cell in pixels of the input; none for `boxes`."""
    per_cell: list[int] | None = None
    """For each grid the number of anchors in a cell; left out for one."""
    anchors: list[list[tuple[float, float]]] | None = None
    """For each grid the width and height of the anchors in a cell, as fractions of the input; left
    out where offsets are in pixels of the input."""
    variances: tuple[float, float] | None = None
    """Of anchors with sizes: what offsets of the centre and logarithms of the size are multiplied
    by."""
    order: Order = "yx"
    """Of the numbers of a box: whether x or y comes first. Points behind them have the same."""
    activation: Gate = "none"
    """What makes probabilities of the scores; `none` where the graph has done it."""
    background: bool = False
    """Whether the first column of the scores is no class."""
    offset: float = 0.5
    """Where in its cell an anchor is: 0.5 is the middle."""
    columns: list[str] | None = None
    """What the numbers of a row are, if box and scores are in one output: `["box (4)", "objectness
    (1)", "scores (80)"]`; scores are multiplied by the objectness."""
    layout: Layout | None = None
    """`columns` where the rows stand on end, as (numbers, candidates)."""
    form: Form | None = None
    """Of `boxes`: centre and size, or two corners."""
    scale: Scale | None = None
    """Of `boxes`: fractions or pixels of the input."""


class Points(CamelPart):
    """The points that a model finds."""

    names: list[str]
    """Their names in order."""
    edges: list[tuple[int, int]]
    """Pairs of points that belong together, by number."""


class Results(CamelPart):
    """What the loader makes of the outputs of a model."""

    method: Method | None
    """The method that gives it, such as `detect`; null where outputs are all that there is."""
    missing: str | None
    """Why there is no method."""
