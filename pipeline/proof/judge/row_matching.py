"""Rows: two lists of rows, compared as sets, for outputs whose order may change.

A row agrees with a row of the other list, used once, that has the same values within the limits,
at any position. The figure is the Dice coefficient of the two sets, 2 m / (n + k), if m of n
and k rows agree. This module opens no file.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.proof.judge.fidelity import Array, as_text


@dataclass(frozen=True, kw_only=True)
class RowFigures:
    """Figures of an output that is a list of rows, over all vectors.

    Attributes:
        num_reference: Rows of the reference.
        num_found: Rows found.
        num_agreeing: Pairs of rows that agree.
    """

    num_reference: int
    num_found: int
    num_agreeing: int

    @property
    def agreement(self) -> float:
        """Share of rows that agree; 1 if neither list has rows."""
        total = self.num_reference + self.num_found
        return 2 * self.num_agreeing / total if total else 1.0

    def figures(self) -> dict[str, float | int]:
        """Return the figures by their names in the catalog."""
        return {
            "rows": self.num_reference,
            "rowsFound": self.num_found,
            "agreement": self.agreement,
        }


def compare_rows(
    reference: Sequence[Array],
    found: Sequence[Array],
    *,
    atol: float,
    rtol: float,
    batches: Sequence[int | None],
) -> RowFigures:
    """Compare two outputs as sets of rows.

    Args:
        reference: On each vector (rows,), (rows, …), (batch, rows) or (batch, rows, …).
        found: The values of TensorFlow.js; the number of rows may differ.
        atol: Error within which a value agrees, in the output's unit.
        rtol: The same error, as a fraction of the reference's magnitude, value by value.
        batches: On each vector, the size of the first axis if it is the batch, else None.
    """
    num_reference = num_found = num_agreeing = 0
    for r, a, batch in zip(reference, found, batches, strict=True):
        images, others = _split(r, batch), _split(a, batch)
        num_reference += sum(len(rows) for rows in images)
        num_found += sum(len(rows) for rows in others)
        num_agreeing += sum(
            _count_pairs(*_as_numbers(rows, other), atol=atol, rtol=rtol)
            for rows, other in zip(images, others, strict=False)
        )
    return RowFigures(num_reference=num_reference, num_found=num_found, num_agreeing=num_agreeing)


def _split(array: Array, batch: int | None) -> list[Array]:
    """Return the rows (rows, width) of each image."""
    if array.ndim > 1 and array.shape[0] == batch:
        return [_as_rows(image) for image in array]
    return [_as_rows(array)]


def _as_rows(array: Array) -> Array:
    num_rows = array.shape[0] if array.ndim else 1
    return array.reshape(num_rows, array.size // num_rows if num_rows else 1)


def _as_numbers(reference: Array, found: Array) -> tuple[Array, Array]:
    """Replace strings by numbers, equal texts by equal numbers."""
    if not any(array.dtype.kind in "OSU" for array in (reference, found)):
        return reference.astype(np.float64), found.astype(np.float64)
    codes: dict[str, int] = {}
    numbers = [
        np.array(
            [codes.setdefault(as_text(value), len(codes)) for value in array.flat], np.float64
        ).reshape(array.shape)
        for array in (reference, found)
    ]
    # The numbers stand for texts, so their differences must exceed every limit.
    return numbers[0] * 1e9, numbers[1] * 1e9


def _count_pairs(reference: Array, found: Array, *, atol: float, rtol: float) -> int:
    if not reference.size or not found.size or reference.shape[1] != found.shape[1]:
        return 0
    if reference.shape[1] == 1:
        return _count_sorted_pairs(reference[:, 0], found[:, 0], atol=atol, rtol=rtol)
    # Rows that agree at the same position need no search, so that long lists take no time.
    common = min(len(reference), len(found))
    in_place = (_excess(reference[:common], found[:common], atol, rtol) <= 0).all(axis=1)
    rest = np.concatenate([reference[:common][~in_place], reference[common:]])
    free = np.concatenate([found[:common][~in_place], found[common:]])
    pairs = int(in_place.sum())
    for row in rest:
        if not len(free):
            break
        farthest = _excess(row, free, atol, rtol).max(axis=1)
        nearest = int(np.argmin(np.where(np.isnan(farthest), np.inf, farthest)))
        if farthest[nearest] <= 0:
            pairs += 1
            free = np.delete(free, nearest, axis=0)
    return pairs


def _excess(reference: Array, found: Array, atol: float, rtol: float) -> Array:
    """Return how far values are beyond the limits; equal infinities agree, and NaN with NaN."""
    equal = (reference == found) | (np.isnan(reference) & np.isnan(found))
    with np.errstate(invalid="ignore"):
        error = np.where(equal, 0.0, np.abs(found - reference))
        excess: Array = error - (
            atol + rtol * np.where(np.isfinite(reference), np.abs(reference), 0.0)
        )
    return excess


def _count_sorted_pairs(reference: Array, found: Array, *, atol: float, rtol: float) -> int:
    """Count the most pairs that two lists of numbers allow, by walking both in order."""
    expected = np.sort(reference[~np.isnan(reference)])
    actual = np.sort(found[~np.isnan(found)])
    i = j = 0
    pairs = min(len(reference) - len(expected), len(found) - len(actual))
    while i < len(expected) and j < len(actual):
        if _excess(expected[i], actual[j], atol, rtol) <= 0:
            i, j, pairs = i + 1, j + 1, pairs + 1
        elif actual[j] < expected[i]:
            j += 1
        else:
            i += 1
    return pairs
