"""Keras models as layers models: what real TensorFlow.js makes of them, against Keras itself."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras_layers_models
import keras_models
import numpy as np
import pytest
from tfjs_runtime import packages
from walls import no_wall

from pipeline.proof.vector_files import load_vectors
from pipeline.records.flags import ConversionFlags
from pipeline.runtime.run_models import run_models
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.weights import Array, walk_weights
from pipeline.workers.limits import Budget, ResourceLimits
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

Json = dict[str, Any]
OWN = ["convolutions", "cells", "twins", "prepared", "moving", "masked_steps"]
SHARED = ["two_heads", "shared", "masked", "half", "odd_names"]
RUNNING = [f"{kind}.{end}" for kind in OWN for end in ("tf_keras.h5", "keras 3.keras")]
RUNNING += [f"{kind}.{end}" for kind in SHARED for end in ("tf_keras.h5", "keras 3.keras")]
RUNNING += ["twins.keras 3.h5", "twins.tf_keras.keras", "cells.keras 3.h5", "twins"]
APPLICATIONS = ["MobileNetV3Small.keras", "EfficientNetV2B0.keras"]
REFUSED = {
    "reset_after.keras 3.keras": r"gate \(GRU\) has reset_after",
    "attention.keras 3.keras": r"multi_head_attention \(MultiHeadAttention\)$",
    "looked_up.tf_keras.h5": r"string_lookup \(StringLookup\)(;|$)",
    "subclassed": "of the class Doubled, whose config lists no layers",
}
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def pool() -> Iterator[TensorFlowPool]:
    # A job of these starts Node.js.
    with TensorFlowPool(max_workers=1, require=no_wall) as pool:
        yield pool


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keras layers")


def source(name: str) -> Path:
    own = keras_layers_models.built() / name
    return own if own.exists() else keras_models.built() / name


@pytest.fixture(scope="module")
def made(pool: TensorFlowPool, folder: Path) -> Json:
    """Convert all models and run them in Keras, one after the other in one process."""
    sources = [source(name) for name in (*RUNNING, *APPLICATIONS, *REFUSED)]
    future = pool.submit(
        "keras_layers_models:publish",
        {"sources": sources, "folder": folder},
        log=folder / "log.txt",
    )
    result: Json = future.result().value
    return result


def errors_of(tmp_path: Path, model: Path, vectors: Path, backend: str) -> dict[str, float]:
    """Return the worst error of each output, relative to its largest value."""
    results = tmp_path / "results"
    results.mkdir()
    found = run_models(
        models={"base": model},
        vectors=vectors,
        backends={backend: ["base"]},
        folder=results,
        packages=packages(),
        log=tmp_path / "log.txt",
        budget=Budget(ResourceLimits(timeout_seconds=60, memory_bytes=2 * 1024**3)),
        trusted=False,
        progress=lambda _done, _total: None,
    )[backend]["base"]
    assert (found.error, found.predict_fault) == (None, None)
    errors: dict[str, float] = {}
    for i, vector in enumerate(load_vectors(vectors).vectors):
        for name, expected in vector.outputs.items():
            scale = np.abs(expected).max() or 1.0
            error = np.abs(found.outputs[i][name] - expected).max() / scale
            errors[name] = max(errors.get(name, 0.0), float(error))
    return errors


@pytest.mark.parametrize("name", [*RUNNING, *APPLICATIONS])
def test_tensorflow_js_returns_what_keras_does(
    made: Json, folder: Path, tmp_path: Path, name: str
) -> None:
    assert "error" not in made[name], made[name]

    errors = errors_of(tmp_path, folder / name / "base", folder / name / "reference", "wasm")

    assert errors.keys() == {output["name"] for output in made[name]["signature"]["outputs"]}
    assert max(errors.values()) < TOLERANCE


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_layers_can_do_is_refused_with_the_way_out(made: Json, name: str) -> None:
    assert made[name]["error"] == "ConversionError"
    assert re.search(REFUSED[name], made[name]["text"])
    assert "output_format: tfjs_graph_model" in made[name]["hint"]


def test_outputs_have_the_names_that_the_author_gave_them(made: Json) -> None:
    names = {
        name: [output["name"] for output in made[name]["signature"]["outputs"]]
        for name in ("convolutions.keras 3.keras", "twins.tf_keras.h5", "shared.tf_keras.h5")
    }

    assert names == {
        "convolutions.keras 3.keras": ["box", "score"],
        "twins.tf_keras.h5": ["same", "other"],
        "shared.tf_keras.h5": ["head", "head_1"],
    }


def test_inputs_have_the_names_that_the_author_gave_them(made: Json) -> None:
    entry = made["convolutions.keras 3.keras"]["signature"]["inputs"][0]

    assert (entry["name"], entry["shape"]) == ("picture", [-1, 16, 16, 3])


def test_weights_are_those_of_the_stock_converter(
    made: Json, pool: TensorFlowPool, folder: Path, tmp_path: Path
) -> None:
    name = "two_heads.tf_keras.h5"
    arguments = {"source": source(name), "folder": tmp_path / "stock"}
    log = tmp_path / "log.txt"
    job = "keras_layers_models:convert_stock"
    pool.submit(job, arguments, log=log).result()

    ours, stock = weights(folder / name / "base"), weights(tmp_path / "stock")

    assert "error" not in made[name]
    assert ours.keys() == stock.keys()
    for key, values in stock.items():
        np.testing.assert_array_equal(ours[key], values, err_msg=key)


def test_weights_of_each_layer_in_a_group_of_their_own(
    pool: TensorFlowPool, tmp_path: Path
) -> None:
    def convert(folder: str, **flags: Any) -> list[list[str]]:
        (tmp_path / folder).mkdir()
        arguments = {
            "source": source("two_heads.keras 3.keras"),
            "folder": tmp_path / folder,
            "flags": ConversionFlags(**flags),
        }
        function = "pipeline.tf.keras.convert_to_layers:convert_keras_layers"
        pool.submit(function, arguments, log=tmp_path / "log.txt").result()
        groups = load_model_json(tmp_path / folder / "model.json").groups
        return [[spec.name for spec in group.weights] for group in groups]

    together, apart = convert("one"), convert("many", split_weights_by_layer=True)

    assert len(together) == 1
    assert [names[0].partition("/")[0] for names in apart] == [
        "stem",
        "batch_normalization",
        "zeta",
        "alpha",
    ]
    assert sorted(together[0]) == sorted(name for names in apart for name in names)


def weights(folder: Path) -> dict[str, Array]:
    model_json = load_model_json(folder / "model.json")
    return {weight.spec.name: weight.read() for weight in walk_weights(model_json, folder)}
