"""Forms of weights: their arithmetic, against the formula written out."""

import numpy as np
import pytest

from pipeline.tfjs.model.weight_manifest import WeightSpec
from pipeline.tfjs.quantize.forms import (
    AS_IN_BASE,
    Array,
    Form,
    block_form,
    encode,
    find_form_fault,
    scale_layout,
)
from pipeline.tfjs.quantize.quantization import quantize
from pipeline.tfjs.quantize.scaled_weights import measure_form

RNG = np.random.default_rng(11)
UNEVEN = np.array([1e-3, 0.02, 0.5, 1, 30, 4, 7, 0.3], np.float32)
KERNEL = (RNG.normal(size=(3, 2, 8, 8)) * UNEVEN).astype(np.float32)
CHANNELS = Form(dtype="uint8", channels=(3,))
BLOCKS = Form(dtype="uint8", channels=(3,), block=32)


def written_out(values: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """Return the numbers and the decoded values of the formula, in float64."""
    magnitude = np.abs(values.astype(np.float64)).max(axis=axes, keepdims=True)
    scales = magnitude / 127
    step = 2.0 ** np.rint(np.log2(np.median(scales[scales > 0])))
    shared = np.where(scales > 0, scales / step, 1).astype(np.float16).astype(np.float64)
    numbers = np.clip(np.rint(values / (shared * step)), -127, 127)
    return numbers, numbers * shared * step


@pytest.mark.parametrize(
    ("channels", "summed"),
    [
        pytest.param((3,), (0, 1, 2), id="convolution"),
        pytest.param((2, 3), (0, 1), id="depthwise"),
        pytest.param((2,), (0, 1, 3), id="transposed"),
        pytest.param((0,), (1, 2, 3), id="rows"),
    ],
)
def test_numbers_and_scales_are_those_of_the_formula(
    channels: tuple[int, ...], summed: tuple[int, ...]
) -> None:
    encoded = encode(KERNEL, Form(dtype="uint8", channels=channels))
    numbers, decoded = written_out(KERNEL, summed)

    assert encoded.stored.dtype == np.uint8
    assert np.abs(encoded.stored.astype(int) - 128 - numbers).max() <= 1  # a tie in float32
    assert np.mean(encoded.stored.astype(int) - 128 == numbers) > 0.99
    assert encoded.scales is not None
    assert encoded.scales.dtype == np.float16
    same = encoded.stored.astype(int) - 128 == numbers
    assert np.array_equal(encoded.decode()[same], decoded[same].astype(np.float32))


def test_no_value_is_off_by_more_than_half_a_scale_of_its_channel() -> None:
    error = np.abs(encode(KERNEL, CHANNELS).decode() - KERNEL).max(axis=(0, 1, 2))

    assert (error <= np.abs(KERNEL).max(axis=(0, 1, 2)) / 127 * 0.51).all()
    whole = encode(KERNEL, Form(dtype="uint8")).decode()
    assert np.abs(whole - KERNEL).max(axis=(0, 1, 2))[0] > 20 * error[0]


def test_a_channel_of_zeros_stays_zero_and_others_do_not_suffer() -> None:
    values = KERNEL.copy()
    values[..., 2] = 0
    encoded = encode(values, CHANNELS)

    assert not encoded.decode()[..., 2].any()
    assert (encoded.stored[..., 2] == 128).all()
    assert encoded.scales is not None
    assert encoded.scales[2] == 1
    assert np.array_equal(encoded.decode()[..., 3], encode(KERNEL, CHANNELS).decode()[..., 3])
    assert (
        not encode(np.zeros((4, 4), np.float32), Form(dtype="uint8", channels=(1,))).decode().any()
    )


def test_channels_far_apart_have_scales_in_float32() -> None:
    values = KERNEL.copy()
    values[..., 0] *= 1e-6
    encoded = encode(values, CHANNELS)

    assert encoded.scales is not None
    assert encoded.scales.dtype == np.float32
    error = np.abs(encoded.decode()[..., 0] - values[..., 0]).max()
    assert error <= np.abs(values[..., 0]).max() / 127 * 0.51


@pytest.mark.parametrize(
    ("shape", "channels", "block", "split", "scales"),
    [
        pytest.param((3, 3, 64, 16), (3,), 32, (18, 32, 16), (18, 1, 16), id="convolution"),
        pytest.param((16, 96), (0,), 32, (16, 3, 32), (16, 3, 1), id="rows"),
        pytest.param((2, 2, 16, 64), (2,), 32, (64, 2, 32), (64, 2, 1), id="transposed"),
        pytest.param((2, 48, 16), (0, 2), 24, (2, 2, 24, 16), (2, 2, 1, 16), id="matrices"),
        pytest.param((3, 3, 24, 16), (3,), 27, (8, 27, 16), (8, 1, 16), id="a divisor"),
    ],
)
def test_blocks_lie_along_the_sum(
    shape: tuple[int, ...],
    channels: tuple[int, ...],
    block: int,
    split: tuple[int, ...],
    scales: tuple[int, ...],
) -> None:
    form = block_form(shape, channels, 32)
    layout = scale_layout(shape, form)

    assert form.block == block
    assert (layout.split, layout.scales) == (split, scales)
    values = RNG.normal(size=shape).astype(np.float32)
    encoded = encode(values, form)
    assert encoded.scales is not None
    assert encoded.scales.shape == scales
    per_channel = np.linalg.norm(
        encode(values, Form(dtype="uint8", channels=channels)).decode() - values
    )
    assert np.linalg.norm(encoded.decode() - values) < per_channel


@pytest.mark.parametrize(
    ("shape", "channels"),
    [
        pytest.param((31, 16), (1,), id="a prime number of values"),
        pytest.param((74, 16), (1,), id="no divisor near it"),
        pytest.param((3, 3, 1, 64), (2, 3), id="depthwise"),
        pytest.param((32, 8), (1,), id="one block"),
    ],
)
def test_few_values_share_one_scale(shape: tuple[int, ...], channels: tuple[int, ...]) -> None:
    form = block_form(shape, channels, 32)

    assert form.block is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_infinite_value_is_a_fault(value: float) -> None:
    values = KERNEL.copy()
    values[0, 0, 0, 0] = value

    fault = find_form_fault(values, CHANNELS)
    assert fault is not None
    assert "only finite values are quantized" in fault


def test_outliers_in_every_channel_are_a_fault() -> None:
    values = RNG.normal(size=(4096, 4)).astype(np.float32)
    values[0] = 1e6

    fault = find_form_fault(values, Form(dtype="uint8", channels=(1,)))
    assert fault is not None
    assert fault.startswith("outliers stretch its scales")
    assert find_form_fault(KERNEL, CHANNELS) is None


def test_other_forms_are_the_converters() -> None:
    for dtype in ("float16", "uint8", "uint16"):
        encoded = encode(KERNEL, Form(dtype=dtype))
        stored, quantization = quantize(KERNEL, dtype)
        assert np.array_equal(encoded.stored, stored)
        assert encoded.quantization == quantization
        assert encoded.scales is None
    assert encode(KERNEL, AS_IN_BASE).stored is KERNEL


@pytest.mark.parametrize(
    ("form", "num_bytes"),
    [
        pytest.param(AS_IN_BASE, 4 * 4096, id="float32"),
        pytest.param(Form(dtype="float16"), 2 * 4096, id="float16"),
        pytest.param(CHANNELS, 4096 + 2 * 64, id="per channel"),
        pytest.param(
            Form(dtype="uint8", channels=(3,), block=32), 4096 + 2 * 128 + 16, id="blocks"
        ),
    ],
)
def test_bytes_of_a_form(form: Form, num_bytes: int) -> None:
    spec = WeightSpec(name="conv/kernel", shape=(1, 1, 64, 64), dtype="float32")
    text = measure_form(spec, form) - num_bytes

    assert 50 < text < 700
