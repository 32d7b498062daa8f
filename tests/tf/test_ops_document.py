"""The page on TensorFlow's ops has the lists of the code."""

import importlib

import pytest

pytestmark = pytest.mark.tensorflow


def test_the_page_has_the_lists_of_the_code() -> None:
    document = importlib.import_module("pipeline.tf.ops_document")
    text = document.DOCUMENT.read_text(encoding="utf-8")

    assert document.write_lists(text) == text


@pytest.mark.parametrize(
    ("op", "status"),
    [
        ("Relu", "as it is"),
        ("Mean", "repaired"),
        ("Neg", "repaired"),
        ("Erfc", "lowered"),
        ("BitwiseXor", "lowered"),
        ("FFT2D", "lowered"),
        ("RFFT", "repaired"),
        ("Case", "removed"),
        ("ReadVariableOp", "removed"),
        ("UnicodeDecode", "by the loader"),
        ("Svd", "lowered"),
        ("Expint", "refused"),
        ("WriteFile", "kept out"),
    ],
)
def test_status(op: str, status: str) -> None:
    document = importlib.import_module("pipeline.tf.ops_document")

    assert document.find_status(op) == status
