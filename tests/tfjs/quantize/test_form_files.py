"""Variants with scales per channel: which weights get them, and what the files hold."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import dense_weights, node, write_graph_model
from layers_models import write_layers_model
from tfjs_runtime import load, run, write_model

from pipeline.errors import QuantizationError
from pipeline.records.variant import VariantRecord
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.weights import Array, walk_weights
from pipeline.tfjs.quantize.form_files import VariantNotSmaller
from pipeline.tfjs.quantize.variant_files import write_variant

RNG = np.random.default_rng(5)
LARGE = dense_weights(256, 64)
SMALL = dense_weights(60, 60)


def make(base: Path, quantize: dict[str, list[str]], **asked: Any) -> tuple[Path, VariantRecord]:
    """Write a variant beside its base; return its folder and its record."""
    folder = base.parent / "variant"
    folder.mkdir()
    record = write_variant(
        base=base,
        signature=None,
        name="small",
        quantize=quantize,
        shard_size_bytes=1000,
        folder=folder,
        **asked,
    )
    assert record.bytes == sum(path.stat().st_size for path in folder.iterdir())
    return folder, record


def dense(folder: Path, weights: dict[str, Array], **others: Any) -> Path:
    return write_graph_model(folder / "base", weights=weights, **others).parent


def read(folder: Path) -> dict[str, Array]:
    loaded = walk_weights(load_model_json(folder / "model.json"), folder)
    return {weight.spec.name: weight.read() for weight in loaded}


def stored(folder: Path) -> dict[str, str]:
    return {spec.name: spec.stored_dtype for spec in load_model_json(folder / "model.json").weights}


def ops(folder: Path) -> dict[str, str]:
    return {each["name"]: each["op"] for each in load(folder)["modelTopology"]["node"]}


def test_a_large_weight_has_scales_behind_its_op(tmp_path: Path) -> None:
    folder, record = make(dense(tmp_path, LARGE), {"uint8": ["*"]}, per_channel=["*"])

    assert stored(folder) == {"kernel": "uint8", "kernel/scales": "float16", "bias": "float32"}
    assert record.weights == {"float16": 1, "float32": 1, "uint8": 1}
    assert record.kept_float32 == []
    assert ops(folder)["MatMul"] == "Mul"
    assert ops(folder)["MatMul/whole"] == "MatMul"
    weights = read(folder)
    np.testing.assert_allclose(
        weights["kernel"] * weights["kernel/scales"], LARGE["kernel"], atol=0.02
    )


def test_a_small_weight_is_multiplied_itself(tmp_path: Path) -> None:
    folder, _ = make(dense(tmp_path, SMALL), {"uint8": ["*"]}, per_channel=["*"])

    assert ops(folder)["kernel"] == "Mul"
    assert ops(folder)["MatMul"] == "MatMul"
    assert stored(folder)["kernel/integers"] == "uint8"


def test_blocks_are_joined_before_an_op(tmp_path: Path) -> None:
    asked = {"block": 32, "block_weights": ["*"]}
    folder, _ = make(dense(tmp_path, LARGE), {"uint8": ["*"]}, **asked)

    assert ops(folder)["kernel"] == "Reshape"
    weights = read(folder)
    assert weights["kernel/scales"].shape == (8, 1, 64)
    product = weights["kernel/integers"] * weights["kernel/scales"]
    np.testing.assert_allclose(product.reshape(256, 64), LARGE["kernel"], atol=0.02)


def test_weights_without_channels_take_the_other_dtype(tmp_path: Path) -> None:
    quantize = {"uint8": ["*"], "float16": ["*"]}
    folder, _ = make(dense(tmp_path, LARGE), quantize, per_channel=["*"])

    assert stored(folder) == {"kernel": "uint8", "kernel/scales": "float16", "bias": "float16"}


def test_a_weight_too_small_to_gain_takes_the_other_dtype(tmp_path: Path) -> None:
    weights = dense_weights(256, 64) | {"tiny": RNG.normal(size=(8, 8)).astype(np.float32)}
    more = [node("Identity", "MatMul", ["x2", "tiny"])]
    base = write_model(
        tmp_path / "base",
        [node("big", "MatMul", ["x", "kernel"]), *more],
        inputs={"x": ("float32", (-1, 256)), "x2": ("float32", (-1, 8))},
        outputs={"a": "big:0", "b": "Identity:0"},
        weights={name: weights[name] for name in ("kernel", "tiny")},
    )
    folder, _ = make(base, {"uint8": ["*"], "float16": ["*"]}, per_channel=["*"])

    assert stored(folder)["tiny"] == "float16"
    assert stored(folder)["kernel"] == "uint8"


def test_patterns_say_which_weights_have_scales(tmp_path: Path) -> None:
    weights = {"one": RNG.normal(size=(128, 128)), "two": RNG.normal(size=(128, 128))}
    weights |= {"three": RNG.normal(size=(128, 128))}
    base = write_model(
        tmp_path / "base",
        [
            node("a", "MatMul", ["x", "one"]),
            node("b", "MatMul", ["a", "two"]),
            node("c", "MatMul", ["b", "three"]),
        ],
        inputs={"x": ("float32", (-1, 128))},
        outputs={"c": "c:0"},
        weights={name: values.astype(np.float32) for name, values in weights.items()},
    )
    asked = {"per_channel": ["one"], "block": 64, "block_weights": ["t*o"]}
    folder, _ = make(base, {"uint8": ["*"]}, **asked)

    found = stored(folder)
    assert {"one/scales", "two/scales"} < found.keys()
    assert "three/scales" not in found
    assert read(folder)["two/scales"].shape == (2, 1, 128)
    with pytest.raises(QuantizationError, match="per_channel: 'onne' matches no weight"):
        make(dense(tmp_path / "other", LARGE), {"uint8": ["*"]}, per_channel=["onne"])


@pytest.mark.parametrize(
    ("dtype", "scaled", "expected"),
    [(None, "*", "float32"), ("float16", "*", "float16"), (None, "kernel", "float16")],
)
def test_a_bias_before_scales_is_divided_in_its_own_dtype_or_float16(
    tmp_path: Path, dtype: str | None, scaled: str, expected: str
) -> None:
    fused = {"list": {"s": [b64encode(op).decode() for op in (b"BiasAdd", b"Relu")]}}
    layer = node("y", "_FusedMatMul", ["x", "kernel", "bias"])
    layer["attr"] |= {"fused_ops": fused}
    values = {"kernel": LARGE["kernel"] * np.linspace(0.1, 3, 64, dtype=np.float32)}
    base = write_model(
        tmp_path / "base",
        [layer],
        inputs={"x": ("float32", (-1, 256))},
        outputs={"y": "y:0"},
        weights=LARGE | values,
        stored=dict.fromkeys(LARGE, dtype) if dtype else {},
    )
    # A bias that is to be uint8 has one step, which would not suit what scales divide.
    folder, _ = make(base, {"uint8": ["*"]}, per_channel=[scaled])

    assert stored(folder)["bias"] == expected
    found, before = read(folder), read(base)
    product = found["bias"] * found["kernel/scales"].reshape(-1)
    np.testing.assert_allclose(product, before["bias"], rtol=1e-3)


def test_a_weight_that_no_scale_can_hold_stays_and_is_named(tmp_path: Path) -> None:
    kernel = LARGE["kernel"].copy()
    kernel[3, 4] = np.nan
    weights = {"kernel": kernel, "bias": LARGE["bias"], "second": RNG.normal(size=(64, 64))}
    base = write_model(
        tmp_path / "base",
        [node("a", "MatMul", ["x", "kernel"]), node("b", "MatMul", ["a", "second"])],
        inputs={"x": ("float32", (-1, 256))},
        outputs={"b": "b:0"},
        weights={name: np.asarray(values, np.float32) for name, values in weights.items()},
    )
    folder, record = make(base, {"uint8": ["*"]}, per_channel=["*"])

    (kept,) = record.kept_float32
    assert kept.weight == "kernel"
    assert kept.reason == "holds NaN; only finite values are quantized"
    assert stored(folder)["kernel"] == "float32"
    assert ops(folder)["a"] == "MatMul"


def test_a_layers_model_has_no_place_for_scales(tmp_path: Path) -> None:
    base = write_layers_model(tmp_path / "base").parent

    with pytest.raises(VariantNotSmaller, match="a layers model has no place for scales"):
        make(base, {"uint8": ["*"]}, per_channel=["*"])
    assert list((tmp_path / "variant").iterdir()) == []


def test_a_source_of_uint8_is_never_blown_up(tmp_path: Path) -> None:
    base = dense(tmp_path, LARGE, stored=dict.fromkeys(LARGE, "uint8"))

    with pytest.raises(VariantNotSmaller, match="its source is quantized already, to uint8"):
        make(base, {"uint8": ["*"], "float16": ["*"]}, per_channel=["*"])


def test_a_source_of_float16_gets_scales_for_its_values(tmp_path: Path) -> None:
    base = dense(tmp_path, LARGE, stored=dict.fromkeys(LARGE, "float16"))
    folder, record = make(base, {"uint8": ["*"]}, per_channel=["*"])

    assert record.bytes < 0.8 * sum(path.stat().st_size for path in base.iterdir())
    weights = read(folder)
    np.testing.assert_allclose(
        weights["kernel"] * weights["kernel/scales"], read(base)["kernel"], atol=0.02
    )


@pytest.mark.network
def test_a_returned_weight_keeps_its_value(tmp_path: Path) -> None:
    base = write_model(
        tmp_path / "base",
        [node("y", "MatMul", ["x", "kernel"])],
        inputs={"x": ("float32", (1, 256))},
        outputs={"y": "y:0", "table": "kernel:0"},
        weights={"kernel": LARGE["kernel"]},
    )
    folder, _ = make(base, {"uint8": ["*"]}, per_channel=["*"])
    given = {"x": RNG.normal(size=(1, 256)).astype(np.float32)}
    runs = run(tmp_path, {"base": base, "variant": folder}, [given], backends={"cpu": ["variant"]})

    found = runs["cpu"]["variant"].outputs[0]["table"]
    np.testing.assert_allclose(found, LARGE["kernel"], atol=0.02)
