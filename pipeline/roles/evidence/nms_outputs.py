"""Suppressed detections: the outputs of a detector's non-maximum suppression.

They have a row for each box: boxes (n, 4), scores in falling order, classes as whole numbers,
sometimes the scores of all classes and the number of each row's candidate. This module opens no
file.
"""

from collections.abc import Iterator

import numpy as np

from pipeline.roles.evidence.box_forms import MIN_BOXES, are_corners, list_boxes, read_boxes
from pipeline.roles.evidence.finding import Claim
from pipeline.roles.evidence.nms_candidates import (
    EQUAL,
    MIN_KNOWN_AGAIN,
    Origin,
    Rows,
    find_origin,
    pick_rows,
)
from pipeline.roles.evidence.observations import Observed, Output
from pipeline.roles.evidence.role_check import BOX_SIZE, NDIM_ROWS, NDIM_TABLE, num_rows
from pipeline.vocabulary.object_roles import DETECTION

GROUP = "detection"
_ORDERED = 1e-6
_MIN_ROWS = 2


def find_suppressed(model: Observed) -> Iterator[Claim]:
    """Yield the roles of the rows that the graph's own non-maximum suppression kept."""
    rows = _find_rows(model)
    if rows is None or not model.structure.is_selected(rows.boxes.tensor):
        return
    origin = find_origin(rows, model)
    classes = _find_classes(rows, origin, model)
    if classes is None and origin is None and not model.does(DETECTION):
        return
    yield _claim_boxes(rows, origin, model)
    yield _claim_scores(rows)
    if classes is not None:
        yield classes
    yield from _claim_count(rows, model)
    if origin is not None:
        yield from _claim_origin(origin)


def _find_rows(model: Observed) -> Rows | None:
    """Return the outputs with a row for each box, if one output has boxes and one has scores."""
    tables = [o for o in model.numeric if o.ndim == NDIM_TABLE and o.varies]
    lines = [o for o in model.numeric if o.ndim == NDIM_ROWS and o.varies]
    found = []
    for boxes in tables:
        count = num_rows(boxes)
        if boxes.last != BOX_SIZE or not _are_boxes(boxes, model):
            continue
        if count is None or count < _MIN_ROWS:
            continue
        scores = [o for o in lines if num_rows(o) == count and _are_scores(o, model)]
        if len(scores) == 1:
            same = [o for o in lines if num_rows(o) == count and o is not scores[0]]
            found.append(
                Rows(
                    boxes=boxes,
                    scores=scores[0],
                    whole=[o for o in same if o.is_whole and o.low >= -EQUAL],
                    tables=[o for o in tables if o is not boxes and num_rows(o) == count],
                    raw=[o for o in tables if (num_rows(o) or 0) > count],
                )
            )
    return found[0] if len(found) == 1 else None


def _are_boxes(output: Output, model: Observed) -> bool:
    """Return whether values are corners in an image, and no scores out of a sigmoid."""
    if model.structure.activation(output.tensor):
        return False
    boxes = list_boxes(output.values)
    return len(boxes) >= MIN_BOXES and are_corners(boxes)


def _are_scores(output: Output, model: Observed) -> bool:
    """Return whether values fall within each row, from 0 to 1, and are not changed afterwards.

    After their sigmoid, scores are only selected. Outputs with an added constant are classes, and
    former integers are counts or numbers of candidates.
    """
    falling = all((np.diff(array, axis=1) <= _ORDERED).all() for array in output.values)
    differing = any((np.ptp(array, axis=1) > EQUAL).any() for array in output.values)
    return (
        output.in_unit_range
        and falling
        and differing
        and not output.is_whole
        and not model.structure.adds_constant(output.tensor)
        and not model.structure.is_integer(output.tensor)
    )


def _find_classes(rows: Rows, origin: Origin | None, model: Observed) -> Claim | None:
    """Claim `classes`: whole numbers, the class of each score.

    With multiclass scores they must be the columns that hold the scores; without, they must be
    the only whole numbers.
    """
    if origin is None:
        alone = len(rows.whole) == 1 and not rows.tables and _repeat(rows.whole[0], rows)
        found = rows.whole if alone else []
        why = "one for each box, in no order, the same ones again and again; no other output's are"
    else:
        left = [o for o in rows.whole if o is not origin.anchors]
        explained = origin.anchors is not None or len(left) == 1
        found = [o for o in left if explained and _are_columns(o, origin.multiclass, rows)]
        why = "and each score stands in that column of multiclassScores"
    if len(found) != 1:
        return None
    classes = found[0]
    evidence = [f"its values are whole numbers from {classes.low:.0f} to {classes.high:.0f}, {why}"]
    first = _first_class(classes, model)
    if first == "1":
        evidence.append("a constant is added to it, and 0 never occurs: classes count from 1")
    return Claim(
        role="classes",
        output=classes,
        evidence=tuple(evidence),
        conventions={"offset": first} if first else {},
        group=GROUP,
    )


