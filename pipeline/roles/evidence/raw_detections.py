"""Detection: boxes, scores and classes, inferred from their relations.

A tensor of one number for each box may hold scores, classes or anchors; its values, its path
through the graph and its relation to the other outputs must agree before it gets a role. Exports
of the TensorFlow Object Detection API need no names, because the rows that non-maximum
suppression kept are found among the raw rows. This module opens no file.
"""

from collections.abc import Iterator

from pipeline.roles.evidence.box_forms import MIN_BOXES, are_corners, list_boxes, read_boxes
from pipeline.roles.evidence.finding import Claim, Doubt
from pipeline.roles.evidence.nms_outputs import GROUP, find_suppressed
from pipeline.roles.evidence.observations import Observed, Output
from pipeline.roles.evidence.packed_detections import find_detections
from pipeline.roles.evidence.role_check import BOX_SIZE, NDIM_ROWS, NDIM_TABLE, num_rows
from pipeline.roles.evidence.structure import SIGMOID, SOFTMAX
from pipeline.vocabulary.object_roles import DETECTION


def find_detection(model: Observed) -> Iterator[Claim | Doubt]:
    """Yield the roles of a detector's outputs by their values, without their names."""
    if not (model.does(DETECTION) or model.family is None):
        return
    suppressed = list(find_suppressed(model))
    if suppressed:
        yield from suppressed
        return
    found = [*find_detections(model)]
    if model.does(DETECTION):
        found += _find_candidates(model)
        yield from () if found else _find_grids(model)
    yield from found


def _find_candidates(model: Observed) -> Iterator[Claim]:
    """Yield `boxes` and `scores` of a model that returns all boxes, without a selection."""
    tables = [o for o in model.numeric if o.ndim == NDIM_TABLE and o.varies]
    boxes = [o for o in tables if o.last == BOX_SIZE and _is_decoded(o, model)]
    if len(boxes) != 1 or any(model.structure.is_selected(o.tensor) for o in model.outputs):
        return
    rows = num_rows(boxes[0])
    others = [o for o in tables if o is not boxes[0] and num_rows(o) == rows]
    scores = [o for o in others if _are_probabilities(o, model)]
    if len(scores) != 1:
        return
    reading = read_boxes(list_boxes(boxes[0].values), model.image_size)
    yield Claim(
        role="boxes",
        output=boxes[0],
        evidence=("its last axis is 4, and no box is inside out", *reading.evidence),
        conventions=reading.conventions,
        group=GROUP,
    )
    activation = model.structure.activation(scores[0].tensor)
    yield Claim(
        role="scores",
        output=scores[0],
        evidence=(f"it has a row for each box, all values from 0 to 1, out of a {activation}",),
        conventions={"activation": "probability"},
        group=GROUP,
    )


def _find_grids(model: Observed) -> Iterator[Doubt]:
    """Yield a doubt for each output that covers only one of several grids."""
    tables = [o for o in model.numeric if o.ndim == NDIM_TABLE and o.varies]
    for output in tables:
        alike = [o for o in tables if o.last == output.last and o.sizes != output.sizes]
        if alike:
            yield Doubt(
                output=output,
                reason=f"{len(alike) + 1} outputs end in an axis of {output.last}, each of its own "
                "grid: none of them has a role alone",
            )


def _is_decoded(output: Output, model: Observed) -> bool:
    if model.structure.activation(output.tensor):
        return False
    boxes = list_boxes(output.values)
    return (
        len(boxes) >= MIN_BOXES
        and are_corners(boxes)
        and "form" in read_boxes(boxes, None).conventions
    )


def _are_probabilities(output: Output, model: Observed) -> bool:
    activation = model.structure.activation(output.tensor)
    return output.in_unit_range and activation in (SIGMOID, SOFTMAX)


def find_arg_max(model: Observed, claimed: dict[str, Output | None]) -> Iterator[Claim]:
    """Yield `classes: null` if boxes and scores are known and the scores imply the class.

    Args:
        model: The model.
        claimed: Outputs by role, as found so far.
    """
    boxes, scores = claimed.get("boxes"), claimed.get("scores")
    if boxes is None or scores is None or "classes" in claimed or scores.ndim != NDIM_TABLE:
        return
    if (scores.last or 0) <= 1 or not scores.sizes or not boxes.sizes:
        return
    unclaimed = [o for o in model.outputs if o not in claimed.values()]
    if any(o.text or (o.ndim == NDIM_ROWS and o.inner) for o in unclaimed):
        return
    if scores.sizes[1] == boxes.sizes[1]:
        yield Claim(
            role="classes",
            output=None,
            evidence=(
                (
                    f"no output holds classes; the scores have {scores.last} columns, one for each "
                    "class, so that the class is their arg-max"
                ),
            ),
        )
