"""Patterns: which weight gets which dtype, as the converter would decide."""

import pytest

from pipeline.errors import QuantizationError
from pipeline.tfjs.model.weight_manifest import WeightSpec
from pipeline.tfjs.quantize.patterns import assign_dtypes

WEIGHTS = [
    *(
        WeightSpec(name=name, shape=(2,), dtype="float32")
        for name in ("conv1/weights", "conv1/bias", "conv2/weights", "logits/Weights")
    ),
    WeightSpec(name="conv1/axis", shape=(), dtype="int32"),
    WeightSpec(name="names", shape=(3,), dtype="string"),
]


def test_a_pattern_takes_what_it_matches() -> None:
    assert assign_dtypes(WEIGHTS, {"uint8": ["conv*/weights"]}) == {
        "conv1/weights": "uint8",
        "conv2/weights": "uint8",
    }


def test_a_star_takes_all_float32_weights() -> None:
    assert set(assign_dtypes(WEIGHTS, {"float16": ["*"]})) == {
        "conv1/weights",
        "conv1/bias",
        "conv2/weights",
        "logits/Weights",
    }


@pytest.mark.parametrize("first", ["uint8", "float16"])
def test_a_star_takes_the_rest_whatever_the_order(first: str) -> None:
    quantize = {"uint8": ["*/weights"], "float16": ["*"]}
    ordered = {first: quantize[first]} | quantize

    assert assign_dtypes(WEIGHTS, ordered) == {
        "conv1/weights": "uint8",
        "conv1/bias": "float16",
        "conv2/weights": "uint8",
        "logits/Weights": "float16",
    }


def test_names_of_other_case_are_other_names() -> None:
    assert set(assign_dtypes(WEIGHTS, {"uint8": ["*/Weights"]})) == {"logits/Weights"}


def test_two_patterns_of_one_dtype_may_overlap() -> None:
    assert len(assign_dtypes(WEIGHTS, {"uint8": ["conv1/*", "*/weights"]})) == 3


def test_integers_under_two_patterns_are_no_conflict() -> None:
    weights = {"uint8": ["conv1/[!w]*"], "float16": ["*/weights", "*s/*"]}

    assert assign_dtypes(WEIGHTS, weights)["conv1/bias"] == "uint8"


def test_a_model_without_float32_weights_has_nothing_to_quantize() -> None:
    assert assign_dtypes(WEIGHTS[-2:], {"uint8": ["*"]}) == {}


@pytest.mark.parametrize(
    ("quantize", "message"),
    [
        pytest.param(
            {"uint8": ["conv*/weigths"]},
            "quantize_uint8: 'conv*/weigths' matches no weight; this model has 4 float32 weights, "
            "the nearest: 'conv2/weights', 'conv1/weights', 'conv1/bias', 'logits/Weights'",
            id="typing error",
        ),
        pytest.param(
            {"float16": ["Q"]},
            "quantize_float16: 'Q' matches no weight; this model has 4 float32 weights, "
            "such as: 'conv1/weights', 'conv1/bias', 'conv2/weights', 'logits/Weights'",
            id="nothing near",
        ),
        pytest.param(
            {"float16": ["True"], "uint8": ["*"]},
            "quantize_float16: 'True' matches no weight; this model has 4 float32 weights, "
            "such as: 'conv1/weights', 'conv1/bias', 'conv2/weights', 'logits/Weights'",
            id="the stock trap",
        ),
        pytest.param(
            {"uint8": ["*/axis"]},
            "quantize_uint8: '*/axis' matches only weights that are never quantized, such as "
            "'conv1/axis' (int32); expected float32 weights",
            id="integer",
        ),
        pytest.param(
            {"uint8": ["*/weights"], "float16": ["conv1/*"]},
            "weight 'conv1/weights' is asked for twice: uint8 by '*/weights', float16 by 'conv1/*'",
            id="conflict",
        ),
        pytest.param(
            {"uint8": ["*"], "float16": ["*"]},
            "uint8 and float16 are both asked for all other weights; expected one of them",
            id="two rests",
        ),
    ],
)
def test_what_cannot_be_meant(quantize: dict[str, list[str]], message: str) -> None:
    with pytest.raises(QuantizationError) as error:
        assign_dtypes(WEIGHTS, quantize)

    assert error.value.message == message
