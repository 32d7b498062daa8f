"""Descriptions of layers models, as the converter writes them from Keras 2 and 3."""

import os
from pathlib import Path
from typing import Any

import layers_models
import numpy as np
import pytest
from graph_models import write_graph_model
from layers_models import plain_layer

from pipeline.disk.layout import cache_folder
from pipeline.inspection.description import Tried
from pipeline.inspection.inspect import inspect_subject
from pipeline.inspection.subject import Subject
from pipeline.inspection.trial import try_backends

Json = dict[str, Any]


def write_layers_model(folder: Path, model: Json, **others: Any) -> Path:
    """Write a layers model with a kernel, a bias and one slot of an optimizer."""
    weights = {
        "dense/kernel": np.ones((4, 3), np.float32),
        "dense/bias": np.zeros(3, np.float32),
        "training/Adam/m": np.zeros(12, np.float32),
    }
    topology = {"keras_version": "2.12.0", "backend": "tensorflow", "model_config": model}
    keys: Json = {"format": "layers-model", "modelTopology": topology, "signature": {}} | others
    return write_graph_model(folder, weights=weights, **keys)


def inspect(path: Path) -> Json:
    return inspect_subject(Subject(path=path), shapes={}, announce=pytest.fail).to_json()


SEQUENTIAL = {
    "class_name": "Sequential",
    "config": {
        "name": "sequential",
        "layers": [
            plain_layer("InputLayer", "image", batch_input_shape=[None, 4], dtype="float32"),
            plain_layer("Dense", "dense", units=3),
        ],
    },
}


def test_a_sequential_model(tmp_path: Path) -> None:
    model = inspect(write_layers_model(tmp_path, SEQUENTIAL))

    assert model["format"] == "tfjs_layers_model"
    assert model["producer"]["keras_version"] == "2.12.0"
    assert model["layers"] == {"Dense": 1, "InputLayer": 1}
    assert model["missingLayers"] == []
    assert [(i["name"], i["shape"], i["jsDtype"]) for i in model["inputs"]] == [
        ("image", [-1, 4], "float32")
    ]
    assert [o["name"] for o in model["outputs"]] == ["dense"]


def test_what_only_training_needs_is_left_out(tmp_path: Path) -> None:
    path = write_layers_model(tmp_path, SEQUENTIAL)
    text = path.read_text()
    assert text.count('"training/Adam/m", ') == 1
    path.write_text(
        text.replace('"training/Adam/m", ', '"training/Adam/m", "group": "optimizer", ')
    )

    model = inspect(path)

    assert model["parameters"] == 15
    assert model["weights"]["count"] == 2
    assert model["trainingOnly"] == 1


def test_a_functional_model_with_layers_in_layers(tmp_path: Path) -> None:
    inner = plain_layer(
        "Sequential", "inner", layers=[plain_layer("Dense", "one"), plain_layer("MyLayer", "two")]
    )
    wrapper = plain_layer("TimeDistributed", "each", layer=plain_layer("Dense", "three"))
    config = {
        "layers": [
            plain_layer("InputLayer", "a", batch_shape=[1, 2], dtype="int32"),
            plain_layer("InputLayer", "b", batch_shape=[None, None, 3], dtype="float32"),
            inner,
            wrapper,
        ],
        "input_layers": [["b", 0, 0], ["a", 0, 0]],
        "output_layers": ["each", 0, 0],
    }

    model = inspect(write_layers_model(tmp_path, {"class_name": "Functional", "config": config}))

    assert model["layers"] == {
        "Dense": 2,
        "InputLayer": 2,
        "MyLayer": 1,
        "Sequential": 1,
        "TimeDistributed": 1,
    }
    assert [(i["name"], i["shape"]) for i in model["inputs"]] == [("b", [-1, -1, 3]), ("a", [1, 2])]
    assert [o["name"] for o in model["outputs"]] == ["each"]
    assert "layers that TensorFlow.js does not have: MyLayer" in model["remarks"]


def test_it_runs_on_each_backend(tmp_path: Path) -> None:
    path = layers_models.write_layers_model(tmp_path / "m")

    def run(model: Path) -> Tried:
        cache = cache_folder(os.environ)
        return try_backends(model, cache=cache, root=tmp_path, progress=lambda _done, _total: None)

    model = inspect_subject(Subject(path=path), shapes={}, announce=lambda _text: None, trial=run)

    assert {name: tried.status for name, tried in model.backends.items()} == {
        "wasm": "ok",
        "cpu": "ok",
    }
    assert model.missing_ops == {"wasm": [], "cpu": []}
