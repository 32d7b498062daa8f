"""Detection: boxes as a set."""

from typing import Any

import numpy as np
import pytest

from pipeline.proof.judge.box_matching import (
    DetectionLimits,
    Detections,
    compare_detections,
    match_boxes,
    overlap,
    read_detections,
)

LIMITS = DetectionLimits(box=0.01, score=0.01)


def detections(*rows: tuple[list[float], float, int]) -> Detections:
    boxes = np.array([box for box, _, _ in rows], np.float32).reshape(1, -1, 4)
    tensors = {
        "boxes": boxes,
        "scores": np.array([[score for _, score, _ in rows]], np.float32),
        "classes": np.array([[label for _, _, label in rows]], np.float32),
    }
    (image,) = read_detections(tensors)
    return image


A = [0.1, 0.1, 0.3, 0.3]
B = [0.5, 0.5, 0.9, 0.9]
C = [0.0, 0.6, 0.2, 0.8]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param([0, 0, 2, 2], 1.0, id="same"),
        pytest.param([1, 0, 3, 2], 2 / 6, id="half beside"),
        pytest.param([1, 1, 2, 2], 1 / 4, id="inside"),
        pytest.param([2, 0, 4, 2], 0.0, id="touching"),
        pytest.param([3, 3, 4, 4], 0.0, id="apart on both axes"),
        pytest.param([1, 1, 1, 1], 0.0, id="a point"),
    ],
)
def test_overlap_by_hand(other: list[float], expected: float) -> None:
    boxes = np.array([[0, 0, 2, 2]], np.float64)
    assert overlap(boxes, np.array([other], np.float64)) == pytest.approx(expected)
    swapped = np.array([other], np.float64)[:, [1, 0, 3, 2]]
    assert overlap(boxes, swapped) == pytest.approx(expected)


def test_equal_boxes_without_area_overlap() -> None:
    point = np.array([[1, 1, 1, 1]], np.float64)
    assert overlap(point, point) == 1.0


def test_a_swapped_order_agrees() -> None:
    reference = detections((A, 0.9, 1), (B, 0.8999, 2), (C, 0.5, 1))
    found = detections((B, 0.9, 2), (A, 0.8999, 1), (C, 0.5, 1))
    figures = compare_detections([reference], [found], LIMITS)

    assert figures.agreement == 1.0
    assert (figures.num_matched, figures.num_agreeing, figures.num_borderline) == (3, 3, 0)
    assert figures.mean_iou == 1.0
    assert figures.max_score_difference == pytest.approx(0.0001, rel=1e-3)
    assert figures.max_box_difference == 0.0


@pytest.mark.parametrize(
    ("row", "agrees"),
    [
        pytest.param((A, 0.9, 1), True, id="same"),
        pytest.param((A, 0.909, 1), True, id="score within the limit"),
        pytest.param((A, 0.911, 1), False, id="score beyond"),
        pytest.param((A, 0.9, 2), False, id="other class"),
        pytest.param(([0.1, 0.1, 0.3, 0.309], 0.9, 1), True, id="place within"),
        pytest.param(([0.1, 0.1, 0.3, 0.311], 0.9, 1), False, id="place beyond"),
        pytest.param((C, 0.9, 1), False, id="other place"),
    ],
)
def test_a_pair_agrees_in_class_score_and_place(
    row: tuple[list[float], float, int],
    agrees: bool,
) -> None:
    reference = detections((A, 0.9, 1), (B, 0.2, 1))
    figures = compare_detections([reference], [detections(row, (B, 0.2, 1))], LIMITS)

    assert figures.num_agreeing == 1 + agrees
    assert figures.agreement == (1.0 if agrees else 0.5)


def test_missing_and_invented_boxes_both_count() -> None:
    three = detections((A, 0.9, 1), (B, 0.8, 1), (C, 0.3, 1))
    two = detections((A, 0.9, 1), (C, 0.3, 1))

    for reference, found in ((three, two), (two, three)):
        figures = compare_detections([reference], [found], LIMITS)
        assert figures.num_borderline == 0
        assert figures.agreement == pytest.approx(2 * 2 / 5)


