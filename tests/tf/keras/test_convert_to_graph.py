"""Keras models as graph models: what real TensorFlow.js makes of them, against Keras itself."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras_models
import numpy as np
import pytest
from tfjs_runtime import run

from pipeline.proof.vector_files import load_vectors
from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

Json = dict[str, Any]
# All that both generations save; of the other container one for each kind of saved thing.
KINDS = [
    "two_heads", "dict_outputs", "sequential", "shared", "recurrent", "masked", "stateful",
    "attention", "looked_up", "normalized", "half", "half_weights", "trained", "odd_names",
    "operations", "grouped", "foreign_initializer",
]  # fmt: skip
SAVED = [f"{kind}.{end}" for kind in KINDS for end in ("tf_keras.h5", "keras 3.keras")]
SAVED += [
    f"{kind}.{end}"
    for kind in ("two_heads", "looked_up", "recurrent", "operations", "half_weights")
    for end in ("tf_keras.keras", "keras 3.h5")
]
APPLICATIONS = [
    "MobileNetV3Small.keras",
    "EfficientNetV2B0.keras",
    "ConvNeXt.keras",
    "ConvNeXt.h5",
]
HALF = "16-bit floats (the model's dtype policy) are computed in float32"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keras graphs")


@pytest.fixture(scope="module")
def made(pool: TensorFlowPool, folder: Path) -> Json:
    """Convert all models and run them in Keras, one after the other in one process."""
    models = keras_models.built()
    sources = [models / name for name in (*SAVED, *APPLICATIONS)]
    arguments = {"sources": sources, "folder": folder}
    future = pool.submit("keras_models:publish", arguments, log=folder / "log.txt")
    result: Json = future.result().value
    return result


@pytest.fixture
def convert(pool: TensorFlowPool, tmp_path: Path) -> Callable[..., Conversion]:
    def convert_now(source: Path, folder: str = "base", **flags: Any) -> Conversion:
        (tmp_path / folder).mkdir()
        asked = ConversionFlags(**flags)
        arguments = {"source": source, "folder": tmp_path / folder, "flags": asked}
        function = "pipeline.tf.keras.convert_to_graph:convert_keras_model"
        log = tmp_path / f"{folder}.txt"
        return Conversion.model_validate(pool.submit(function, arguments, log=log).result().value)

    return convert_now


def names(made: Mapping[str, Any], model: str, side: str = "outputs") -> list[str]:
    return [entry["name"] for entry in made[model]["record"][side]]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def assert_agrees(folder: Path, model: str, work: Path, backend: str = "cpu") -> None:
    vectors = load_vectors(folder / model / "reference").vectors
    base = folder / model / "base"
    inputs = [vector.inputs for vector in vectors]
    ran = run(work, {"base": base}, inputs, backends={backend: ["base"]})[backend]["base"]

    assert ran.error is None, ran.error
    for number, vector in enumerate(vectors):
        assert vector.outputs
        for name, values in vector.outputs.items():
            ours = ran.outputs[number][name]
            assert ours.shape == values.shape
            np.testing.assert_allclose(ours, values, rtol=1e-4, atol=2e-6, err_msg=name)


@pytest.mark.network
@pytest.mark.parametrize("model", SAVED)
def test_tensorflow_js_returns_what_keras_does(
    made: Json, folder: Path, tmp_path: Path, model: str
) -> None:
    assert "error" not in made[model], made[model]

    assert_agrees(folder, model, tmp_path)


@pytest.mark.network
@pytest.mark.parametrize("model", APPLICATIONS)
def test_real_architectures_agree(made: Json, folder: Path, tmp_path: Path, model: str) -> None:
    assert "error" not in made[model], made[model]

    assert_agrees(folder, model, tmp_path, "wasm")


@pytest.mark.parametrize("end", ["tf_keras.h5", "tf_keras.keras", "keras 3.h5", "keras 3.keras"])
def test_outputs_keep_the_order_of_the_model(made: Json, folder: Path, end: str) -> None:
    model = f"two_heads.{end}"

    assert names(made, model, "inputs") == ["image", "a_meta"]
    assert names(made, model) == ["zeta", "alpha"]
    signature = json.loads((folder / model / "base/model.json").read_bytes())["signature"]
    assert list(signature["inputs"]) == ["image", "a_meta"]
    assert {key: info["name"] for key, info in signature["outputs"].items()} == {
        "zeta": "Identity_1:0",
        "alpha": "Identity:0",
    }
    assert list(signature["outputs"]) == ["zeta", "alpha"]


def test_the_record_says_what_the_call_takes_and_returns(made: Json) -> None:
    record = made["two_heads.tf_keras.h5"]["record"]

    assert record["signature_key"] == "call"
    assert record["tags"] is None
    assert record["signatures"] == {
        "call": {
            "inputs": {
                "image": {"dtype": "float32", "shape": [-1, 8, 8, 3]},
                "a_meta": {"dtype": "float32", "shape": [-1, 4]},
            },
            "outputs": {
                "zeta": {"dtype": "float32", "shape": [-1, 3]},
                "alpha": {"dtype": "float32", "shape": [-1, 2]},
            },
        }
    }
    assert record["repairs"] == []


@pytest.mark.parametrize(
    ("model", "inputs", "outputs"),
    [
        pytest.param("dict_outputs", ["left", "right"], ["boxes", "scores"], id="keys of dicts"),
        pytest.param("sequential", ["picture"], ["classes"], id="Sequential"),
        pytest.param("shared", ["left", "right"], ["head", "head_1"], id="one layer, two outputs"),
        pytest.param("odd_names", ["input-1", "0.input_1"], ["logits.0-a"], id="odd characters"),
    ],
)
@pytest.mark.parametrize("end", ["tf_keras.h5", "keras 3.keras"])
def test_names_are_the_authors(
    made: Json, model: str, inputs: list[str], outputs: list[str], end: str
) -> None:
    assert names(made, f"{model}.{end}", "inputs") == inputs
    assert names(made, f"{model}.{end}") == outputs


@pytest.mark.parametrize(
    ("model", "start"),
    [
        pytest.param("half", HALF, id="mixed precision"),
        pytest.param("half_weights", HALF, id="bfloat16"),
        pytest.param("stateful", "recurrent layers with `stateful` start from zero", id="state"),
    ],
)
@pytest.mark.parametrize("end", ["tf_keras.h5", "keras 3.keras"])
def test_what_was_changed_is_said(made: Json, model: str, start: str, end: str) -> None:
    repairs = made[f"{model}.{end}"]["record"]["repairs"]

    # Recurrent layers write lists in their loops.
    others = [text for text in repairs if not text.startswith("TensorListStack got zeros")]
    assert [text[: len(start)] for text in others] == [start]


def test_no_state_of_an_optimizer_is_published(made: Json, folder: Path) -> None:
    assert "error" not in made["trained.tf_keras.h5"]
    weights = load_model_json(folder / "trained.tf_keras.h5/base/model.json").weights
    learned = [spec.shape for spec in weights if spec.dtype == "float32"]

    assert sorted(learned) == [(3,), (3, 3, 1, 4), (4,), (36, 3)]


def test_weights_are_the_stock_converters_to_the_byte(
    made: Json, pool: TensorFlowPool, folder: Path, tmp_path: Path
) -> None:
    model = "two_heads.tf_keras.h5"
    assert "error" not in made[model]
    # The converter's command line cannot take a path with a space.
    source, stock = tmp_path / "two_heads.h5", tmp_path / "stock"
    source.write_bytes((keras_models.built() / model).read_bytes())
    arguments = {"source": source, "folder": stock}
    pool.submit("keras_models:convert_stock", arguments, log=tmp_path / "log.txt").result()

    ours = folder / model / "base"
    assert (ours / "group1-shard1of1.bin").read_bytes() == (
        stock / "group1-shard1of1.bin"
    ).read_bytes()
    one, other = (json.loads((place / "model.json").read_bytes()) for place in (ours, stock))
    assert one["weightsManifest"] == other["weightsManifest"]
    assert one["modelTopology"] == other["modelTopology"]


@pytest.mark.parametrize("model", ["looked_up.keras 3.keras", "recurrent.tf_keras.h5"])
def test_two_conversions_are_the_same_to_the_byte(
    convert: Callable[..., Conversion], tmp_path: Path, model: str
) -> None:
    first, second = (convert(keras_models.built() / model, part) for part in ("one", "two"))

    assert first == second
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_a_lambda_layer_runs_where_it_is_trusted(convert: Callable[..., Conversion]) -> None:
    for end in ("tf_keras.h5", "tf_keras.keras", "keras 3.h5", "keras 3.keras"):
        record = convert(keras_models.built() / f"lambda.{end}", end, trust=True)

        assert [tie.name for tie in record.outputs or ()] == ["double"]
