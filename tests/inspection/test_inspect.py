"""Descriptions as a whole, and those of models that are recognized and not looked into."""

import re
from pathlib import Path

import onnx_files
import pytest

from pipeline.inspection.description import Description
from pipeline.inspection.inspect import inspect_subject
from pipeline.inspection.inspection_view import format_model
from pipeline.inspection.subject import Subject
from pipeline.text.line import plain_text


def inspect(path: Path) -> Description:
    return inspect_subject(Subject(path=path), shapes={}, announce=pytest.fail)


def show(model: Description) -> str:
    return plain_text(format_model("m", model, width=None))


@pytest.mark.parametrize(
    ("name", "content", "model_format", "faults"),
    [
        ("m.tflite", b"<!DOCTYPE html>", "tflite", ["TensorFlow Lite model"]),
        ("m.h5", b"<!DOCTYPE html>", "keras", ["Keras model in HDF5 (.h5)"]),
        ("m.keras", b"<!DOCTYPE html>", "keras_keras", ["Keras 3 model (.keras)"]),
        ("m.onnx", b"<!DOCTYPE html>", "onnx", ["ONNX model"]),
    ],
)
def test_a_name_that_lies_is_a_fault(
    tmp_path: Path, name: str, content: bytes, model_format: str, faults: list[str]
) -> None:
    (tmp_path / name).write_bytes(content)

    model = inspect(tmp_path / name)

    said = tuple(
        f"the name says {title}, and the content is something else, or is cut off"
        for title in faults
    )
    assert (model.format, model.supported, model.remarks) == (model_format, False, said)


def test_json_has_only_the_fields_that_a_format_has(tmp_path: Path) -> None:
    (tmp_path / "m.h5").write_bytes(b"node")

    assert inspect(tmp_path / "m.h5").to_json() == {
        "format": "keras",
        "bytes": 4,
        "supported": False,
        "note": None,
        "remarks": [
            (
                "the name says Keras model in HDF5 (.h5), and the content is something else, or is "
                "cut off"
            )
        ],
    }


@pytest.mark.tensorflow
def test_an_onnx_file_is_described_with_the_names_of_its_open_sizes(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(onnx_files.onnx_model("m.data"))
    (tmp_path / "m.data").write_bytes(bytes(4))
    subject = Subject(path=tmp_path / "m.onnx")
    model = inspect_subject(subject, shapes={"x": (1,)}, announce=lambda _: None)

    assert "sizes of x are not used: multiply-adds are those of the file" in model.remarks
    assert model.bytes == (tmp_path / "m.onnx").stat().st_size + 4
    assert model.opsets is not None
    assert model.signature_key == "main"
    text = show(model)
    assert "ONNX model" in text
    assert "\n\n\n" not in text
    assert "data beside it: m.data (4 B)" in text
    assert re.search(r"inputs +0  x  float32  \[n\]", text)
