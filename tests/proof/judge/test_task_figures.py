"""Task figures: a quantized output is judged by what its users see of it."""

from collections.abc import Sequence

import numpy as np
import pytest

from pipeline.proof.judge.fidelity import Array
from pipeline.proof.judge.task_figures import TASK_FIGURES, measure_task, say_figure

RNG = np.random.default_rng(3)


def judge(role: str, reference: Sequence[Array], found: Sequence[Array]) -> str | None:
    figure = TASK_FIGURES[role]
    value = figure.measured(measure_task(role, reference, found))
    assert value is not None
    return figure.judge(value)


def test_labels_must_stay() -> None:
    scores = np.array([[0.1, 0.7, 0.2], [0.6, 0.3, 0.1]], np.float32)

    assert judge("scores", [scores], [scores + np.float32(0.05)]) is None
    assert judge("scores", [scores], [scores[:, ::-1].copy()]) == (
        "0.5 of the labels agree; expected at least 0.98 (the figure of its task)"
    )


def test_a_share_of_one_is_all() -> None:
    assert say_figure(["scores"], {"top1Agreement": 1.0}) == "all of the labels agree"
    assert say_figure(["scores"], {"top1Agreement": 0.99}) == "0.99 of the labels agree"
    assert say_figure(["mask"], {"minIou": 1.0}) == "the areas overlap by 1 of their union"


@pytest.mark.parametrize(("error", "passes"), [(0.009, True), (0.011, False)])
def test_pictures_keep_forty_decibels(error: float, passes: bool) -> None:
    picture = np.tile(np.linspace(0, 255, 64, dtype=np.float32), (1, 64, 1))[..., None]
    noise = RNG.choice([-1.0, 1.0], picture.shape).astype(np.float32)

    fault = judge("image", [picture, picture], [picture + noise, picture + noise * 255 * error])
    assert (fault is None) == passes
    if not passes:
        assert str(fault).startswith("a picture has a peak signal-to-noise ratio of 39.17 dB; ")


def test_pictures_without_a_difference_have_no_ratio() -> None:
    assert measure_task("image", [np.ones((1, 4, 4, 3))], [np.ones((1, 4, 4, 3))]) == {}


def test_a_single_score_has_no_label() -> None:
    score = np.array([[0.7]], np.float32)

    assert TASK_FIGURES["scores"].measured(measure_task("scores", [score], [score])) is None


def test_the_worst_mask_decides() -> None:
    half = np.zeros((1, 10, 10, 1), np.float32)
    half[:, :5] = 1
    shifted = np.roll(half, 1, axis=1)

    assert judge("mask", [half, half], [half, half]) is None
    # One of nine rows lies in both halves only once: 4 / 6.
    fault = judge("mask", [half] * 9, [*[half] * 8, shifted])
    assert fault is not None
    assert fault.startswith("the areas overlap by 0.6667 of their union; expected at least 0.95 ")


@pytest.mark.parametrize(("share", "passes"), [(0.019, True), (0.021, False)])
def test_points_may_move_by_two_percent_of_their_figure(
    share: float, passes: bool
) -> None:  # the expectation
    points = RNG.random((1, 21, 2)).astype(np.float32)
    size = float(np.linalg.norm(np.ptp(points[0], axis=0)))
    flat = points.reshape(1, 42)

    moved = points + np.array([share * size, 0])
    assert (judge("keypoints", [points], [moved]) is None) == passes
    across = share * float(np.ptp(flat))
    assert (judge("landmarks", [flat], [flat + np.float32(across)]) is None) == passes


def test_embeddings_must_keep_their_direction() -> None:
    embedding = RNG.normal(size=(2, 64)).astype(np.float32)
    turned = embedding.copy()
    turned[1] = embedding[0]

    assert judge("embedding", [embedding], [3 * embedding]) is None
    assert judge("embedding", [embedding], [turned]) is not None
