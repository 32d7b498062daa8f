"""Task figures: what users of an output see of it, and how much of that a variant may lose.

A label, a mask or the place of a point is read off many numbers. Quantization moves all of them a
little; what counts is whether the reading stays. So the figure of a task decides before the
values, and the values have only to stay within a wide limit. This module opens no file.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.proof.judge.choices import compare_classes, compare_embeddings, compare_masks
from pipeline.proof.judge.fidelity import Array
from pipeline.proof.judge.keypoint_distances import are_keypoints, compare_keypoints

Figures = Mapping[str, float | int | None]

SOURCE = "the figure of its task"

POINT_LIMIT = 0.02
"""Distance within which a point agrees, as a fraction of its figure's diagonal."""


@dataclass(frozen=True, kw_only=True)
class TaskFigure:
    """The figure by which a quantized output is judged.

    Attributes:
        names: Its names in the catalog; the first that was measured counts.
        least: Smallest value that passes.
        error: Largest error of a value beside it, as a fraction of the range; None for any.
        noun: What it counts or measures, for tables: "labels".
        words: A sentence with its value: "{} of the labels agree".
    """

    names: Sequence[str]
    least: float
    error: float | None
    noun: str
    words: str

    def measured(self, figures: Figures) -> float | None:
        """Return its value; None if it was not measured."""
        return next((value for n in self.names if (value := figures.get(n)) is not None), None)

    def judge(self, value: float) -> str | None:
        """Return why a value does not pass, else None: "0.9 of the labels agree; …"."""
        if value >= self.least:
            return None
        return f"{self.say(value)}; expected at least {self.least:g} ({SOURCE})"

    def say(self, value: float) -> str:
        """Return the sentence with a value: "0.99 of the labels agree", for 1 "all of the …"."""
        is_all = value == 1 and self.words.startswith("{} of the")
        return self.words.format("all" if is_all else f"{value:.4g}")


_LABELS = TaskFigure(
    names=("top1Agreement",), least=0.98, error=0.1, noun="labels", words="{} of the labels agree"
)
_AREAS = TaskFigure(
    names=("minIou",),
    least=0.95,
    error=None,
    noun="overlap",
    words="the areas overlap by {} of their union",
)
_POINTS = TaskFigure(
    names=("agreement", "coordinateAgreement"),
    least=0.9,
    error=0.05,
    noun="points",
    words="{} of the points agree",
)
_EMBEDDINGS = TaskFigure(
    names=("minCosine",),
    least=0.99,
    error=None,
    noun="cosine",
    words="the smallest cosine of two embeddings is {}",
)

_PICTURES = TaskFigure(
    names=("minPsnrDb",),
    least=40.0,
    error=0.1,
    noun="dB",
    words="a picture has a peak signal-to-noise ratio of {} dB",
)

TASK_FIGURES: Mapping[str, TaskFigure] = {
    **dict.fromkeys(
        ("scores", "logits", "age", "gender", "race", "emotion", "handedness"), _LABELS
    ),
    **dict.fromkeys(("mask", "alpha", "note", "onset", "contour"), _AREAS),
    **dict.fromkeys(("keypoints", "landmarks", "worldLandmarks", "contours"), _POINTS),
    **dict.fromkeys(("embedding", "tokenEmbeddings"), _EMBEDDINGS),
    "image": _PICTURES,
}
"""The figure of each role that has one; docs/proof.md has the survey behind the numbers."""


@dataclass(frozen=True, kw_only=True)
class TaskReading:
    """The figure of an output's task, as it was measured.

    Attributes:
        value: What was measured.
        least: Smallest value that passes.
        noun: What it counts or measures: "labels".
        words: A sentence with the value: "0.99 of the labels agree".
    """

    value: float
    least: float
    noun: str
    words: str

    @property
    def passes(self) -> bool:
        """Whether the reading of the output stays."""
        return self.value >= self.least

    def describe(self) -> str:
        """Return the figure beside what it has to be: "labels 0.9, least 0.98"."""
        return f"{self.noun} {self.value:.4g}, least {self.least:g}"


