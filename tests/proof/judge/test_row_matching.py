"""Rows: outputs compared as sets."""

from typing import Any

import numpy as np
import pytest

from pipeline.proof.judge.row_matching import compare_rows


def rows(
    reference: Any, found: Any, *, atol: float = 0.1, rtol: float = 0.0, batch: int | None = None
) -> tuple[int, int, int]:
    figures = compare_rows(
        [np.asarray(reference)], [np.asarray(found)], atol=atol, rtol=rtol, batches=[batch]
    )
    return figures.num_reference, figures.num_found, figures.num_agreeing


def test_rows_agree_wherever_they_stand() -> None:
    assert rows([[1, 2], [3, 4], [5, 6]], [[5.05, 6], [1, 2], [3, 4.2]]) == (3, 3, 2)


def test_the_figure_is_dice() -> None:
    figures = compare_rows(
        [np.array([1.0, 2, 3])], [np.array([3.0])], atol=0.0, rtol=0.0, batches=[None]
    )
    assert figures.agreement == 2 * 1 / (3 + 1)


def test_each_row_is_used_once() -> None:
    assert rows([[1, 1], [1, 1]], [[1, 1], [2, 2]]) == (2, 2, 1)
    assert rows([[1, 1], [1, 1], [5, 5]], [[9, 9], [8, 8], [1, 1]]) == (3, 3, 1)
    assert rows([1.0, 1.0], [1.0, 2.0]) == (2, 2, 1)


def test_numbers_are_paired_as_well_as_they_can() -> None:
    # 1.0 with 0.9 and 1.1 with 1.0: were 1.0 given to 1.0, 1.1 had none.
    assert rows([1.0, 1.1], [1.0, 0.95], atol=0.101) == (2, 2, 2)


def test_the_limit_itself_agrees_and_rtol_is_of_the_reference() -> None:
    assert rows([8.0], [8.5], atol=0.5) == (1, 1, 1)
    assert rows([8.0], [8.5], atol=0.49) == (1, 1, 0)
    assert rows([8.0], [8.5], atol=0.25, rtol=1 / 32) == (1, 1, 1)
    assert rows([[8.0, 0]], [[8.5, 0]], atol=0.25, rtol=1 / 33) == (1, 1, 0)


@pytest.mark.parametrize(
    ("shape", "batch", "num_rows"),
    [
        pytest.param((1, 6), 1, 6, id="numbers of one image"),
        pytest.param((2, 6), 2, 12, id="numbers of two images"),
        pytest.param((6, 4), 1, 6, id="rows without a batch"),
        pytest.param((1, 6, 4), 1, 6, id="rows of one image"),
        pytest.param((2, 3, 2, 2), 2, 6, id="rows of tensors"),
        pytest.param((6,), 1, 6, id="numbers"),
        pytest.param((), 1, 1, id="scalar"),
        pytest.param((0, 4), 1, 0, id="none"),
    ],
)
def test_what_a_row_is(shape: tuple[int, ...], batch: int, num_rows: int) -> None:
    array = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    assert rows(array, array, batch=batch) == (num_rows, num_rows, num_rows)


def test_images_are_not_mixed() -> None:
    reference = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert rows(reference, reference[::-1], batch=2) == (4, 4, 0)


def test_nan_agrees_with_nan_and_equal_infinities_agree() -> None:
    assert rows([1.0, np.nan], [np.nan, 1.0]) == (2, 2, 2)
    assert rows([1.0, np.nan], [2.0, 1.0]) == (2, 2, 1)
    assert rows([[np.nan, 1]], [[np.nan, 1]]) == (1, 1, 1)
    assert rows([[np.nan, 1]], [[0, 1]]) == (1, 1, 0)
    assert rows([[np.inf, 1]], [[np.inf, 1]]) == (1, 1, 1)
    assert rows([[np.inf, 1]], [[-np.inf, 1]]) == (1, 1, 0)


def test_strings_are_names() -> None:
    reference = np.array([[b"C", b"Go"], [b"R", b"D"]], object)
    found = np.array([[b"R", b"D"], [b"C", b"go"]], object)
    assert rows(reference, found, atol=100.0) == (2, 2, 1)


def test_rows_of_another_width_do_not_agree() -> None:
    assert rows([[1, 2]], [[1, 2, 3]]) == (1, 1, 0)
