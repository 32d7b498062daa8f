"""Origin: finds the rows that non-maximum suppression kept among its candidates.

The Object Detection API returns both, and copies rows without changing them. So values identify
the raw tensors, the scores of all classes and the candidates' numbers, whatever their names are.
This module opens no file.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from pipeline.roles.evidence.observations import QUANTIZATION_STEP, Floats, Observed, Output
from pipeline.roles.evidence.role_check import BOX_SIZE

EQUAL = 1e-4
"""Largest difference of two copies of a number, after clipping and rounding."""

MIN_KNOWN_AGAIN = 10
"""Fewer rows may match candidates by chance."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Outputs with a row for each box.

    Attributes:
        boxes: Output with four numbers a row.
        scores: Output with one number a row, from 0 to 1, falling.
        whole: Outputs with one whole number a row.
        tables: Outputs with several numbers a row.
        raw: Tables with more rows than these: the candidates.
    """

    boxes: Output
    scores: Output
    whole: Sequence[Output]
    tables: Sequence[Output]
    raw: Sequence[Output]

    @property
    def valid(self) -> list[npt.NDArray[np.bool_]]:
        """For each vector, the mask of rows that are no padding."""
        return [array > 0.0 for array in self.scores.values]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Outputs whose values were found in one another.

    Attributes:
        multiclass: For each row the candidate's scores of all classes.
        raw_scores: Scores of all candidates.
        raw_boxes: Boxes of all candidates.
        anchors: For each row the number of its candidate; None if no output holds it.
        off_by: Largest error of these numbers; 8-bit constants make them inexact.
        count: Number of rows found among the candidates.
    """

    multiclass: Output
    raw_scores: Output
    raw_boxes: Output
    anchors: Output | None
    off_by: int
    count: int


Places = list[list[list[list[int]]]]
"""By vector, sample and row: the candidates of which the row may be a copy."""


def find_origin(rows: Rows, model: Observed) -> Origin | None:
    """Find each row among the candidates, with scores and box from the same candidate.

    The result is a proof only if exactly one choice of outputs works.
    """
    count = sum(int(valid.sum()) for valid in rows.valid)
    if count < MIN_KNOWN_AGAIN:
        return None
    found = []
    for multiclass, scores, boxes in product(rows.tables, rows.raw, rows.raw):
        if scores is boxes or boxes.last != BOX_SIZE or multiclass.last != scores.last:
            continue
        if model.structure.activation(boxes.tensor):
            continue  # with four classes, scores have the shape of boxes
        places = _locate(rows, multiclass, scores, boxes)
        if places is not None:
            anchors, off_by = _find_anchors(rows, places, scores, model)
            found.append(
                Origin(
                    multiclass=multiclass,
                    raw_scores=scores,
                    raw_boxes=boxes,
                    anchors=anchors,
                    off_by=off_by,
                    count=count,
                )
            )
    return found[0] if len(found) == 1 else None


def pick_rows(output: Output, rows: Rows) -> list[list[Floats]]:
    """Return the valid rows of each sample of each vector."""
    return [
        [sample[mask] for sample, mask in zip(array, masks, strict=True)]
        for array, masks in zip(output.values, rows.valid, strict=True)
    ]


def _locate(rows: Rows, multiclass: Output, scores: Output, boxes: Output) -> Places | None:
    """Return the candidates of all rows, None if a row has none."""
    vectors = zip(
        pick_rows(multiclass, rows),
        pick_rows(rows.boxes, rows),
        scores.values,
        boxes.values,
        strict=True,
    )
    places: Places = []
    for kept, kept_boxes, raw, raw_boxes in vectors:
        if len(kept) != len(raw) or raw.shape[:2] != raw_boxes.shape[:2]:
            return None
        samples = []
        for sample in zip(kept, kept_boxes, raw, raw_boxes, strict=True):
            found = list(_locate_rows(*sample))
            if not all(found):
                return None
            samples.append(found)
        places.append(samples)
    return places


def _locate_rows(
    kept: Floats, kept_boxes: Floats, raw: Floats, raw_boxes: Floats
) -> Iterator[list[int]]:
    by_content = defaultdict(list)
    for index, row in enumerate(raw):
        by_content[row.tobytes()].append(index)
    low, high = kept_boxes.min(initial=0.0), kept_boxes.max(initial=0.0)
    for row, box in zip(kept, kept_boxes, strict=True):
        candidates = by_content.get(np.ascontiguousarray(row).tobytes(), [])
        clipped = np.clip(raw_boxes[candidates], low, high)
        near = np.abs(clipped - box).max(axis=1, initial=0.0) <= EQUAL
        yield [index for index, fits in zip(candidates, near, strict=True) if fits]


def _find_anchors(
    rows: Rows, places: Places, scores: Output, model: Observed
) -> tuple[Output | None, int]:
    """Return the output that holds the candidates' numbers, and its largest error.

    The graph adds a constant to classes, but not to these numbers. In a model with 8-bit weights
    they come from a table rounded to 256 steps.
    """
    step = QUANTIZATION_STEP * max(array.shape[1] for array in scores.values)
    found = []
    for output in rows.whole:
        if model.structure.adds_constant(output.tensor):
            continue
        misses = [
            min(abs(float(number) - index) for index in candidates)
            for numbers, vector in zip(pick_rows(output, rows), places, strict=True)
            for sample, located in zip(numbers, vector, strict=True)
            for number, candidates in zip(sample, located, strict=True)
        ]
        if max(misses) <= step:
            found.append((output, round(max(misses))))
    return found[0] if len(found) == 1 else (None, 0)