def read_figure(roles: Sequence[str], figures: Figures) -> TaskReading | None:
    """Return the figure of an output's task.

    Args:
        roles: The roles of the output; the first that has a figure counts.
        figures: Its figures.

    Returns:
        None for an output without such a figure.
    """
    figure = next((TASK_FIGURES[role] for role in roles if role in TASK_FIGURES), None)
    value = figure.measured(figures) if figure else None
    if figure is None or value is None:
        return None
    words = figure.say(value)
    return TaskReading(value=value, least=figure.least, noun=figure.noun, words=words)


def say_figure(roles: Sequence[str], figures: Figures) -> str | None:
    """Return the figure of an output's task in words: "0.99 of the labels agree".

    Args:
        roles: The roles of the output; the first that has a figure counts.
        figures: Its figures.

    Returns:
        None for an output without such a figure.
    """
    reading = read_figure(roles, figures)
    return None if reading is None else reading.words


def measure_task(role: str, reference: Sequence[Array], found: Sequence[Array]) -> Figures:
    """Return the figures of an output's task; empty for a role without.

    Args:
        role: The role.
        reference: The reference's values on each vector.
        found: The values of TensorFlow.js, in equal shapes.
    """
    figure = TASK_FIGURES.get(role)
    return _METRICS[figure.names](reference, found) if figure else {}


def _compare_points(reference: Sequence[Array], found: Sequence[Array]) -> Figures:
    if all(are_keypoints(array) for array in reference):
        return compare_keypoints(reference, found, limit=POINT_LIMIT).figures()
    return _compare_coordinates(reference, found)


def _compare_coordinates(reference: Sequence[Array], found: Sequence[Array]) -> Figures:
    """Compare points in a flat list, which does not say how many numbers make a point.

    Returns:
        `coordinateAgreement`: the share of numbers within 2 % of the range of all of them.
    """
    agreeing = num_values = 0
    for r, a in zip(reference, found, strict=True):
        scale = float(np.ptp(r)) if r.size else 0.0
        agreeing += int((np.abs(a.astype(np.float64) - r) <= POINT_LIMIT * scale).sum())
        num_values += r.size
    return {"coordinateAgreement": agreeing / num_values} if num_values else {}


def _compare_areas(reference: Sequence[Array], found: Sequence[Array]) -> Figures:
    figures = compare_masks(reference, found)
    if not figures:
        return {}
    least = min(
        compare_masks([r], [a], like=reference)["meanIou"]
        for r, a in zip(reference, found, strict=True)
        if r.size
    )
    return {**figures, "minIou": least}


def _compare_pictures(reference: Sequence[Array], found: Sequence[Array]) -> Figures:
    """Compare pictures by their peak signal-to-noise ratio, the peak being the reference's range.

    Returns:
        `minPsnrDb`: 20 log10(range / root mean square error) of the worst vector, in dB. 40 dB is
        1 % of the range: more than a good JPEG keeps. Empty if no vector differs or varies.
    """
    least: float | None = None
    for r, a in zip(reference, found, strict=True):
        if not r.size:
            continue
        peak, error = float(np.ptp(r)), float(np.sqrt(np.mean((a.astype(np.float64) - r) ** 2)))
        if peak and error:
            ratio = 20 * math.log10(peak / error)
            least = ratio if least is None else min(least, ratio)
    return {} if least is None else {"minPsnrDb": least}


_METRICS: Mapping[Sequence[str], Callable[[Sequence[Array], Sequence[Array]], Figures]] = {
    _LABELS.names: compare_classes,
    _AREAS.names: _compare_areas,
    _POINTS.names: _compare_points,
    _EMBEDDINGS.names: compare_embeddings,
    _PICTURES.names: _compare_pictures,
}
