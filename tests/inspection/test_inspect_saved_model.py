"""Descriptions of real SavedModels, made by TensorFlow and Keras."""

from pathlib import Path
from typing import Any

import pytest
from saved_models import built

from pipeline.errors import FormatError
from pipeline.inspection.inspect import inspect_subject
from pipeline.inspection.subject import Subject

pytestmark = pytest.mark.tensorflow


def inspect(name: str) -> dict[str, Any]:
    """Return the description of one of the models of saved_models.py."""
    told: list[str] = []
    model = inspect_subject(Subject(path=built() / name), shapes={}, announce=told.append)
    assert told == ["TensorFlow is starting, to read saved_model.pb"]
    return model.to_json()


def test_a_keras_model_has_the_parameters_and_multiply_adds_that_are_published() -> None:
    model = inspect("mobilenet")

    # keras.Model.count_params() of MobileNetV2, width 0.35, ten classes.
    assert model["variableParameters"] == 423_018
    # 11 million in the table of its authors, who count a head of 1,000 classes in.
    assert model["multiplyAdds"]["total"] == 10_666_928
    assert model["multiplyAdds"]["exact"]
    assert model["multiplyAdds"]["counted"] == 53
    assert model["shapes"]["unknown"] == 0
    assert model["signatureKey"] == "serving_default"
    assert model["tags"] == [["serve"]]
    assert model["missingOps"] == {"tensorflow.js": []}
    # Keras stores each variable twice.
    assert model["checkpoint"]["bytes"] > 2 * model["checkpoint"]["usedBytes"] - 1000


def test_all_shapes_are_those_that_tensorflow_inferred() -> None:
    """Every node of an exported function carries TensorFlow's own inference."""
    model = inspect("efficientnet")

    # A contradiction would make a shape unknown, and all that follows from it.
    assert model["shapes"]["unknown"] == 0
    assert model["ops"]["DepthwiseConv2dNative"] == 16
    assert list(model["multiplyAdds"]["assumedShapes"].values()) == [[1, 64, 64, 3]]


def test_several_signatures_and_none_that_is_obvious() -> None:
    model = inspect("several_signatures")

    assert model["signatureKey"] is None
    assert model["inputs"] is None
    assert sorted(model["signatures"]) == ["classify", "embed"]
    assert model["signatures"]["embed"]["multiplyAdds"]["total"] == 12
    assert model["signatures"]["classify"]["multiplyAdds"]["total"] == 0


def test_a_model_without_signature_still_has_its_variables() -> None:
    model = inspect("no_signature")

    assert model["signatures"] == {}
    assert model["parameters"] == 12


def test_all_tag_sets_of_a_model_of_tensorflow_1() -> None:
    model = inspect("v1_two_tag_sets")

    assert model["tags"] == [["serve"], ["gpu", "serve"]]
    assert model["signatures"]["predict"]["tags"] == ["serve"]
    assert model["parameters"] == 12


@pytest.mark.parametrize(
    ("name", "remark"),
    [
        pytest.param("reads_a_file", "touch this machine: ReadFile", id="touches the machine"),
        pytest.param("big_integer", "cannot hold", id="integer beyond int32"),
        pytest.param("unsupported", "does not have: Betainc, Svd", id="missing ops"),
        pytest.param("unknown_op", "does not have: SofterMax", id="an op that nobody knows"),
    ],
)
def test_what_would_fail_is_remarked(name: str, remark: str) -> None:
    assert any(remark in text for text in inspect(name)["remarks"])


def test_a_truncated_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(
        (built() / "v1" / "saved_model.pb").read_bytes()[:100]
    )

    with pytest.raises(FormatError, match=r"saved_model\.pb is truncated or no SavedModel"):
        inspect_subject(Subject(path=tmp_path), shapes={}, announce=lambda _: None)
