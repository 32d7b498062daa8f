"""The page on TensorFlow Lite has the lists of the tables."""

import importlib

import pytest

pytestmark = pytest.mark.tensorflow


def test_the_page_has_the_lists_of_the_tables() -> None:
    document = importlib.import_module("pipeline.tf.tflite.operators_document")
    text = document.DOCUMENT.read_text(encoding="utf-8")

    assert document.write_lists(text) == text


def test_what_is_built_is_in_the_schema_and_not_refused() -> None:
    operators = importlib.import_module("pipeline.tf.tflite.operators")
    model = importlib.import_module("pipeline.tf.tflite.tflite_model")
    built = operators.REAL.keys() | operators.HELD.keys()

    assert not built & operators.REFUSED.keys()
    assert built - set(model.OPERATORS.values()) == {
        "Convolution2DTransposeBias",
        "Landmarks2TransformMatrix",
        "MaxPoolingWithArgmax2D",
        "MaxUnpooling2D",
        "TFLite_Detection_PostProcess",
        "TransformLandmarks",
        "TransformTensor",
        "TransformTensorBilinear",
    }
