"""Fidelity: figures of one output, by hand and over random values."""

import math
from typing import Any

import numpy as np
import pytest

from pipeline.disk.canonical import format_json
from pipeline.proof.judge import fidelity
from pipeline.proof.judge.fidelity import Worst, compare, measure_scale
from pipeline.proof.judge.figures import figures_json, round_figure, round_share


def f32(*values: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array(values, np.float32)


def test_figures_by_hand() -> None:
    reference = [f32(*range(16)), f32(0.0, 3.0, 4.0)]
    found = [f32(*range(16)), f32(0.0, 3.5, 3.0)]
    figures = compare(reference, found, atol=0.5, rtol=0.0)

    squares = sum(i * i for i in range(16))
    assert figures.num_values == 19
    assert figures.num_equal == 17
    assert figures.max_abs_error == 1.0
    assert figures.scale == 15.0
    assert figures.max_rel_error == pytest.approx(1 / 15, rel=1e-12)
    # 0.5 is within 0.5, 1.0 is not.
    assert figures.mismatches == 1
    assert figures.mismatches_per_million == pytest.approx(1e6 / 19, rel=1e-12)
    assert figures.worst == Worst(vector=1, position=(2,), expected=4.0, found=3.0)
    signal = squares + 9 + 16
    assert figures.snr_db == pytest.approx(10 * math.log10(signal / 1.25), rel=1e-12)
    cosine = (squares + 10.5 + 12) / math.sqrt(signal * (squares + 12.25 + 9))
    assert figures.cosine == pytest.approx(cosine, rel=1e-12)


def test_rtol_is_of_the_reference_and_added_to_atol() -> None:
    # |a - r| is 3; 1 + 0.1 * 20 allows it, 1 + 0.1 * 17 does not.
    assert compare([f32(20)], [f32(17)], atol=1.0, rtol=0.1).mismatches == 0
    assert compare([f32(17)], [f32(20)], atol=1.0, rtol=0.1).mismatches == 1
    assert compare([f32(20)], [f32(17)], atol=0.99, rtol=0.1).mismatches == 1


@pytest.mark.parametrize(
    ("arrays", "scale"),
    [
        pytest.param([f32(*range(100, 116))], 15.0, id="16 values: their range"),
        pytest.param([f32(*range(100, 115))], 114.0, id="15 values: with 0"),
        pytest.param([f32(*range(100, 108)), f32(*range(108, 116))], 15.0, id="over two vectors"),
        pytest.param([f32(*range(-115, -99), math.inf, math.nan)], 15.0, id="finite ones only"),
        pytest.param([np.full(50, 7, np.float32)], 7.0, id="constant: its magnitude"),
        pytest.param([np.zeros(50, np.float32)], 0.0, id="zeros"),
        pytest.param([f32()], 0.0, id="empty"),
        pytest.param([np.array([True, True])], 1.0, id="bool"),
        pytest.param([np.arange(20, dtype=np.int32)], 19.0, id="int32"),
    ],
)
def test_scale(arrays: list[Any], scale: float) -> None:
    assert measure_scale(arrays) == scale


def test_equal_infinities_at_equal_places_are_no_error() -> None:
    mask = f32(-math.inf, 0.0, math.inf, 1.0)
    figures = compare([mask], [mask.copy()], atol=0.0, rtol=0.0)

    assert (figures.num_equal, figures.num_infinite, figures.mismatches) == (4, 0, 0)
    assert figures.max_abs_error == 0.0
    assert figures.worst is None


def test_nan_in_both_is_no_error_and_enters_no_figure() -> None:
    values = f32(math.nan, 1.0, 3.0)
    figures = compare([values], [f32(math.nan, 2.0, 3.0)], atol=2.0, rtol=0.0)

    assert (figures.num_equal, figures.num_nan, figures.mismatches) == (2, 0, 0)
    assert figures.max_abs_error == 1.0
    assert figures.rms_errors[0] == pytest.approx(math.sqrt(1 / 3))


def test_the_worst_value_is_the_farthest_beyond_its_own_limit() -> None:
    reference, found = [f32(0.0, 1.0), f32(0.0, 1.0)], [f32(0.5, 1.0), f32(0.1, 1.0)]
    figures = compare(reference, found, atol=[1.0, 0.01], rtol=0.0)

    assert figures.mismatches == 1
    assert figures.worst is not None
    assert (figures.worst.vector, figures.max_abs_error) == (1, 0.5)


@pytest.mark.parametrize(
    ("expected", "found", "counts"),
    [
        pytest.param(1.0, math.inf, (0, 1), id="infinite"),
        pytest.param(-math.inf, -1e30, (0, 1), id="no longer infinite"),
        pytest.param(math.inf, -math.inf, (0, 1), id="other sign"),
        pytest.param(1.0, math.nan, (1, 0), id="NaN"),
        pytest.param(math.nan, 1.0, (1, 0), id="NaN in the reference"),
        pytest.param(math.inf, math.nan, (1, 0), id="NaN for infinity"),
    ],
)
def test_nan_and_strange_infinities_are_counted_and_worst(
    expected: float, found: float, counts: tuple[int, int]
) -> None:
    figures = compare([f32(5.0, expected, 3.0)], [f32(9.0, found, 3.0)], atol=1e9, rtol=1.0)

    assert (figures.num_nan, figures.num_infinite) == counts
    assert figures.mismatches == 1
    # They do not hide the errors of the others.
    assert figures.max_abs_error == 4.0
    assert figures.worst is not None
    assert figures.worst.position == (1,)
    format_json(figures.to_json())


def test_empty_outputs_agree_and_prove_nothing() -> None:
    empty = np.zeros((0, 4), np.float32)
    figures = compare([empty], [empty], atol=0.0, rtol=0.0)

    assert figures.num_values == 0
    assert figures.equal_rate == 1.0
    assert figures.mismatches_per_million == 0.0
    assert (figures.cosine, figures.snr_db, figures.worst) == (None, None, None)


def test_a_scalar_has_an_empty_position() -> None:
    figures = compare([np.float32(2).reshape(())], [np.float32(3).reshape(())], atol=0, rtol=0)

    assert figures.worst == Worst(vector=0, position=(), expected=2.0, found=3.0)
    assert figures.max_rel_error == 0.5


def test_whole_numbers_and_booleans() -> None:
    whole = compare(
        [np.array([2**31 - 1, 5], np.int32)], [np.array([2**31 - 2, 5], np.int32)], atol=0, rtol=0
    )
    flags = compare([np.array([True, False])], [np.array([True, True])], atol=0.0, rtol=0.0)

    assert (whole.max_abs_error, whole.num_equal) == (1.0, 1)
    assert (flags.max_abs_error, flags.max_rel_error, flags.equal_rate) == (1.0, 1.0, 0.5)


def test_strings_are_equal_or_not() -> None:
    reference = np.array([[b"Python", b"C", b"\xff"]], object)
    found = np.array([[b"Python", b"C++", b"\xff"]], object)
    figures = compare([reference], [found], atol=0.0, rtol=0.0)

    assert (figures.num_values, figures.num_equal, figures.mismatches) == (3, 2, 1)
    assert figures.max_abs_error is None
    assert figures.worst == Worst(vector=0, position=(0, 1), expected="C", found="C++")


def test_complex_values_are_compared_part_by_part() -> None:
    figures = compare(
        [np.array([1 + 2j], np.complex64)], [np.array([1 + 5j], np.complex64)], atol=0, rtol=0
    )

    assert (figures.num_values, figures.max_abs_error) == (2, 3.0)
    assert figures.worst is not None
    assert figures.worst.position == (0, 1)


@pytest.mark.parametrize("seed", range(5))
def test_blocks_give_what_the_whole_gives(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    reference = [rng.normal(size=(7, 11, 3)).astype(np.float32) for _ in range(2)]
    noise = rng.normal(scale=0.1, size=(2, 7, 11, 3)).astype(np.float32)
    found = [r + n for r, n in zip(reference, noise, strict=True)]
    monkeypatch.setattr(fidelity, "_BLOCK", 10)
    figures = compare(reference, found, atol=0.1, rtol=0.01)

    r, a = (
        np.concatenate([x.ravel() for x in side]).astype(np.float64) for side in (reference, found)
    )
    error = np.abs(a - r)
    worst = int(error.argmax())
    assert figures.max_abs_error == error.max()
    assert figures.max_rel_error == pytest.approx(error.max() / (r.max() - r.min()), rel=1e-12)
    assert figures.mismatches == (error > 0.1 + 0.01 * np.abs(r)).sum()
    assert figures.snr_db == pytest.approx(
        10 * np.log10((r**2).sum() / (error**2).sum()), rel=1e-12
    )
    assert figures.cosine == pytest.approx(r @ a / np.linalg.norm(r) / np.linalg.norm(a), rel=1e-12)
    assert figures.worst is not None
    assert figures.worst.vector == worst // reference[0].size
    assert figures.worst.position == np.unravel_index(worst % reference[0].size, (7, 11, 3))


def test_json_has_two_digits_and_the_catalogs_keys() -> None:
    reference, found = f32(*range(32)), f32(*range(32))
    found[3] += 0.0012345
    figures = compare([reference], [found], atol=0.0, rtol=0.0).to_json()

    assert figures == {
        "maxAbsError": 0.0012,
        "maxRelError": 4.0e-5,
        "mismatchesPerMillion": 31000.0,
        "worst": {"vector": 0, "position": [3]},
        "cosine": pytest.approx(1.0, abs=1e-9),
        "snrDb": 98.0,
        "equalRate": 0.969,
        "nan": 0,
        "infinite": 0,
    }


@pytest.mark.parametrize(
    ("value", "figure", "share"),
    [
        pytest.param(0.98765, 0.99, 0.988, id="below 1"),
        pytest.param(0.99998765, 1.0, 0.999988, id="just below 1"),
        pytest.param(1.0, 1.0, 1.0, id="1"),
        pytest.param(1 + 2e-16, 1.0, 1.0, id="beyond 1 by a bit"),
        pytest.param(0.0, 0.0, 0.0, id="0"),
        pytest.param(None, None, None, id="none"),
        pytest.param(math.inf, None, None, id="infinite"),
    ],
)
def test_rounding(value: float | None, figure: float | None, share: float | None) -> None:
    assert round_figure(value) == figure
    assert round_share(value) == share


def test_figures_of_a_task_keep_counts_whole() -> None:
    figures = {"boxes": 1234, "agreement": 0.99987, "maxScoreDifference": 0.012345, "minIou": None}

    assert figures_json(figures) == {
        "boxes": 1234,
        "agreement": 0.99987,
        "maxScoreDifference": 0.012,
        "minIou": None,
    }
