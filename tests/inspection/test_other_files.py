"""Models that are recognized and not looked into."""

from pathlib import Path

import pytest

from pipeline.inspection.other_files import inspect_other_file


@pytest.mark.parametrize(
    ("name", "content", "model_format", "faults"),
    [
        ("m.tflite", b"\x1c\0\0\0TFL3", "tflite", []),
        ("m.tflite", b"<!DOCTYPE html>", "tflite", ["TensorFlow Lite model"]),
        ("m.h5", b"<!DOCTYPE html>", "keras", ["Keras model in HDF5 (.h5)"]),
        ("m.keras", b"<!DOCTYPE html>", "keras_keras", ["Keras 3 model (.keras)"]),
        ("m.onnx", b"<!DOCTYPE html>", "onnx", []),
    ],
)
def test_a_name_that_lies_is_a_fault(
    tmp_path: Path, name: str, content: bytes, model_format: str, faults: list[str]
) -> None:
    (tmp_path / name).write_bytes(content)

    model = inspect_other_file(tmp_path / name, model_format)

    said = tuple(f"the name says {title}, and the content is something else" for title in faults)
    assert (model.format, model.supported, model.faults) == (model_format, False, said)
