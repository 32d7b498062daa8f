"""Checks: contradictions between an output and a role.

A contradiction is a fact that no tensor with that role can have: scores beyond 1, classes that
are not whole numbers. Unknown facts contradict nothing. This module opens no file.
"""

from collections.abc import Callable, Mapping

import numpy as np

from pipeline.roles.evidence.box_forms import are_corners, list_boxes
from pipeline.roles.evidence.observations import RANGE_TOLERANCE, Observed, Output

BOX_SIZE = 4
COLOURS = 3
NDIM_ROWS = 2
NDIM_TABLE = 3
_NDIM_IMAGE = 4
_MIN_POINT, _MAX_POINT = 2, 5


def contradict(role: str, output: Output, model: Observed) -> str | None:
    """Return why an output cannot have a role, else None: "holds strings".

    Args:
        role: A role of the vocabulary; any other role has no contradictions.
        output: The output; its name goes before the text.
        model: The model, for roles that belong together.
    """
    for check in _CHECKS.get(role, ()):
        reason = check(output, model)
        if reason:
            return reason
    return None


def disagree(claimed: Mapping[str, Output | None]) -> tuple[str, str] | None:
    """Return a role and why its output does not fit another role's output, else None.

    Args:
        claimed: Outputs by role; None if a role needs none.
    """
    boxes = claimed.get("boxes")
    if boxes is None or boxes.ndim != NDIM_TABLE:
        return None
    rows = num_rows(boxes)
    for role in ("scores", "classes", "multiclassScores", "anchors"):
        output = claimed.get(role)
        if output is None or output.text or (output.ndim or 0) < NDIM_ROWS:
            continue
        if rows is not None and num_rows(output) not in (None, rows):
            return role, f"has {num_rows(output)} rows; boxes, {boxes}, has {rows}"
    return None


def num_rows(output: Output) -> int | None:
    """Return the number of rows of an output for each input."""
    return output.sizes[1] if output.sizes and len(output.sizes) > 1 else None


def _numbers(output: Output, _model: Observed) -> str | None:
    return "holds strings" if output.text else None


def _four(output: Output, _model: Observed) -> str | None:
    if output.sizes is not None and (len(output.sizes) < NDIM_ROWS or output.last != BOX_SIZE):
        return f"is {format_sizes(output)}; boxes have a last axis of {BOX_SIZE}"
    return None


def _unit_range(output: Output, _model: Observed) -> str | None:
    if not output.is_known or output.in_unit_range:
        return None
    outside = (output.flat < -RANGE_TOLERANCE) | (output.flat > 1.0 + RANGE_TOLERANCE)
    return (
        f"holds {np.count_nonzero(outside):,} of {output.flat.size:,} values outside of 0 to 1, "
        f"from {output.low:.4g} to {output.high:.4g}"
    )


def _whole(output: Output, _model: Observed) -> str | None:
    if output.text or not output.is_known or output.is_whole:
        return None
    distances = np.abs(output.flat - np.round(output.flat))
    broken = distances > output.whole_tolerance
    return (
        f"holds {np.count_nonzero(broken):,} of {output.flat.size:,} values that are not whole "
        f"numbers, such as {output.flat[distances.argmax()]:.4g}"
    )


def _not_negative(output: Output, _model: Observed) -> str | None:
    if output.text or not output.is_known or output.low >= -0.5:  # noqa: PLR2004  # noise around 0
        return None
    return f"holds negative values, down to {output.low:.4g}"


def _plane(output: Output, _model: Observed) -> str | None:
    if output.sizes is None or output.plane is not None or None in output.sizes:
        return None
    return f"is {format_sizes(output)}, which is no image"


def _three_colours(output: Output, _model: Observed) -> str | None:
    if output.last in (None, COLOURS):
        return None
    return f"is {format_sizes(output)}; a foreground has {COLOURS} channels"


def _even(output: Output, _model: Observed) -> str | None:
    if output.last is None or output.last % 2 == 0:
        return None
    return f"is {format_sizes(output)}; each point or edge has two values"


def _count(output: Output, _model: Observed) -> str | None:
    if not output.is_known or output.flat.size <= sum(len(np.atleast_1d(a)) for a in output.values):
        return None
    return f"is {format_sizes(output)}; a count is one number for each input"


