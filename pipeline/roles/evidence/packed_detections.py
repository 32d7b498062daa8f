"""Packed detections: rows that hold box, score and class, as CenterNet and YOLO end in.

The values show which columns these are. The graph shows whether x or y comes first, if it splits
a flat index into quotient and remainder. This module opens no file.
"""

from collections.abc import Iterator

import numpy as np

from pipeline.roles.evidence.box_forms import MIN_BOXES, are_corners, read_boxes
from pipeline.roles.evidence.finding import Claim
from pipeline.roles.evidence.observations import (
    RANGE_TOLERANCE,
    Floats,
    Observed,
    Output,
    whole_tolerance,
)
from pipeline.roles.evidence.role_check import BOX_SIZE, NDIM_TABLE

_NUM_COLUMNS = 6
_ORDERS = {"x": "xyxy", "y": "yxyx"}
_WORDS = {
    "xyxy": "x_min, y_min, x_max, y_max",
    "yxyx": "y_min, x_min, y_max, x_max",
    None: "box (4)",
}


def find_detections(model: Observed) -> Iterator[Claim]:
    """Yield `detections` for an output whose rows hold a box, a score and a class."""
    for output in model.numeric:
        if output.ndim != NDIM_TABLE or output.last != _NUM_COLUMNS or not output.varies:
            continue
        if not model.structure.is_selected(output.tensor):
            continue
        rows = np.concatenate([array.reshape(-1, _NUM_COLUMNS) for array in output.values])
        rows = rows[np.any(rows != 0.0, axis=1)]
        columns = _find_columns(output, rows)
        if columns is not None and len(rows) >= MIN_BOXES:
            yield _claim(output, rows, columns, model)


def _find_columns(output: Output, rows: Floats) -> tuple[int, int, int] | None:
    """Return the first column of the box, the column of the score and that of the class."""
    scores = [i for i in range(_NUM_COLUMNS) if _is_score(output, i)]
    classes = [i for i in range(_NUM_COLUMNS) if _is_class(rows[:, i])]
    if len(scores) != 1 or len(classes) != 1:
        return None
    left = [i for i in range(_NUM_COLUMNS) if i not in (scores[0], classes[0])]
    start = left[0]
    if left != list(range(start, start + BOX_SIZE)) or not are_corners(rows[:, left]):
        return None
    return start, scores[0], classes[0]


def _is_score(output: Output, column: int) -> bool:
    arrays = [array[..., column] for array in output.values]
    values = np.concatenate([array.reshape(-1) for array in arrays])
    inside = values.min() >= -RANGE_TOLERANCE and values.max() <= 1.0 + RANGE_TOLERANCE
    falling = all((np.diff(array, axis=1) <= RANGE_TOLERANCE).all() for array in arrays)
    return bool(inside and falling and np.ptp(values) > 0.0 and not _is_whole(values))


def _is_class(values: Floats) -> bool:
    return bool(
        len(values)
        and values.min() >= -RANGE_TOLERANCE
        and np.ptp(values) > 0.0
        and _is_whole(values)
        and 2 * len(np.unique(np.round(values))) <= len(values)
    )


def _is_whole(values: Floats) -> bool:
    return bool(np.abs(values - np.round(values)).max() <= whole_tolerance(values))


def _claim(output: Output, rows: Floats, columns: tuple[int, int, int], model: Observed) -> Claim:
    start, score, class_ = columns
    reading = read_boxes(rows[:, start : start + BOX_SIZE], model.image_size)
    axes = [model.structure.grid_axis(name) for name in model.structure.columns(output.tensor)]
    order = _find_order(axes, start)
    selections = ", ".join(model.structure.selections(output.tensor))
    evidence = [
        (
            f"its rows were chosen by {selections}; column {score} falls within 0 to 1, column "
            f"{class_} holds whole numbers, and the other four are corners of boxes"
        ),
        *reading.evidence,
    ]
    conventions = dict(reading.conventions)
    if order:
        conventions["order"] = order
        evidence.append(
            f"the graph makes column {start} of the {'rest' if order == 'xyxy' else 'quotient'} "
            f"of a place by the grid's width: {order}"
        )
    words = {start: _WORDS[order], score: "score", class_: "class"}
    conventions["columns"] = ", ".join(words[column] for column in sorted(words))
    return Claim(
        role="detections",
        output=output,
        evidence=tuple(evidence),
        conventions=conventions,
    )


def _find_order(axes: list[str | None], start: int) -> str | None:
    if len(axes) != _NUM_COLUMNS:
        return None
    first, second, *rest = axes[start : start + BOX_SIZE]
    if first is None or second is None or first == second or rest != [first, second]:
        return None
    return _ORDERS[first]
