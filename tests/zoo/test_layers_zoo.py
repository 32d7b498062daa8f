"""Layers models from source to catalog, built by the real doit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layers_models import dense, functional, image, layer, score_weights, write_layers_model
from tfjs_runtime import run
from zoos import Zoo

Json = dict[str, Any]
RNG = np.random.default_rng(0)


def classifier(folder: Path) -> Path:
    """Write a classifier large enough that its variants are smaller."""
    layers = [image(), dense("hidden", units=512, activation="relu"), dense(taken="hidden")]
    weights = {
        "hidden/kernel": RNG.uniform(-0.3, 0.3, (8, 512)).astype(np.float32),
        "hidden/bias": RNG.uniform(-0.1, 0.1, 512).astype(np.float32),
        "score/kernel": RNG.uniform(-0.1, 0.1, (512, 4)).astype(np.float32),
        "score/bias": RNG.uniform(-1, 1, 4).astype(np.float32),
    }
    return write_layers_model(folder, functional(layers, outputs=["score"]), weights=weights)


def tagger(folder: Path) -> Path:
    """Write a model that takes ids below 50 and returns two tensors, one of them integers."""
    layers = [
        image("ids", (None, None), dtype="int32"),
        layer("Embedding", "table", ["ids"], input_dim=50, output_dim=6, mask_zero=False),
        layer("GlobalAveragePooling1D", "mean", ["table"]),
        dense("score", "mean"),
        layer("RepeatVector", "again", ["mean"], n=2),
    ]
    rng = np.random.default_rng(1)
    weights = {
        "table/embeddings": rng.normal(size=(50, 6)).astype(np.float32),
        "score/kernel": rng.normal(size=(6, 4)).astype(np.float32),
        "score/bias": rng.normal(size=4).astype(np.float32),
    }
    model = functional(layers, inputs=["ids"], outputs=["score", "again"])
    return write_layers_model(folder, model, weights=weights)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    zoo = Zoo(tmp_path_factory.mktemp("layers") / "zoo")
    classifier(zoo.folder / "sources/classifier")
    tagger(zoo.folder / "sources/tagger")
    write_layers_model(
        zoo.folder / "sources/foreign",
        functional([image(), layer("PixelShuffle", "up", ["image"])], outputs=["up"]),
        weights={},
    )
    write_layers_model(
        zoo.folder / "sources/unmatched",
        functional([image(), dense("other")], outputs=["other"]),
        weights=score_weights(),
    )
    for name in ("classifier", "tagger", "foreign", "unmatched"):
        entry: Json = {"name": name, "source": f"sources/{name}/model.json"}
        zoo.manifest["models"].append(entry)
    zoo.manifest["models"][0] |= {
        "task": "image-classification",
        "variants": ["float16", "uint8"],
        "metadata": {"labels": {"names": ["a", "b", "c", "d"]}},
    }
    zoo.failures = zoo.build().failures  # type: ignore[attr-defined]  # told once for all tests
    return zoo


def test_a_layers_model_is_offered_as_one(zoo: Zoo) -> None:
    entry = zoo.entry("classifier")

    assert (entry["status"], entry["format"]) == ("ok", "layers-model")
    assert entry["ops"] == {"Dense": 2, "InputLayer": 1}
    assert entry["source"]["format"] == "tfjs_layers_model"
    assert entry["map"] == {"scores": "score"}
    assert entry["outputs"][0]["tensor"] == "score"
    assert {made["name"]: made["status"] for made in entry["variants"]} == {
        "float32": "ok",
        "float16": "ok",
        "uint8": "ok",
    }


def test_its_variants_are_proved(zoo: Zoo) -> None:
    base, *variants = zoo.entry("classifier")["variants"]

    statuses = {name: check["status"] for name, check in base["checks"].items()}
    assert statuses["wasm"] == "ok"
    assert "cpu" not in statuses
    for made in variants:
        error = made["checks"]["wasm"]["outputs"]["score"]["maxAbsError"]
        assert 0 < error < 0.02


def test_what_is_published_loads_and_runs(zoo: Zoo, tmp_path: Path) -> None:
    entry = zoo.entry("classifier")
    models = {v["name"]: zoo.dist / Path(v["modelPath"]).parent for v in entry["variants"]}
    x = np.linspace(-1, 1, 16, dtype=np.float32).reshape(2, 8)

    runs = run(tmp_path, models, [{"image": x}])["wasm"]

    outputs = {name: made.outputs[0]["score"] for name, made in runs.items()}
    np.testing.assert_allclose(outputs["float32"].sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(outputs["uint8"], outputs["float32"], atol=0.02)


def test_metadata_stands_in_the_published_file(zoo: Zoo) -> None:
    path = zoo.dist / zoo.entry("classifier")["modelPath"]

    assert '"userDefinedMetadata":{"labels":{"names":["a","b","c","d"]}}' in path.read_text()


def test_ids_are_made_up_within_the_table(zoo: Zoo) -> None:
    entry = zoo.entry("tagger")

    assert entry["status"] == "ok", entry["reason"]
    assert [output["name"] for output in entry["outputs"]] == ["score", "again"]
    assert [output["shape"] for output in entry["outputs"]] == [[-1, 4], [-1, 2, 6]]
    assert entry["inputs"][0]["jsDtype"] == "int32"


def test_what_does_not_load_is_not_offered(zoo: Zoo) -> None:
    failures: dict[str, str] = zoo.failures  # type: ignore[attr-defined]

    assert set(failures) == {"convert:foreign", "convert:unmatched"}
    assert "does not have these layers: PixelShuffle (up)" in failures["convert:foreign"]
    assert "has no target variable: score/kernel" in failures["convert:unmatched"]


@pytest.mark.network
def test_a_published_layers_model_without_weights(tmp_path: Path) -> None:
    zoo = Zoo(tmp_path / "zoo")
    source = "npm:@upscalerjs/models@0.9.0#models/pixelator/model.json"
    zoo.manifest["models"].append({"name": "pixelator", "source": source})

    zoo.build()

    entry = zoo.entry("pixelator")
    assert (entry["status"], entry["format"]) == ("ok", "layers-model")
    assert entry["outputs"][0]["name"] == "up_sampling2d_UpSampling2D1"
