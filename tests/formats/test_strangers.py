"""Files that are no models: each says what it is, and what to do."""

import gzip
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import FormatError
from pipeline.formats.detect import detect_format


def torch_archive() -> bytes:
    """Return the head of what torch.save writes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
    return file.getvalue()


def array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


MANIFEST = json.dumps([{"paths": ["shard1"], "weights": [{"name": "w", "shape": [1]}]}]).encode()
LAYERS = b'{"class_name": "Sequential", "config": {}}'
SAFETENSORS = (10).to_bytes(8, "little") + b'{"w": []} '

CASES: dict[str, tuple[str, Callable[[], bytes], str, str]] = {
    "weights": ("w.json", lambda: MANIFEST, "a list of weights", "model.json that belongs to them"),
    "layers": ("m.json", lambda: LAYERS, "the layers of a Keras model", "save the model whole"),
    "PyTorch": ("m.bin", torch_archive, "a model or weights of PyTorch", "torch.onnx.export"),
    "PyTorch by name": ("m.pth", lambda: b"\x00\x01", "of PyTorch", "torch.onnx.export"),
    "safetensors": ("m", lambda: SAFETENSORS, "weights in safetensors", "torch.onnx.export"),
    "a checkpoint": ("m.ckpt.index", lambda: b"\x00\x00\x05", "a checkpoint", "saved_model.save"),
    "GGUF": ("m.gguf", lambda: b"GGUF\x03", "a model in GGUF", "the model that it was made from"),
    "an array": ("w.npy", array, "an array of NumPy", "saved_model.save"),
    "a pickle": ("m.pkl", lambda: pickle.dumps([1]), "can run any code", "skl2onnx"),
    "a picture": ("m.png", lambda: b"\x89PNG\r\n\x1a\n", "a picture", "the model"),
    "compressed": ("m.onnx.gz", lambda: gzip.compress(b"x"), "a compressed file", "unpack it"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_file_that_is_no_model_says_what_it_is(tmp_path: Path, case: str) -> None:
    name, write, what, hint = CASES[case]
    (tmp_path / name).write_bytes(write())

    with pytest.raises(FormatError) as caught:
        detect_format(tmp_path / name, asked=None, name="the source")

    assert caught.value.message.startswith("the source is ")
    assert what in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("names", "what", "hint"),
    [
        pytest.param(
            ["data_spec.pb", "header.pb", "done", "nodes-00000-of-00001"],
            "a model of YDF",
            "to_tensorflow_saved_model",
            id="YDF",
        ),
        pytest.param(["checkpoint", "m.index"], "a checkpoint", "saved_model.save", id="weights"),
        pytest.param(
            ["config.json", "metadata.json", "model.weights.h5"], "keras_hub", "export", id="preset"
        ),
        pytest.param(
            ["config.json", "model.safetensors"],
            "of transformers",
            "optimum-cli",
            id="transformers",
        ),
    ],
)
def test_a_folder_that_is_no_model_says_what_it_is(
    tmp_path: Path, names: list[str], what: str, hint: str
) -> None:
    folder = tmp_path / "inner" / "model"
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"\x00")

    with pytest.raises(FormatError, match=what) as caught:
        detect_format(folder, asked=None, name="the source")
    with pytest.raises(FormatError, match=f"holds no model: inner/model is .*{what}") as outer:
        detect_format(tmp_path, asked=None, name="the package")

    assert hint in (caught.value.hint or "")
    assert outer.value.hint == caught.value.hint


def test_a_model_beside_weights_is_pointed_at(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    for name in ("config.json", "model.safetensors", "tf_model.h5", "onnx/model.onnx"):
        (tmp_path / name).write_bytes(b"\x00")

    with pytest.raises(FormatError, match="cannot tell the format") as caught:
        detect_format(tmp_path, asked=None, name="the source")

    assert caught.value.hint == "point `source:` at one of onnx/model.onnx"


def test_what_nobody_knows_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"\x99\x98\x97")

    assert detect_format(tmp_path / "m.onnx", asked=None, name="the source") == "onnx"
