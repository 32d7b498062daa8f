"""The page on OpenVINO has the lists of the tables."""

import importlib

import pytest

pytestmark = pytest.mark.tensorflow


def test_the_page_has_the_lists_of_the_tables() -> None:
    document = importlib.import_module("pipeline.tf.openvino.operations_document")
    text = document.DOCUMENT.read_text(encoding="utf-8")

    assert document.write_lists(text) == text


def test_what_is_written_is_not_refused() -> None:
    operations = importlib.import_module("pipeline.tf.openvino.operations")

    assert not operations.RULES.keys() & operations.REFUSED.keys()
