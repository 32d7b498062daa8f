"""Keypoints: distances in the size of the pose."""

import numpy as np
import pytest

from pipeline.proof.judge.keypoint_distances import are_keypoints, compare_keypoints

# A box of 3 by 4: its diagonal is 5.
POSE = np.array([[[0, 0, 0.9], [3, 4, 0.8], [1, 1, 0.1]]], np.float32)


def test_distances_by_hand() -> None:
    found = POSE.copy()
    found[0, 1, :2] += (0.03, 0.04)
    found[0, 2, :2] += (0.3, -0.4)
    found[0, :, 2] = 0
    figures = compare_keypoints([POSE], [found], limit=0.011)

    assert figures.num_keypoints == 3
    assert figures.num_agreeing == 2
    assert figures.agreement == pytest.approx(2 / 3)
    assert figures.max_distance == pytest.approx(0.1, rel=1e-5)
    assert figures.mean_distance == pytest.approx(0.11 / 3, rel=1e-5)


def test_the_limit_itself_agrees() -> None:
    found = POSE.copy()
    found[0, 0, 0] -= 0.25
    assert compare_keypoints([POSE], [found], limit=0.05).num_agreeing == 3
    assert compare_keypoints([POSE], [found], limit=0.0499).num_agreeing == 2


def test_each_pose_has_its_own_size() -> None:
    two = np.concatenate([POSE, POSE * 10])
    figures = compare_keypoints([two], [two + 1], limit=0.1)

    assert figures.max_distance == pytest.approx(np.sqrt(2) / 5, rel=1e-6)
    assert figures.num_agreeing == 3


def test_one_point_is_measured_by_its_place() -> None:
    figures = compare_keypoints([np.array([[6.0, 8.0]])], [np.array([[6.0, 8.8]])], limit=0.1)
    assert figures.max_distance == pytest.approx(0.1)


def test_nan_is_within_no_limit() -> None:
    found = POSE.copy()
    found[0, 1, 0] = np.nan
    assert compare_keypoints([POSE], [found], limit=1e9).num_agreeing == 2


def test_no_points_do_not_agree() -> None:
    empty = np.zeros((1, 0, 3), np.float32)
    assert compare_keypoints([empty], [empty], limit=1.0).agreement == 0.0


@pytest.mark.parametrize(
    ("shape", "answer"),
    [((1, 1, 17, 3), True), ((17, 2), True), ((1, 63), False), ((1, 64, 64, 39), False)],
)
def test_points_lie_along_the_last_axis(shape: tuple[int, ...], answer: bool) -> None:
    assert are_keypoints(np.zeros(shape, np.float32)) is answer
