"""Reasons of other runtimes, in our words."""

import pytest

from pipeline.tf.reasons import find_unknown_op

_MESSAGE = "Op type not registered '{}' in binary running on a-machine. Make sure the Op is …"


@pytest.mark.parametrize(
    ("op", "said", "advice"),
    [
        ("SofterMax", "the op SofterMax, which", "a custom op"),
        ("WordpieceTokenizeWithOffsets", "of tensorflow_text", "tokenize in the page"),
        ("TFText>FastWordpieceTokenizeWithOffsets", "of tensorflow_text", "takes ids"),
        ("SentencepieceTokenizeOp", "of tensorflow_text", "takes ids"),
        ("Addons>ImageProjectiveTransformV3", "of tensorflow_addons", "docs/keras.md"),
        ("IO>DecodeAvro", "of tensorflow_io", "behind it"),
    ],
)
def test_a_custom_op_names_its_package(op: str, said: str, advice: str) -> None:
    error = find_unknown_op(ValueError(_MESSAGE.format(op)))

    assert error is not None
    assert said in error.message
    assert advice in (error.hint or "")


def test_another_error_is_none() -> None:
    assert find_unknown_op(ValueError("shapes differ")) is None
