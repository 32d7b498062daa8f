"""Sample tables: rows of measurements that belong together, on a common scale."""

import csv
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

_STEPS = 1024
# Has no factor in common with the number of rows, so that each sample starts in another row.
_STRIDE = 17


def load_rows(
    sample: int, shape: tuple[int, ...], *, limits: tuple[float, float] | None = None
) -> npt.NDArray[np.float64]:
    """Return numbers in steps of 1/1024 of their scale.

    Args:
        sample: Number of the sample; samples of one row each differ for as many as the table has.
        shape: Of the numbers; the last axis goes along the columns. Where it has more of them
            than the table, the columns of the next rows follow.
        limits: Least and greatest number of each column; None for a mean of 0 and a variance of 1.
    """
    columns = shape[-1] if shape else 1
    table = _scale(_table(), limits)
    tall = -(-columns // table.shape[1])
    count = int(np.prod(shape[:-1], dtype=int))
    rows = _STRIDE * sample + tall * np.arange(count)[:, None] + np.arange(tall)
    wide: npt.NDArray[np.float64] = table[rows % len(table)].reshape(count, -1)
    return wide[:, :columns].reshape(shape)


def _scale(
    table: npt.NDArray[np.float64], limits: tuple[float, float] | None
) -> npt.NDArray[np.float64]:
    if limits is None:
        scaled = (table - table.mean(axis=0)) / table.std(axis=0)
        return np.asarray(np.rint(scaled * _STEPS) / _STEPS)
    low, high = limits
    parts = np.rint((table - table.min(axis=0)) / np.ptp(table, axis=0) * _STEPS) / _STEPS
    return np.asarray(low + parts * (high - low))


@cache
def _table() -> npt.NDArray[np.float64]:
    path = files("pipeline.proof.samples").joinpath("data", "wine.csv")
    _, *rows = csv.reader(path.read_text("utf-8").splitlines())
    return np.array(rows, np.float64)
