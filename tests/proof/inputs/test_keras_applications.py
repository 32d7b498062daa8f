"""Networks of Keras, known by their name and layers."""

from typing import Any

import pytest

from pipeline.proof.inputs.keras_applications import find_application

Json = dict[str, Any]


def config(name: str, *layers: str, kind: str = "Functional") -> Json:
    listed = [{"class_name": "Conv2D", "name": layer, "config": {}} for layer in layers]
    return {"class_name": kind, "config": {"name": name, "layers": listed}}


def test_vgg_takes_blue_green_red_less_their_means() -> None:
    found = find_application(config("vgg16", "block1_conv1", "block5_conv3"))

    assert found is not None
    assert (found.color, found.mean, found.std) == ("bgr", [103.939, 116.779, 123.68], [1.0] * 3)
    assert found.evidence["mean"] == (
        "it is vgg16 of tf.keras.applications.vgg16, whose preprocess_input makes its pixels"
    )


def test_densenet_takes_the_normalization_of_imagenet() -> None:
    found = find_application(config("densenet121", "conv1_conv", "conv5_block16_concat"))

    assert found is not None
    assert found.mean == [123.675, 116.28, 103.53]
    assert found.std == [58.395, 57.12, 57.375]


def test_old_files_name_a_layer_in_its_config() -> None:
    layers = [{"config": {"name": name}} for name in ("mixed0", "mixed10")]

    assert find_application({"config": {"name": "inception_v3", "layers": layers}}) is not None


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(config("vgg16", "block1_conv1"), id="another architecture"),
        pytest.param(config("my_vgg16", "block1_conv1", "block5_conv3"), id="another name"),
        pytest.param(
            {
                "class_name": "Sequential",
                "config": {
                    "name": "sequential",
                    "layers": [config("vgg16", "block1_conv1", "block5_conv3")],
                },
            },
            id="within another model",
        ),
        pytest.param({"config": {"name": ["vgg16"], "layers": 3}}, id="no config"),
        pytest.param({"config": {"name": "vgg16", "layers": [{"name": ["x"]}, 3]}}, id="no layers"),
        pytest.param({}, id="nothing"),
    ],
)
def test_any_other_model_says_nothing(wire: Json) -> None:
    assert find_application(wire) is None
