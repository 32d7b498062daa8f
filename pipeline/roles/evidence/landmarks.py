"""Landmarks: points of a face, a hand or a body, in pixels or metres.

This module opens no file.
"""

from collections.abc import Iterator

import numpy as np

from pipeline.roles.evidence.finding import Claim, Doubt
from pipeline.roles.evidence.observations import Observed, Output
from pipeline.roles.evidence.structure import SIGMOID
from pipeline.vocabulary.person_roles import LANDMARKS

MIN_VALUES = 10
"""Five points in a plane."""

_NUM_AXES = 3
_METRES = 1.5
_BEYOND = 0.75
_REACHED = 0.25
_DEPTH_SHARE = 0.25


def find_landmarks(model: Observed) -> Iterator[Claim | Doubt]:
    """Yield the roles of a landmark model's outputs by their values, without their names."""
    if not model.does(LANDMARKS):
        return
    rows = [o for o in model.numeric if o.varies and o.row_length >= MIN_VALUES]
    others = [o for o in model.numeric if o not in rows and o.inner != ()]
    pixels = [o for o in rows if _are_pixels(o, model)]
    metres = [o for o in rows if _are_metres(o)]
    if len(rows) == 1 and not others and not metres:
        why = f"the only output of points of a model for {model.task}: {rows[0].row_length} values"
        yield _claim_landmarks(rows[0], model, why)
    elif len(pixels) == 1:
        low, high = pixels[0].low, pixels[0].high
        why = f"the only output with values like pixels, from {low:.4g} to {high:.4g}"
        yield _claim_landmarks(pixels[0], model, why)
        if len(metres) == 1 and metres[0].inner == pixels[0].inner:
            yield _claim_metres(metres[0])
    else:
        for output in pixels:
            yield Doubt(output=output, reason=f"{len(pixels)} outputs hold points in pixels")
    yield from _find_scores(model, has_points=bool(pixels) or len(rows) == 1)


def read_points(output: Output, model: Observed) -> dict[str, str]:
    """Return `scale` and `points` of landmarks, as far as known."""
    if not output.varies or not _are_pixels(output, model):
        return {}
    points = describe_points(output)
    return {"scale": "pixels"} | ({"points": str(points)} if points else {})


def describe_points(output: Output) -> int | None:
    """Return the number of points with three coordinates in an output, None if unclear.

    The mean of x and of y is near the middle of the image, and the mean of z near 0. Values in
    pairs or in fives show no such pattern in every third position.
    """
    count = output.row_length
    if not output.is_known or count % _NUM_AXES:
        return None
    means = np.mean([np.abs(a.reshape(-1, _NUM_AXES).mean(axis=0)) for a in output.values], axis=0)
    return count // _NUM_AXES if means[2] <= _DEPTH_SHARE * means[:2].min() else None


def _are_pixels(output: Output, model: Observed) -> bool:
    if model.image_size is None:
        return False
    size = max(model.image_size)
    inside = -_BEYOND * size <= output.low and output.high <= (1 + _BEYOND) * size
    return inside and output.high >= _REACHED * size


def _are_metres(output: Output) -> bool:
    return -_METRES <= output.low < 0.0 < output.high <= _METRES


def _claim_landmarks(output: Output, model: Observed, why: str) -> Claim:
    conventions = read_points(output, model)
    points = conventions.get("points")
    more = (f"every third value lies around 0: {points} points of x, y and z",) if points else ()
    return Claim(role="landmarks", output=output, evidence=(why, *more), conventions=conventions)


def _claim_metres(output: Output) -> Claim:
    return Claim(
        role="worldLandmarks",
        output=output,
        evidence=(
            (
                f"it has as many values as the landmarks, but from {output.low:.4g} to "
                f"{output.high:.4g}, on both sides of 0: metres"
            ),
        ),
    )


def _find_scores(model: Observed, *, has_points: bool) -> Iterator[Claim | Doubt]:
    """Yield `scores` for the only single number; with two, one may be the handedness."""
    single = [o for o in model.numeric if o.inner == ()]
    if len(single) == 1 and has_points:
        output = single[0]
        if output.in_unit_range and model.structure.activation(output.tensor) == SIGMOID:
            yield Claim(
                role="scores",
                output=output,
                evidence=("the only single number beside the points; it comes out of a sigmoid",),
                conventions={"activation": "probability"},
            )
    elif len(single) > 1:
        for output in single:
            yield Doubt(
                output=output,
                reason=f"{len(single)} outputs are single numbers: presence, handedness, …",
            )
