"""The page on ONNX has the lists of the tables."""

import importlib

import pytest
from tensorflow_child import run_in_tensorflow

pytestmark = pytest.mark.tensorflow


def read_page() -> tuple[str, str]:
    """Return the page as it is and as it has to be."""
    document = importlib.import_module("pipeline.tf.onnx.operators_document")
    text = document.DOCUMENT.read_text(encoding="utf-8")
    return text, document.write_lists(text)


def find_contradictions() -> set[tuple[str, str]]:
    """Return operators that are built and refused."""
    operators = importlib.import_module("pipeline.tf.onnx.operators")
    built = {(domain, op) for domain, table in operators.RULES.items() for op in table}
    return {each for each in built if each in operators.REFUSED}


def test_the_page_has_the_lists_of_the_tables() -> None:
    text, made = run_in_tensorflow(read_page)

    assert made == text


def test_what_is_built_is_not_refused() -> None:
    assert not run_in_tensorflow(find_contradictions)
