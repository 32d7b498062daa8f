"""Weights stored as small as their source has them, without rounding."""

from pathlib import Path

import numpy as np
import pytest
import tfjs_runtime
from graph_models import dense_nodes, dense_signature, dense_weights, write_graph_model

from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.weights import Array, walk_weights
from pipeline.tfjs.quantize.exact_weights import SmallWeight, store_exactly

NUMBERS = np.random.default_rng(3).integers(-127, 128, (64, 16)).astype(np.float32)
SCALES = np.linspace(0.01, 0.07, 16).astype(np.float32)
FLOAT16 = np.random.default_rng(4).normal(size=(64, 16)).astype(np.float16).astype(np.float32)
NO_SCALES = np.zeros(0, np.float32)


def write(folder: Path, kernel: Array) -> Path:
    """Write a dense layer with this kernel; return its folder."""
    weights = {**dense_weights(64, 16), "kernel": kernel}
    nodes, signature = dense_nodes(64), dense_signature(64, 16)
    return write_graph_model(folder, weights=weights, nodes=nodes, signature=signature).parent


def small(dtype: str, scales: Array) -> SmallWeight:
    return SmallWeight(size=NUMBERS.size, dtype=dtype, scales=scales)


def read(folder: Path) -> dict[str, Array]:
    loaded = walk_weights(load_model_json(folder / "model.json"), folder)
    return {weight.spec.name: weight.read() for weight in loaded}


@pytest.mark.parametrize(
    ("kernel", "known", "stored"),
    [
        pytest.param(FLOAT16, small("float16", NO_SCALES), "float16", id="float16"),
        pytest.param(NUMBERS, small("integer", SCALES[:1]), "uint8", id="whole numbers"),
        pytest.param(NUMBERS * SCALES[3], small("integer", SCALES[3:4]), "uint8", id="a scale"),
    ],
)
def test_a_weight_is_smaller_and_the_same(
    tmp_path: Path, kernel: Array, known: SmallWeight, stored: str
) -> None:
    folder = write(tmp_path, kernel)

    assert store_exactly(folder, [known], shard_size_bytes=700) == 1
    specs = {spec.name: spec for spec in load_model_json(folder / "model.json").weights}
    assert specs["kernel"].stored_dtype == stored
    assert specs["bias"].stored_dtype == "float32"
    assert np.array_equal(read(folder)["kernel"], kernel)


@pytest.mark.parametrize(
    ("kernel", "known"),
    [
        pytest.param(NUMBERS * 1.1 + 0.3, small("integer", SCALES[:1]), id="no whole numbers"),
        pytest.param(NUMBERS * 3, small("integer", SCALES[:1]), id="a span of more than 255"),
        pytest.param(FLOAT16 * 1.001, small("float16", NO_SCALES), id="more than float16"),
        pytest.param(np.full_like(NUMBERS, np.inf), small("float16", NO_SCALES), id="infinite"),
        pytest.param(NUMBERS, small("float16", NO_SCALES[:0]), id="a size of another dtype"),
    ],
)
def test_a_weight_that_would_be_rounded_stays(
    tmp_path: Path, kernel: Array, known: SmallWeight
) -> None:
    kernel = kernel.astype(np.float32)
    folder = write(tmp_path, kernel)
    is_float16 = (
        known.dtype == "float16"
        and np.array_equal(kernel, kernel.astype(np.float16).astype(np.float32))
        and bool(np.isfinite(kernel).all())
    )

    assert store_exactly(folder, [known], shard_size_bytes=700) == int(is_float16)
    assert np.array_equal(read(folder)["kernel"], kernel)


@pytest.mark.network
def test_scales_of_channels_are_multiplied_in_the_graph(tmp_path: Path) -> None:
    kernel = NUMBERS * SCALES
    before, after = write(tmp_path / "before", kernel), write(tmp_path / "after", kernel)

    assert store_exactly(after, [small("integer", SCALES)], shard_size_bytes=4096) == 1
    stored = read(after)
    assert np.array_equal(stored["kernel/integers"] * stored["kernel/scales"], kernel)
    given = {"x": np.random.default_rng(5).normal(size=(2, 64)).astype(np.float32)}
    runs = tfjs_runtime.run(tmp_path, {"before": before, "after": after}, [given])
    for variants in runs.values():
        first, second = (variants[name].outputs[0] for name in ("before", "after"))
        assert all(np.array_equal(first[name], second[name]) for name in first)
        assert len(first) == 2


def test_channels_with_zero_points_of_their_own_take_16_bits(tmp_path: Path) -> None:
    kernel = (NUMBERS - np.arange(16, dtype=np.float32) * 8) * SCALES
    folder = write(tmp_path, kernel)

    assert store_exactly(folder, [small("integer", SCALES)], shard_size_bytes=4096) == 1
    stored = read(folder)
    assert np.array_equal(stored["kernel/integers"] * stored["kernel/scales"], kernel)
    numbers = next(
        spec
        for spec in load_model_json(folder / "model.json").weights
        if spec.name == "kernel/integers"
    )
    assert numbers.quantization is not None
    assert numbers.quantization.dtype == "uint16"


def test_what_is_joined_of_float16_is_stored_in_it(tmp_path: Path) -> None:
    folder = write(tmp_path, FLOAT16)
    half = SmallWeight(size=FLOAT16.size // 2, dtype="float16", scales=NO_SCALES)

    assert store_exactly(folder, [half], shard_size_bytes=4096) >= 1
    assert np.array_equal(read(folder)["kernel"], FLOAT16)


def test_blocks_of_columns_have_scales_of_their_own(tmp_path: Path) -> None:
    scales = np.linspace(0.01, 0.09, 4 * 16).astype(np.float32).reshape(4, 16)
    kernel = NUMBERS * np.repeat(scales, 16, 0)
    folder = write(tmp_path, kernel)
    known = SmallWeight(size=kernel.size, dtype="integer", scales=scales)

    assert store_exactly(folder, [known], shard_size_bytes=4096) == 1
    stored = read(folder)
    product = stored["kernel/integers"] * stored["kernel/scales"]
    assert np.array_equal(product.reshape(stored["kernel/shape"]), kernel)


def test_whole_numbers_of_int32_are_stored_in_8_bits(tmp_path: Path) -> None:
    table = NUMBERS.astype(np.int32)
    folder = write(tmp_path, table)

    assert store_exactly(folder, [small("integer", SCALES[:1])], shard_size_bytes=4096) == 1
    assert np.array_equal(read(folder)["kernel"], table)
