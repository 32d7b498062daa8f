"""Rounding that is fitted to the inputs of an op, against rounding to the nearest."""

from collections.abc import Sequence

import numpy as np
import pytest

from pipeline.tfjs.quantize.fitted_rounding import encode_fitted, find_spread
from pipeline.tfjs.quantize.forms import Array, Form, encode

RNG = np.random.default_rng(3)


def related(groups: int, summed: int) -> Array:
    """Return rows of inputs of which each is much like its neighbours, float64."""
    mixed = RNG.normal(size=(groups, summed, summed)) * 0.3 + np.eye(summed)
    made: Array = RNG.normal(size=(groups, 600, summed)) @ mixed
    return made


def products_of(rows: Array) -> Array:
    made: Array = rows.transpose(0, 2, 1) @ rows
    return made


def outputs(rows: Array, error: Array, form: Form, groups: Sequence[int]) -> Array:
    """Return what an error of a weight makes of the outputs: (groups, rows, channels)."""
    kept = [axis for axis in form.channels if axis not in groups]
    summed = [axis for axis in range(error.ndim) if axis not in form.channels]
    matrices = error.transpose(*groups, *summed, *kept).reshape(*rows.shape[::2], -1)
    made: Array = rows @ matrices
    return made


@pytest.mark.parametrize(
    ("shape", "form", "groups"),
    [
        pytest.param((3, 3, 16, 24), Form(dtype="uint8", channels=(3,)), (), id="convolution"),
        pytest.param(
            (3, 3, 16, 24), Form(dtype="uint8", channels=(3,), block=36), (), id="in blocks"
        ),
        pytest.param((5, 5, 20, 2), Form(dtype="uint8", channels=(2, 3)), (2,), id="depthwise"),
        pytest.param((100, 50), Form(dtype="uint8", channels=(1,)), (), id="matrix"),
        pytest.param((50, 100), Form(dtype="uint8", channels=(0,)), (), id="transposed matrix"),
        pytest.param((50, 100), Form(dtype="uint8", channels=(0,), block=25), (), id="its blocks"),
        pytest.param((100, 50), Form(dtype="uint8", channels=(1,), bits=4), (), id="4 bits"),
        pytest.param(
            (5, 5, 20, 2), Form(dtype="uint8", channels=(2, 3), bits=4), (2,), id="4 bits depthwise"
        ),
        pytest.param(
            (50, 100),
            Form(dtype="uint8", channels=(0,), block=25, bits=4),
            (),
            id="4 bits in blocks",
        ),
    ],
)
def test_outputs_are_nearer_than_those_of_the_nearest_numbers(
    shape: tuple[int, ...], form: Form, groups: tuple[int, ...]
) -> None:
    values = RNG.normal(size=shape).astype(np.float32)
    summed = [n for axis, n in enumerate(shape) if axis not in form.channels]
    rows = related(shape[groups[0]] if groups else 1, int(np.prod(summed)))
    nearest = encode(values, form)
    fitted = encode_fitted(values, form, find_spread(products_of(rows)), groups=groups)
    losses = [
        np.linalg.norm(outputs(rows, one.decode() - values, form, groups))
        for one in (nearest, fitted)
    ]

    assert losses[1] < 0.87 * losses[0]
    assert fitted.scales is not None
    assert nearest.scales is not None
    assert np.array_equal(fitted.scales, nearest.scales)
    assert fitted.quantization == nearest.quantization
    assert fitted.stored.shape == nearest.stored.shape
    assert np.abs(fitted.decode() - values).max() < 8 * np.abs(nearest.decode() - values).max()


def test_inputs_that_have_nothing_in_common_leave_the_nearest() -> None:
    values = RNG.normal(size=(30, 8)).astype(np.float32)
    form = Form(dtype="uint8", channels=(1,))

    for products in (np.eye(30)[None], np.zeros((1, 30, 30))):
        fitted = encode_fitted(values, form, find_spread(products))
        difference = fitted.stored.astype(int) - encode(values, form).stored
        assert np.abs(difference).max() <= 1  # a tie
        assert np.mean(difference == 0) > 0.99


def test_a_group_that_is_hardly_heard_is_rounded_to_the_nearest() -> None:
    values = RNG.normal(size=(3, 3, 2, 1)).astype(np.float32)
    form = Form(dtype="uint8", channels=(2, 3))
    faint = 1e-46 * RNG.normal(size=(9, 9))  # no sum of squares: float32 lost all but noise
    products = np.stack([np.eye(9), faint + 1e-45])

    fitted = encode_fitted(values, form, find_spread(products), groups=(2,))
    assert np.array_equal(fitted.stored[:, :, 1], encode(values, form).stored[:, :, 1])


def test_the_same_products_make_the_same_numbers() -> None:
    values = RNG.normal(size=(3, 3, 8, 1)).astype(np.float32)
    form = Form(dtype="uint8", channels=(2, 3))
    products = products_of(related(8, 9))

    first, second = (
        encode_fitted(values, form, find_spread(products), groups=(2,)) for _ in range(2)
    )
    assert np.array_equal(first.stored, second.stored)
    alone = encode_fitted(values[:, :, 3:4], form, find_spread(products[3:4]), groups=(2,))
    whole = first.decode()[:, :, 3]
    assert np.abs(alone.decode()[:, :, 0] - whole).max() < np.abs(values).max() / 100
