"""Boxes: form and scale of boxes, inferred from their positions in the image.

Four numbers are two corners, or a centre and a size, in fractions of the image or in pixels. A
wrong reading puts many boxes outside of the image, or inside out. This does not show whether x or
y comes first. This module opens no file.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.roles.evidence.observations import Floats

MIN_BOXES = 20
"""Fewer boxes prove too little."""

MAX_OUTSIDE = 0.1
"""How far beyond the image, as a share of its size, a detected box may reach."""

MAX_FRACTION = 2.5
"""The largest coordinate in fractions of the image, also of boxes that are not clipped to it."""

_FAULTY_SHARE = 0.1
_TYPICAL = 0.99


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The conventions of boxes, with the evidence.

    Attributes:
        conventions: `form` and `scale`, as far as known.
        evidence: Sentences, for people.
    """

    conventions: dict[str, str]
    evidence: tuple[str, ...]


def list_boxes(arrays: Sequence[Floats]) -> Floats:
    """Return the boxes of all vectors, (count, 4), without padding, which is zeros."""
    boxes = np.concatenate([array.reshape(-1, 4) for array in arrays])
    rows: Floats = boxes[np.any(boxes != 0.0, axis=1)]
    return rows


def read_boxes(boxes: Floats, image_size: tuple[int, int] | None) -> Reading:
    """Infer form and scale of boxes.

    Args:
        boxes: (count, 4), without padding.
        image_size: Height and width of the input, if known.
    """
    if len(boxes) < MIN_BOXES:
        return Reading(conventions={}, evidence=())
    conventions, evidence = {}, []
    scale = _find_scale(boxes, image_size)
    low, high = boxes.min(), boxes.max()
    if scale:
        conventions["scale"] = scale
        evidence.append(f"its values lie from {low:.4g} to {high:.4g}: {_SCALE_WORDS[scale]}")
    if scale and are_corners(boxes):
        size = 1.0 if scale == "fraction" else float(max(image_size or (0,)))
        outside = _share_outside(boxes, size)
        if outside >= _FAULTY_SHARE:
            conventions["form"] = "corners"
            evidence.append(
                f"in all {len(boxes)} boxes the third number is no less than the first, and the "
                f"fourth no less than the second: corners; as centre and size "
                f"{outside:.0%} of them would leave the image"
            )
    return Reading(conventions=conventions, evidence=tuple(evidence))


def are_corners(boxes: Floats) -> bool:
    """Return whether no box is inside out when its numbers are read as two corners."""
    slack = 1e-6 * max(1.0, float(np.abs(boxes).max(initial=0.0)))
    ordered = (boxes[:, 2] >= boxes[:, 0] - slack) & (boxes[:, 3] >= boxes[:, 1] - slack)
    extended = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return bool(len(boxes) and ordered.all() and extended.mean() >= _FAULTY_SHARE)


_SCALE_WORDS = {"fraction": "fractions of the image", "pixels": "pixels"}


def _find_scale(boxes: Floats, image_size: tuple[int, int] | None) -> str | None:
    largest = float(np.abs(boxes).max())
    if largest <= MAX_FRACTION:
        return "fraction"
    if image_size is None:
        return None
    size = max(image_size)
    inside = np.abs(boxes - size / 2) <= size * (0.5 + MAX_OUTSIDE)
    return "pixels" if largest >= size / 4 and inside.mean() >= _TYPICAL else None


def _share_outside(boxes: Floats, size: float) -> float:
    """Return the share of boxes that would leave the image if they were a centre and a size."""
    ends = boxes[:, :2] + boxes[:, 2:] / 2
    starts = boxes[:, :2] - boxes[:, 2:] / 2
    margin = MAX_OUTSIDE * size
    return float(np.mean(np.any((ends > size + margin) | (starts < -margin), axis=1)))