def _repeat(output: Output, rows: Rows) -> bool:
    """Return whether values repeat, rise and fall, as classes do.

    A candidate's number hardly repeats, a flag for valid rows only falls, a rank only rises.
    """
    for samples in pick_rows(output, rows):
        for sample in samples:
            steps = np.diff(np.round(sample))
            distinct = len(np.unique(np.round(sample)))
            enough = len(sample) >= MIN_KNOWN_AGAIN and 2 * distinct <= len(sample)
            if enough and (steps > 0).any() and (steps < 0).any():
                return True
    return False


def _are_columns(classes: Output, multiclass: Output, rows: Rows) -> bool:
    """Return whether each row's score is in the multiclass column that its class names."""
    samples = zip(
        *(pick_rows(o, rows) for o in (classes, multiclass, rows.scores)),
        strict=True,
    )
    for columns, tables, scores in samples:
        for column, table, score in zip(columns, tables, scores, strict=True):
            index = np.round(column).astype(int)
            if len(index) and not 0 <= index.min() <= index.max() < table.shape[1]:
                return False
            if np.abs(table[np.arange(len(index)), index] - score).max(initial=0.0) > EQUAL:
                return False
    return True


def _first_class(classes: Output, model: Observed) -> str | None:
    if classes.low < 0.5:  # noqa: PLR2004  # class ids begin at 0, nearly
        return "0"
    return "1" if model.structure.adds_constant(classes.tensor) else None


def _claim_boxes(rows: Rows, origin: Origin | None, model: Observed) -> Claim:
    reading = read_boxes(list_boxes(rows.boxes.values), model.image_size)
    selections = ", ".join(model.structure.selections(rows.boxes.tensor))
    evidence = [f"its last axis is 4, and its rows were chosen by {selections}", *reading.evidence]
    conventions = dict(reading.conventions)
    if origin is not None:
        conventions["order"] = "yxyx"
        evidence.append(
            f"its rows are rows of rawBoxes, clipped, in all {origin.count} of them: an export "
            "of the Object Detection API, which documents the order y_min, x_min, y_max, x_max"
        )
    return Claim(
        role="boxes",
        output=rows.boxes,
        evidence=tuple(evidence),
        conventions=conventions,
        group=GROUP,
    )


def _claim_scores(rows: Rows) -> Claim:
    low, high = rows.scores.low, rows.scores.high
    return Claim(
        role="scores",
        output=rows.scores,
        evidence=(
            f"its values, one for each box, fall and lie from 0 to 1: {high:.4g} to {low:.4g}",
            "no constant is added to them on their way through the graph",
        ),
        conventions={"activation": "probability"},
        group=GROUP,
    )


def _claim_count(rows: Rows, model: Observed) -> Iterator[Claim]:
    """Claim `count`: one whole number for each input, the number of scores above 0."""
    counts = [
        o
        for o in model.numeric
        if o.is_known and o.inner == () and o.ndim in (1, NDIM_ROWS) and _counts(o, rows)
    ]
    if len(counts) == 1:
        yield Claim(
            role="count",
            output=counts[0],
            evidence=("it is the number of scores above 0 on each vector",),
            group=GROUP,
        )


def _counts(output: Output, rows: Rows) -> bool:
    return all(
        np.array_equal(np.round(count.reshape(-1)), valid.sum(axis=1))
        for count, valid in zip(output.values, rows.valid, strict=True)
    )


def _claim_origin(origin: Origin) -> Iterator[Claim]:
    where = f"in all {origin.count} rows"
    boxes = {"order": "yxyx", "form": "corners", "scale": "fraction"}
    yield Claim(
        role="multiclassScores",
        output=origin.multiclass,
        evidence=(f"its rows are rows of rawScores, {where}",),
        group=GROUP,
    )
    yield Claim(
        role="rawScores",
        output=origin.raw_scores,
        evidence=(f"the rows of multiclassScores are among its rows, {where}",),
        group=GROUP,
    )
    yield Claim(
        role="rawBoxes",
        output=origin.raw_boxes,
        evidence=(f"boxes are its rows, clipped, where rawScores has their scores, {where}",),
        conventions=boxes,
        group=GROUP,
    )
    if origin.anchors is not None:
        inexact = f", but off by up to {origin.off_by}: 8-bit constants make it useless"
        yield Claim(
            role="anchors",
            output=origin.anchors,
            evidence=(
                (
                    f"it is the number of the row of rawScores, {where}"
                    f"{inexact if origin.off_by else ''}"
                ),
            ),
            group=GROUP,
        )