def test_the_last_of_a_list_may_be_another() -> None:
    reference = detections((A, 0.9, 1), (B, 0.305, 1), (C, 0.3, 1))
    # C and what stands for it score as low as anything; B does as well.
    found = detections((A, 0.9, 1), ([0.7, 0.0, 0.9, 0.2], 0.301, 1))
    figures = compare_detections([reference], [found], LIMITS)

    assert figures.num_borderline == 3
    assert figures.agreement == 1.0
    # A box that scores more than the limit above the last does not fall out.
    tight = compare_detections([reference], [found], DetectionLimits(box=0.01, score=0.004))
    assert tight.num_borderline == 2
    assert tight.agreement == pytest.approx(2 / 3)


def test_nothing_in_common_is_no_agreement_even_where_all_is_borderline() -> None:
    figures = compare_detections([detections((A, 0.5, 1))], [detections((B, 0.5, 1))], LIMITS)
    assert figures.num_borderline == 2
    assert figures.agreement == 0.0


def test_no_boxes_at_all_agree() -> None:
    nothing = detections(([0, 0, 0, 0], 0.0, 1))
    assert len(nothing.scores) == 0
    assert compare_detections([nothing], [nothing], LIMITS).agreement == 1.0


def test_of_two_classes_at_one_place_each_finds_its_own() -> None:
    nearly = [0.1, 0.1, 0.3, 0.3001]
    reference = detections((A, 0.9, 1), (nearly, 0.8, 2))
    # The class goes before the last bit of the overlap.
    found = detections((A, 0.9, 2), (nearly, 0.8, 1))

    assert [pair[:2] for pair in match_boxes(reference, found)] == [(0, 1), (1, 0)]


def test_each_box_found_is_used_once() -> None:
    reference = detections((A, 0.9, 1), (A, 0.9, 1))
    figures = compare_detections([reference], [detections((A, 0.9, 1))], LIMITS)
    assert figures.num_matched == 1


def test_half_an_overlap_matches_and_less_does_not() -> None:
    reference = detections(([0, 0, 2, 2], 0.9, 1))
    assert match_boxes(reference, detections(([0, 0, 2, 1], 0.9, 1)))
    assert not match_boxes(reference, detections(([0, 0, 2, 0.99], 0.9, 1)))


def tensors(**roles: Any) -> dict[str, Any]:
    return {role: np.asarray(values, np.float32) for role, values in roles.items()}


def test_count_cuts_each_image() -> None:
    boxes = np.arange(24).reshape(2, 3, 4)
    images = read_detections(tensors(boxes=boxes, scores=np.ones((2, 3)), count=[1, 3]))
    assert [len(image.scores) for image in images] == [1, 3]


def test_scores_of_classes_name_the_best() -> None:
    (image,) = read_detections(tensors(boxes=[[A, B]], scores=[[[0.1, 0.9, 0.3], [0.2, 0.1, 0.6]]]))
    assert image.classes is not None
    assert list(image.classes) == [1, 2]
    assert list(image.scores) == pytest.approx([0.9, 0.6])


def test_boxes_of_a_centre_become_corners() -> None:
    (image,) = read_detections(tensors(boxes=[[5, 6, 2, 4]], scores=[1]), form="centre")
    assert image.corners.tolist() == [[4, 4, 6, 8]]
    assert image.boxes.tolist() == [[5, 6, 2, 4]]


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"boxes": [[1, 2, 3]], "scores": [1]}, "last axis of 4"),
        ({"boxes": [[1, 2, 3, 4]] * 3, "scores": [1, 2]}, "one for each box"),
        ({"boxes": [A], "scores": [1], "classes": [1, 2]}, "one for each box"),
        ({"boxes": [A], "scores": [1], "count": [1, 1]}, "one for each image"),
    ],
)
def test_outputs_that_are_no_detections_are_refused(roles: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_detections(tensors(**roles))


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_the_same_boxes_agrees(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.random((50, 2))
    boxes = np.concatenate([low, low + rng.uniform(0.05, 0.3, (50, 2))], axis=1)
    scores, classes = rng.random(50), rng.integers(0, 3, 50)
    order = rng.permutation(50)
    (reference,) = read_detections(tensors(boxes=boxes, scores=scores, classes=classes))
    (found,) = read_detections(
        tensors(boxes=boxes[order], scores=scores[order], classes=classes[order])
    )

    assert compare_detections([reference], [found], LIMITS).agreement == 1.0
