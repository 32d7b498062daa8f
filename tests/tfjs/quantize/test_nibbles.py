"""Numbers of 4 bits: packed, read as TensorFlow.js reads them, and taken apart exactly."""

import numpy as np
import pytest

from pipeline.tfjs.model.weights import dequantize
from pipeline.tfjs.quantize.forms import Form, encode
from pipeline.tfjs.quantize.nibbles import PACKED, find_pack_axis, pack, unpack

RNG = np.random.default_rng(4)
ALL = np.array([(high, low) for high in range(-7, 8) for low in range(-7, 8)], np.float32).T


def test_every_pair_of_numbers_comes_back() -> None:
    packed = pack(ALL, 0)

    assert packed.dtype == np.uint8
    assert packed.shape == (1, 225)
    assert np.array_equal(unpack(dequantize(packed, PACKED, "float32"), 0), ALL)


def test_float16_holds_the_bytes_too() -> None:
    read = dequantize(pack(ALL, 0), PACKED, "float32")

    assert np.array_equal(read.astype(np.float16).astype(np.float32), read)


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        pytest.param((4, 3), 0, id="the first"),
        pytest.param((3, 3, 8, 5), 2, id="the first that is even"),
        pytest.param((3, 5), None, id="none is even"),
        pytest.param((0, 3), None, id="no values"),
    ],
)
def test_numbers_are_packed_along_an_even_axis(shape: tuple[int, ...], axis: int | None) -> None:
    assert find_pack_axis(shape) == axis


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(Form(dtype="uint8", channels=(1,), bits=4), id="channels"),
        pytest.param(Form(dtype="uint8", channels=(1,), block=32, bits=4), id="blocks"),
    ],
)
def test_a_weight_takes_half_a_byte_a_value_and_loses_little(form: Form) -> None:
    values = RNG.normal(0, 0.05, (256, 24)).astype(np.float32)
    encoded = encode(values, form)
    decoded = encoded.decode()

    assert encoded.stored.nbytes == values.size // 2
    assert decoded.shape == values.shape
    ratio = 20 * np.log10(np.linalg.norm(values) / np.linalg.norm(decoded - values))
    assert ratio > (19 if form.block else 17)


def test_scales_are_those_with_the_least_error_of_several() -> None:
    values = RNG.normal(0, 0.05, (1024, 8)).astype(np.float32)
    decoded = encode(values, Form(dtype="uint8", channels=(1,), bits=4)).decode()
    largest = np.abs(values).max(axis=0) / 7
    plain = np.rint(values / largest) * largest

    assert np.linalg.norm(decoded - values) < 0.9 * np.linalg.norm(plain - values)


def test_a_channel_of_zeros_stays_one_and_another_of_tiny_values_is_not_lost() -> None:
    values = np.stack([np.zeros(8), np.full(8, 1e-30), np.full(8, 3.0)], axis=1).astype(np.float32)
    decoded = encode(values, Form(dtype="uint8", channels=(1,), bits=4)).decode()

    assert np.allclose(decoded, values, rtol=1e-3, atol=0)
