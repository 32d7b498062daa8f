"""Descriptions of Keras models and frozen graphs, as TensorFlow reads them."""

from pathlib import Path
from typing import Any

import keras_models
import pytest
import tensorflow_1_models

from pipeline.errors import UntrustedSourceError
from pipeline.inspection.inspect import inspect_subject
from pipeline.inspection.subject import Subject

pytestmark = pytest.mark.tensorflow


def inspect(path: Path) -> dict[str, Any]:
    told: list[str] = []
    model = inspect_subject(Subject(path=path), shapes={}, announce=told.append)
    assert told == [f"TensorFlow is starting, to read {path.name}"]
    return model.to_json()


def test_a_keras_model_has_its_layers_variables_and_work() -> None:
    model = inspect(keras_models.built() / "dict_outputs.tf_keras.h5")

    assert [tensor["name"] for tensor in model["inputs"]] == ["left", "right"]
    assert {tensor["name"]: tensor["shape"] for tensor in model["outputs"]} == {
        "boxes": [-1, 4],
        "scores": [-1, 3],
    }
    assert model["layers"] == {"Add": 1, "Dense": 3, "InputLayer": 2}
    assert model["parameters"] == 55
    assert "dense/kernel" in {weight["name"] for weight in model["weights"]["largest"]}
    assert model["multiplyAdds"]["total"] == 44
    assert model["unstated"] == ["left", "right"]
    assert "checkpoint" not in model


def test_a_keras_model_that_runs_code_is_not_loaded() -> None:
    with pytest.raises(UntrustedSourceError, match="would run Python code"):
        inspect(keras_models.built() / "lambda.keras 3.keras")


def test_a_frozen_graph_with_two_ends_lists_both() -> None:
    model = inspect(tensorflow_1_models.built() / "two.pb")

    assert model["possibleOutputs"] == ["scores", "label"]
    assert "`output_node_names: [scores, label]`" in " ".join(model["remarks"])