def _vector(output: Output, _model: Observed) -> str | None:
    if output.inner is None or len(output.inner) <= 1:
        return None
    return f"is {format_sizes(output)}; expected one row for each input"


def _token_vectors(output: Output, _model: Observed) -> str | None:
    if output.sizes is None or len(output.sizes) == NDIM_TABLE:
        return None
    return f"is {format_sizes(output)}; expected a vector for each token"


_CHECKS: Mapping[str, tuple[Callable[[Output, Observed], str | None], ...]] = {
    "boxes": (_numbers, _four),
    "rawBoxes": (_numbers, _four),
    "scores": (_numbers, _unit_range),
    "multiclassScores": (_numbers,),
    "rawScores": (_numbers,),
    "classes": (_whole, _not_negative),
    "anchors": (_numbers, _whole, _not_negative),
    "count": (_numbers, _count, _whole, _not_negative),
    "keypoints": (_numbers,),
    "heatmaps": (_numbers, _plane),
    "offsets": (_numbers, _plane, _even),
    "displacementsForward": (_numbers, _plane, _even),
    "displacementsBackward": (_numbers, _plane, _even),
    "landmarks": (_numbers,),
    "worldLandmarks": (_numbers,),
    "contours": (_numbers,),
    "handedness": (_numbers, _unit_range),
    "mask": (_numbers, _plane),
    "alpha": (_numbers, _plane, _unit_range),
    "foreground": (_numbers, _plane, _three_colours),
    "embedding": (_numbers, _vector),
    "tokenEmbeddings": (_numbers, _token_vectors),
    "features": (_numbers,),
    "logits": (_numbers,),
    "depth": (_numbers, _plane),
    "image": (_numbers, _plane),
    "values": (_numbers,),
    "note": (_numbers, _unit_range),
    "onset": (_numbers, _unit_range),
    "contour": (_numbers, _unit_range),
}


def fits_name(role: str, output: Output) -> bool:
    """Return whether an output looks like the role of its name.

    This is stricter than `contradict`: names are reused (CenterNet's `keypoints` are heat maps of
    classes, an SSD's `box` may be distances from anchors), and no writer of a manifest vouches for
    them.
    """
    if output.sizes is None:
        return False
    fits = _FORMS.get(role)
    return fits is None or fits(output, len(output.sizes))


def _are_points(output: Output, ndim: int) -> bool:
    if ndim <= NDIM_ROWS or output.sizes is None:
        return True
    last = output.sizes[-1]
    return last is not None and _MIN_POINT <= last <= _MAX_POINT and output.sizes[-2] != 1


def _is_row(output: Output, _ndim: int) -> bool:
    return len(output.inner or ()) <= 1


def _is_decoded(output: Output, _ndim: int) -> bool:
    """Return whether numbers can be positions in an image, and not distances from anchors."""
    if not output.is_known:
        return True
    boxes = list_boxes(output.values)
    return not len(boxes) or are_corners(boxes) or bool((boxes[:, 2:] >= 0.0).all())


_FORMS: Mapping[str, Callable[[Output, int], bool]] = {
    "boxes": _is_decoded,
    "rawBoxes": _is_decoded,
    "keypoints": _are_points,
    "classes": lambda _output, ndim: ndim <= NDIM_ROWS,
    "scores": lambda _output, ndim: ndim <= NDIM_TABLE,
    "count": lambda output, _ndim: output.inner == (),
    "landmarks": lambda output, ndim: ndim <= NDIM_TABLE or _is_row(output, ndim),
    "worldLandmarks": lambda output, ndim: ndim <= NDIM_TABLE or _is_row(output, ndim),
    "contours": lambda output, ndim: ndim <= NDIM_TABLE or _is_row(output, ndim),
    "age": _is_row,
    "gender": _is_row,
    "race": _is_row,
    "emotion": _is_row,
    "handedness": _is_row,
    "mask": lambda _output, ndim: ndim in (NDIM_TABLE, _NDIM_IMAGE),
    "alpha": lambda output, ndim: ndim == NDIM_TABLE or output.last == 1,
}


def format_sizes(output: Output) -> str:
    """Return the shape of an output: "(1, ?, 4)", with "?" for an unknown size."""
    sizes = output.sizes or ()
    text = ", ".join("?" if size is None else str(size) for size in sizes)
    return f"({text},)" if len(sizes) == 1 else f"({text})"
