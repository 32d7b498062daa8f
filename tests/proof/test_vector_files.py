"""Vectors on file, written and read back, and refused when they are broken."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import FormatError
from pipeline.proof.vector_files import Vector, Vectors, load_vectors, narrow, write_vectors
from pipeline.tfjs.model.weights import Array


def strings(*texts: bytes) -> Array:
    values = np.empty(len(texts), object)
    values[:] = texts
    return values


TENSORS: dict[str, Array] = {
    "float32": np.array([[1.5, -0.0, 1e-45], [np.nan, np.inf, -np.inf]], np.float32),
    "int32": np.array([2**31 - 1, -(2**31), 0], np.int32),
    "bool": np.array([[True], [False]]),
    "complex64": np.array([1 + 2j, -0.5j], np.complex64),
    "string": strings(b"", "grüße".encode(), b"\xff\x00"),
    "scalar": np.array(0.25, np.float32),
    "empty": np.zeros((1, 0, 4), np.float32),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    vector = Vector(inputs=TENSORS, outputs={"y": TENSORS["int32"]}, note="a note")
    again = Vector(inputs={"float32": TENSORS["scalar"]}, outputs={})
    write_vectors(
        tmp_path,
        Vectors(
            vectors=[vector, again],
            seed="handtrack",
            runtime="tensorflow 2.19.0",
            random={"sampling": "differs"},
            constant={"mask": "0.0 on every vector"},
        ),
    )
    return tmp_path


def test_every_dtype_is_read_back_to_the_bit(folder: Path) -> None:
    loaded = load_vectors(folder)

    first, second = loaded.vectors
    assert list(first.inputs) == sorted(TENSORS)
    for name, values in TENSORS.items():
        assert first.inputs[name].dtype == values.dtype
        assert first.inputs[name].shape == values.shape
        assert first.inputs[name].tolist() == values.tolist() or name == "float32"
    assert first.inputs["float32"].tobytes() == TENSORS["float32"].tobytes()
    assert (first.note, second.note, second.outputs) == ("a note", None, {})
    assert (loaded.seed, loaded.runtime) == ("handtrack", "tensorflow 2.19.0")
    assert loaded.random == {"sampling": "differs"}
    assert loaded.constant == {"mask": "0.0 on every vector"}


def test_the_files_have_the_layout_of_a_weight_manifest(folder: Path) -> None:
    content = json.loads((folder / "vectors.json").read_bytes())

    (group,) = content["weightsManifest"]
    assert group["paths"] == ["vectors.bin"]
    specs = {spec["name"]: (spec["shape"], spec["dtype"]) for spec in group["weights"]}
    assert specs["0/inputs/float32"] == ([2, 3], "float32")
    assert specs["0/inputs/string"] == ([3], "string")
    assert next(iter(specs)) == "0/inputs/bool"
    assert content["vectors"][0]["outputs"] == {"y": "0/outputs/y"}
    content = (folder / "vectors.bin").read_bytes()
    assert content.startswith(TENSORS["bool"].tobytes() + TENSORS["complex64"].tobytes())


def test_equal_vectors_are_equal_bytes(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    again = tmp_path_factory.mktemp("again")
    write_vectors(again, load_vectors(folder))

    for name in ("vectors.json", "vectors.bin"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        pytest.param(np.array([255], np.uint8), "int32", id="uint8"),
        pytest.param(np.array([-(2**31)], np.int64), "int32", id="int64"),
        pytest.param(np.array([65504], np.float16), "float32", id="float16"),
        pytest.param(np.array([1e300]), "float32", id="float64"),
        pytest.param(np.array([1j]), "complex64", id="complex128"),
        pytest.param(np.array(["text"]), "object", id="text"),
    ],
)
def test_dtypes_become_those_of_tensorflow_js(values: Array, dtype: str) -> None:
    assert narrow(values, where="x").dtype.name == dtype


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param(np.array([2**31]), "'x' holds 2147483648; .* 32 bits", id="int64"),
        pytest.param(np.array([2**32 - 1], np.uint32), "32 bits", id="uint32"),
        pytest.param(np.array(["2020"], "M8[Y]"), "which TensorFlow.js has not", id="dates"),
        pytest.param(np.array([3], object), "holds a int; expected a string", id="objects"),
    ],
)
def test_what_tensorflow_js_has_not_is_refused(values: Array, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        narrow(values, where="x")


def remove(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize(
    ("break_file", "name", "message"),
    [
        pytest.param(remove, "vectors.bin", "vectors.bin is missing", id="bin missing"),
        pytest.param(cut, "vectors.bin", "vectors.bin does not hold what", id="bin cut"),
        pytest.param(lengthen, "vectors.bin", "vectors.bin does not hold what", id="bin longer"),
        pytest.param(remove, "vectors.json", "vectors.json: cannot be read", id="json missing"),
        pytest.param(
            lambda path: path.write_bytes(path.read_bytes()[:-9]),
            "vectors.json",
            "vectors.json: not JSON",
            id="json cut",
        ),
    ],
)
def test_broken_files_are_refused(
    folder: Path, break_file: Callable[[Path], None], name: str, message: str
) -> None:
    break_file(folder / name)

    with pytest.raises(FormatError, match=message):
        load_vectors(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"vectors": None}, "vectors is None; expected a list", id="no vectors"),
        pytest.param({"vectors": [{}]}, r"vectors\[0\]: expected an object with id 0", id="no id"),
        pytest.param(
            {"vectors": [{"id": 0, "inputs": {"x": "0/x"}, "outputs": {}}]},
            r"vectors\[0\].inputs.x: no tensor '0/x'",
            id="unknown tensor",
        ),
        pytest.param({"vectors": []}, "tensors of no vector: 0/inputs/bool, ", id="unused tensors"),
        pytest.param({"random": {"y": 1}}, "random: expected a reason", id="no reason"),
        pytest.param({"seed": 3}, "seed is 3; expected a str", id="seed"),
        pytest.param(
            {"weightsManifest": [{"paths": ["../x.bin"], "weights": []}]},
            r"vectors.json: weightsManifest\[0\].paths\[0\]",
            id="path outside",
        ),
        pytest.param(
            {"weightsManifest": []}, r"names \[\]; expected \['vectors.bin'\]", id="no group"
        ),
    ],
)
def test_wrong_content_is_refused(folder: Path, change: dict[str, Any], message: str) -> None:
    path = folder / "vectors.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | change))

    with pytest.raises(FormatError, match=message):
        load_vectors(folder)
