"""Classification: classes, masks and embeddings compared."""

import numpy as np
import pytest

from pipeline.proof.judge.choices import compare_classes, compare_embeddings, compare_masks
from pipeline.proof.judge.fidelity import Array


def one_hot(*classes: int, num_classes: int = 8) -> Array:
    return np.eye(num_classes, dtype=np.float32)[list(classes)]


def test_top_1_and_top_5_by_hand() -> None:
    reference = [one_hot(3, 7), one_hot(0)]
    second = np.array([[9, 8, 7, 6, 5, 4, 3, 2]], np.float32)
    # 3 stays best; 7 is last of eight; 0 is best of all.
    found = [np.concatenate([one_hot(3), second]), second]

    assert compare_classes(reference, found) == {
        "samples": 3,
        "top1Agreement": pytest.approx(2 / 3),
        "top5Agreement": pytest.approx(2 / 3),
    }


def test_the_fifth_place_counts_and_the_sixth_does_not() -> None:
    scores = np.array([[9, 8, 7, 6, 5, 4, 3, 2]], np.float32)

    assert compare_classes([one_hot(4)], [scores])["top5Agreement"] == 1.0
    assert compare_classes([one_hot(5)], [scores])["top5Agreement"] == 0.0


def test_of_five_classes_top_5_says_nothing() -> None:
    scores = [one_hot(1, num_classes=5)]
    assert compare_classes(scores, scores) == {"samples": 1, "top1Agreement": 1.0}


def test_a_tie_of_the_reference_allows_either() -> None:
    tie = np.array([[0.4, 0.4, 0.2]], np.float32)
    assert compare_classes([tie], [one_hot(1, num_classes=3)])["top1Agreement"] == 1.0
    assert compare_classes([tie], [one_hot(2, num_classes=3)])["top1Agreement"] == 0.0


def test_one_score_is_no_choice() -> None:
    score = [np.array([[0.7]], np.float32)]
    assert compare_classes(score, score) == {}
    assert compare_classes([np.float32(1).reshape(())], [np.float32(1).reshape(())]) == {}


def test_masks_by_hand() -> None:
    reference = np.array([0.9, 0.6, 0.4, 0.1], np.float32).reshape(1, 2, 2, 1)
    found = np.array([0.9, 0.4, 0.4, 0.1], np.float32).reshape(1, 2, 2, 1)

    # Inside 1 of 2, outside 2 of 3.
    assert compare_masks([reference], [found]) == {
        "pixelAgreement": 0.75,
        "meanIou": pytest.approx((1 / 2 + 2 / 3) / 2),
    }


def test_a_mask_of_logits_is_cut_at_zero() -> None:
    reference = np.array([-3.0, 0.2, 5.0], np.float32).reshape(1, 3, 1)
    found = np.array([-3.0, 0.6, 5.0], np.float32).reshape(1, 3, 1)
    assert compare_masks([reference], [found])["meanIou"] == 1.0


def test_one_half_itself_is_outside() -> None:
    half = np.full((1, 2, 1), 0.5, np.float32)
    assert compare_masks([half], [np.zeros_like(half)])["meanIou"] == 1.0


def test_a_mask_of_channels_is_its_largest() -> None:
    reference, found = one_hot(0, 1, 2, 2, num_classes=3), one_hot(0, 1, 2, 1, num_classes=3)
    assert compare_masks([reference], [found]) == {
        "pixelAgreement": 0.75,
        "meanIou": pytest.approx((1 + 1 / 2 + 1 / 2) / 3),
    }


def test_a_mask_of_whole_numbers_is_classes() -> None:
    reference = np.array([[0, 0, 5, 5]], np.int32)
    found = np.array([[0, 0, 5, 6]], np.int32)
    # 0: 2 of 2; 5: 1 of 2; 6: 0 of 1.
    assert compare_masks([reference], [found])["meanIou"] == pytest.approx(0.5)


def test_the_smallest_cosine_of_all_samples_counts() -> None:
    reference = [np.array([[1, 0], [0, 2]], np.float32), np.array([[3, 4]], np.float32)]
    found = [np.array([[5, 0], [0, 1]], np.float32), np.array([[4, 3]], np.float32)]

    assert compare_embeddings(reference, found) == {"minCosine": pytest.approx(24 / 25)}
    assert compare_embeddings([np.zeros((1, 3))], [np.zeros((1, 3))]) == {}
