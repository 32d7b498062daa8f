"""What the real TensorFlow.js says of layers models."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layers_models import (
    dense,
    functional,
    image,
    layer,
    score_weights,
    sequential,
    softmax,
    write_layers_model,
)
from tfjs_runtime import packages, run_one

from pipeline.errors import ConversionError
from pipeline.records.source import LoadedModel, LoadedTensor
from pipeline.runtime.describe_model import describe_layers_model
from pipeline.workers.limits import Budget, ResourceLimits

Json = dict[str, Any]
X = np.linspace(-1, 1, 16, dtype=np.float32).reshape(2, 8)


def describe(tmp_path: Path, model: Json | None = None, **content: Any) -> LoadedModel:
    write_layers_model(tmp_path / "m", model, **content)
    return describe_layers_model(
        tmp_path / "m",
        packages=packages(),
        log=tmp_path / "log.txt",
        budget=Budget(ResourceLimits(timeout_seconds=60, memory_bytes=2 * 1024**3)),
        trusted=False,
        hint="take the graph",
    )


def test_names_and_shapes_of_a_functional_model(tmp_path: Path) -> None:
    description = describe(tmp_path)

    assert description.to_json() == {
        "inputs": [{"name": "image", "dtype": "float32", "shape": [-1, 8]}],
        "outputs": [{"name": "score", "dtype": "float32", "shape": [-1, 4]}],
    }


def test_a_sequential_model_is_built_before_it_is_asked(tmp_path: Path) -> None:
    first = dense(batch_input_shape=[None, 8])

    description = describe(tmp_path, sequential(first))

    assert description.inputs[0].name == "score_input"
    assert description.outputs[0].name == "score"


def test_two_outputs_of_one_layer_have_two_names(tmp_path: Path) -> None:
    outputs = [("score", 0, 0), ("score", 1, 0)]
    layers = [image(), image("other"), layer("Dense", "score", ["image"], ["other"], units=4)]
    model = functional(layers, inputs=["image", "other"], outputs=outputs)

    description = describe(tmp_path, model)

    assert [output.name for output in description.outputs] == ["score", "score_1"]
    found = run_one(tmp_path, tmp_path / "m", "cpu", image=X, other=-X)
    weights = score_weights()
    expected = -X @ weights["score/kernel"] + weights["score/bias"]
    np.testing.assert_allclose(found.outputs[0]["score_1"], expected, rtol=1e-5)


def test_what_is_no_float_shows_when_it_runs(tmp_path: Path) -> None:
    ids = image("ids", (None, 3), dtype="int32")
    layers = [ids, layer("Reshape", "turned", ["ids"], target_shape=[3, 1])]
    model = functional(layers, inputs=["ids"], outputs=["turned"])

    description = describe(tmp_path, model, weights={})

    assert description.inputs[0].dtype == "int32"
    assert description.outputs == [LoadedTensor(name="turned", dtype="int32", shape=(None, 3, 1))]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        pytest.param(
            functional([image(), dense(units=5)], outputs=["score"]),
            "cannot load it: .*[Ss]hape",
            id="weights of another shape",
        ),
        pytest.param(
            functional([image(), dense("other")], outputs=["other"]),
            "has no target variable: score/kernel",
            id="weights of another layer",
        ),
        pytest.param(
            functional([image(), dense(activation="mine")], outputs=["score"]),
            "Unknown activation: mine",
            id="unknown activation",
        ),
    ],
)
def test_why_a_model_does_not_load(tmp_path: Path, model: Json, message: str) -> None:
    with pytest.raises(ConversionError, match=message) as caught:
        describe(tmp_path, model)

    assert caught.value.hint == "take the graph"


def test_a_shape_that_no_tensor_has_is_the_models_fault(tmp_path: Path) -> None:
    layers = [image(shape=(None, 5, 5, 1)), layer("UpSampling2D", "up", ["image"], size=[1.5, 1.5])]

    with pytest.raises(
        ConversionError, match=r"oddly: outputs\[0\]\.shape\[1\]: found 7\.5"
    ) as caught:
        describe(tmp_path, functional(layers, outputs=["up"]), weights={})
    assert caught.value.hint == "take the graph"


def test_a_layers_model_runs_on_both_backends(tmp_path: Path) -> None:
    write_layers_model(tmp_path / "m", stored={"score/kernel": "float16"})
    weights = score_weights()
    kernel = weights["score/kernel"].astype(np.float16).astype(np.float32)

    found = [run_one(tmp_path / name, tmp_path / "m", name, image=X) for name in ("wasm", "cpu")]

    for run in found:
        assert (run.error, run.predict_fault) == (None, None)
        expected = softmax(X @ kernel + weights["score/bias"])
        np.testing.assert_allclose(run.outputs[0]["score"], expected, rtol=1e-5)
