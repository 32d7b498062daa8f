"""Quantization, against the converter's own functions, and what a dtype cannot hold."""

import importlib.util
import math
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.tfjs.model.weights import dequantize
from pipeline.tfjs.quantize.quantization import find_fault, quantize

Array = npt.NDArray[Any]

DTYPES = ("float16", "uint8", "uint16")
RANDOM = np.random.default_rng(7)


@pytest.fixture(scope="module")
def converter() -> ModuleType:
    """The converter's quantization.py, loaded by itself: its package imports TensorFlow."""
    package = importlib.util.find_spec("tensorflowjs")
    assert package is not None
    assert package.submodule_search_locations is not None
    path = package.submodule_search_locations[0] + "/quantization.py"
    spec = importlib.util.spec_from_file_location("converter_quantization", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def normal(*shape: int, scale: float = 1.0, offset: float = 0.0) -> Array:
    return (RANDOM.normal(size=shape) * scale + offset).astype(np.float32)


def floats(*values: float) -> Array:
    return np.array(values, np.float32)


CORNERS = [
    pytest.param(floats(0.0), id="zero"),
    pytest.param(floats(-0.0), id="negative zero"),
    pytest.param(floats(-0.0, 0.0), id="both zeros"),
    pytest.param(floats(0.1, 0.1, 0.1), id="constant"),
    pytest.param(np.array(1e-3, np.float32), id="scalar"),
    pytest.param(floats(0.0, 0.1), id="touches zero from above"),
    pytest.param(floats(-0.1, 0.0), id="touches zero from below"),
    pytest.param(floats(-0.0, 0.1), id="touches negative zero"),
    pytest.param(floats(0, -0.1, 1.2), id="documented example"),
    pytest.param(floats(-1e-3, 100), id="zero point rounds to the end"),
    pytest.param(floats(100, 100.5, 101), id="zero is not in the range"),
    pytest.param(floats(-101, -100.5, -100), id="all negative"),
    pytest.param(floats(1e-45, 3e-45), id="denormal"),
    pytest.param(floats(*np.arange(256)), id="exact in uint8"),
    pytest.param(floats(*(np.arange(511) / 2)), id="ties"),
    pytest.param(floats(65504, -65504, 1), id="largest float16"),
    pytest.param(np.array([[[1.5]], [[2.5]]], np.float32), id="axes of one"),
    pytest.param(normal(70_001), id="more than one block"),
    pytest.param(normal(300, 500)[:, ::2], id="strided"),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("values", CORNERS)
def test_bytes_and_entry_are_the_converters(
    converter: ModuleType, values: Array, dtype: str
) -> None:
    expect_same(converter, values, dtype)


def test_random_tensors_are_quantized_as_the_converter_does(converter: ModuleType) -> None:
    rng = np.random.default_rng(20)
    for _ in range(150):
        shape = rng.integers(1, 9, size=rng.integers(0, 5))
        values = rng.normal(size=shape) * 10.0 ** rng.integers(-20, 4)
        values += rng.choice([0, 1, -3]) * 10.0 ** rng.integers(-5, 4)
        for dtype in DTYPES:
            expect_same(converter, np.asarray(values, np.float32), dtype)


def expect_same(converter: ModuleType, values: Array, dtype: str) -> None:
    expected, entry = converter.quantize_weights(values, np.dtype(dtype).type)
    stored, quantization = quantize(values, dtype)

    assert stored.tobytes() == expected.tobytes()
    assert stored.dtype == expected.dtype
    assert stored.shape == expected.shape
    # repr tells -0.0 from 0.0, and a last bit.
    assert repr(quantization.min) == repr(float(entry["min"]) if "min" in entry else None)
    assert quantization.scale == entry.get("scale")
    assert quantization.original_dtype == "float32"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("values", CORNERS)
def test_values_come_back_as_the_converter_reads_them(
    converter: ModuleType, values: Array, dtype: str
) -> None:
    stored, quantization = quantize(values, dtype)

    expected = converter.dequantize_weights(stored, vars(quantization))
    assert dequantize(stored, quantization, "float32").tobytes() == expected.tobytes()


def test_zero_stays_zero() -> None:
    values = np.concatenate([normal(1000), floats(0)])
    for dtype in ("uint8", "uint16"):
        stored, quantization = quantize(values, dtype)

        assert dequantize(stored, quantization, "float32")[-1] == 0


def test_an_int32_is_rounded_half_up_as_javascript_does() -> None:
    _, quantization = quantize(floats(0, 1), "uint8")
    halves = np.array([0, 1, 2], np.uint8)
    quantization = type(quantization)(dtype="uint8", scale=0.5, min=-0.5)

    assert dequantize(halves, quantization, "int32").tolist() == [0, 0, 1]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("value", "found"),
    [(math.nan, "holds NaN"), (math.inf, "holds inf"), (-math.inf, "holds -inf")],
)
def test_infinite_values_are_never_quantized(dtype: str, value: float, found: str) -> None:
    fault = find_fault(floats(1, value, 2), dtype)

    assert fault is not None
    assert found in fault


def test_float16_ends_at_65504() -> None:
    assert find_fault(floats(-65504, 1), "float16") is None
    assert find_fault(floats(-65505, 1), "float16") == (
        "holds 65505 in magnitude; float16 ends at 65504"
    )


@pytest.mark.parametrize(
    ("values", "fits"),
    [
        pytest.param(floats(1e-12), False, id="epsilon of a division"),
        pytest.param(floats(1e-7), True, id="smallest that float16 rounds well"),
        pytest.param(floats(1.0, 1e-12), True, id="beside a large value"),
        pytest.param(normal(1000, scale=1e-9), False, id="all tiny"),
        pytest.param(np.zeros(10, np.float32), True, id="zeros"),
    ],
)
def test_values_that_vanish_in_float16(values: Array, *, fits: bool) -> None:
    assert (find_fault(values, "float16") is None) is fits


def with_outlier(values: Array, outlier: float) -> Array:
    values = values.copy()
    values.reshape(-1)[values.size // 2] = outlier
    return values


@pytest.mark.parametrize(
    ("values", "dtype", "fits"),
    [
        pytest.param(normal(2000), "uint8", True, id="normal"),
        pytest.param(with_outlier(normal(2000), 50), "uint8", True, id="bearable outlier"),
        pytest.param(with_outlier(normal(2000), 1000), "uint8", False, id="outlier"),
        pytest.param(with_outlier(normal(2000), 1000), "uint16", True, id="outlier in uint16"),
        pytest.param(with_outlier(normal(2000), 1e30), "uint16", False, id="huge outlier"),
        pytest.param(with_outlier(normal(2000), -1e30), "uint8", False, id="negative outlier"),
        pytest.param(floats(1e30, 0, 0, 0), "uint8", True, id="zeros beside it are exact"),
        pytest.param(floats(1e6, -1, 1, 1), "uint8", False, id="others beside it are not"),
        pytest.param(floats(5, 5.1, 5.2, 1e6), "uint8", True, id="none near zero"),
        pytest.param(floats(1e30, 1e30), "uint8", True, id="constant"),
        pytest.param(np.repeat(floats(5, 0.001), 999), "uint8", True, id="two values, both many"),
        pytest.param(normal(3, 3, 64) * np.geomspace(1e-4, 1, 64), "uint8", True, id="channels"),
        pytest.param(RANDOM.laplace(size=50_000), "uint8", True, id="heavy tails"),
        pytest.param(RANDOM.standard_cauchy(50_000), "uint8", False, id="no variance at all"),
    ],
)
def test_outliers_that_ruin_an_affine_range(values: Array, dtype: str, *, fits: bool) -> None:
    fault = find_fault(values.astype(np.float32), dtype)

    assert (fault is None) is fits
    assert fits or "outliers stretch its range to" in str(fault)


def test_the_reason_names_range_step_and_loss() -> None:
    fault = find_fault(floats(1e6, -1, 1, 1), "uint8")

    assert fault == (
        "outliers stretch its range to -1 … 1e+06: uint8 has steps of 3.92e+03 there, "
        "and the other values, up to 1, would lose 100%"
    )


def test_a_range_beyond_float32_is_found() -> None:
    largest = float(np.finfo(np.float32).max)
    values = np.linspace(-largest, largest, 1000, dtype=np.float64).astype(np.float32)

    assert find_fault(values, "uint8") == (
        "its range in uint8, nudged to hold 0, goes beyond float32"
    )


def test_the_quick_look_agrees_with_the_exact_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    tensors = [
        with_outlier(rng.normal(size=500).astype(np.float32), outlier)
        for outlier in 10.0 ** rng.uniform(0, 4, size=100)
    ]
    quick = [find_fault(tensor, "uint8") for tensor in tensors]
    count = "pipeline.tfjs.quantize.quantization._count_beyond"
    monkeypatch.setattr(count, lambda *_: 0)

    assert quick == [find_fault(tensor, "uint8") for tensor in tensors]
    assert any(quick)
    assert not all(quick)
