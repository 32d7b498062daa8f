"""The page on ONNX has the lists of the tables."""

import importlib

import pytest

pytestmark = pytest.mark.tensorflow


def test_the_page_has_the_lists_of_the_tables() -> None:
    document = importlib.import_module("pipeline.tf.onnx.operators_document")
    text = document.DOCUMENT.read_text(encoding="utf-8")

    assert document.write_lists(text) == text


def test_what_is_built_is_not_refused() -> None:
    operators = importlib.import_module("pipeline.tf.onnx.operators")
    built = {(domain, op) for domain, table in operators.RULES.items() for op in table}

    assert not built & operators.REFUSED.keys()
