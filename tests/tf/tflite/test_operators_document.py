"""The page on TensorFlow Lite has the lists of the tables."""

import importlib

import pytest

pytestmark = pytest.mark.tensorflow


def test_the_page_has_the_lists_of_the_tables() -> None:
    document = importlib.import_module("pipeline.tf.tflite.operators_document")
    text = document.DOCUMENT.read_text(encoding="utf-8")

    assert document.write_lists(text) == text


def test_every_operator_of_the_schema_is_built_or_refused_with_a_reason() -> None:
    operators = importlib.import_module("pipeline.tf.tflite.operators")
    model = importlib.import_module("pipeline.tf.tflite.tflite_model")
    built = operators.REAL.keys() | operators.HELD.keys()

    assert not built & operators.REFUSED.keys()
    assert len(set(model.OPERATORS.values()) & built) == 147
