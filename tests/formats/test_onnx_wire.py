"""ONNX files read without a library: what is beside them, and how they begin."""

from pathlib import Path

import numpy as np
import onnx
import onnx_files
import pytest
from onnx import TensorProto, helper

from pipeline.formats.data_files import list_data_files
from pipeline.formats.onnx_wire import begins_like_model


def test_data_are_found_wherever_a_model_may_have_them(tmp_path: Path) -> None:
    path = tmp_path / "m.ONNX"
    path.write_bytes(onnx_files.nested_onnx_model("d"))

    places = ("attribute", "body", "list", "values", "indices", "function")
    assert set(list_data_files(path)) == {f"d/{place}" for place in places}


def test_damage_hides_only_what_is_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    content = onnx_files.onnx_model("a", "b")
    for end in range(len(content)):
        path.write_bytes(content[:end])
        assert set(list_data_files(path)) <= {"a", "b"}
    path.write_bytes(b"\x0b" * 100)
    assert list_data_files(path) == []
    path.write_bytes((b"\x3a\x80\x01" + b"\x0a\x7d" * 64) * 9)
    assert list_data_files(path) == []


def test_files_of_other_names_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "m.bin").write_bytes(onnx_files.onnx_model("a"))

    assert list_data_files(tmp_path / "m.bin") == []


def begins(content: bytes) -> bool:
    return begins_like_model(content[:64], len(content))


@pytest.mark.parametrize("ir_version", [3, 4, 8, onnx.IR_VERSION])
@pytest.mark.parametrize(
    "said",
    [{}, {"producer_name": "pytorch", "producer_version": "2.5.1"}, {"doc_string": "Eine\nÜbung"},
     {"producer_name": "a" * 200}, {"domain": "org.example", "model_version": 2**40}],
)  # fmt: skip
def test_models_are_told_by_their_first_bytes(ir_version: int, said: dict[str, str]) -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])

    assert begins(helper.make_model(graph, ir_version=ir_version, **said).SerializeToString())


def test_real_files_are_told_by_their_first_bytes() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    paths = list((Path(onnxruntime.__file__).parent / "datasets").glob("*.onnx"))

    assert paths
    assert all(begins(path.read_bytes()) for path in paths)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x08\x07", id="a version alone"),
        pytest.param(b"\x08\x01\x12\xff\x01" + b"\x0a\x04" * 30, id="SavedModel"),
        pytest.param(b"\x0a\x10\x0a\x01x\x12\x0bPlaceholder" * 4, id="frozen graph"),
        pytest.param(b"\x1c\0\0\0TFL3" + bytes(40), id="TensorFlow Lite"),
        pytest.param(b"\x89HDF\r\n\x1a\n" + bytes(40), id="HDF5"),
        pytest.param(b"PK\x03\x04" + bytes(40), id="zip"),
        pytest.param(b"<!DOCTYPE html>" + b" " * 40, id="page"),
        pytest.param(b"\x08\x07\x12\x7f" + b"a" * 9, id="a text behind the end"),
        pytest.param(b"\x08\x07\x12\x03\x01\x02\x03", id="controls for a text"),
        pytest.param(b"\x08\x07\x48\x03", id="a field that no model has"),
        pytest.param(b"\x08\x7f\x12\x01a", id="a version that is none"),
        pytest.param(b"\x08\x07\x3a\x02\x0f\x00", id="no message"),
    ],
)
def test_other_files_are_no_models(content: bytes) -> None:
    assert not begins(content)


def test_random_bytes_are_no_models() -> None:
    stream = np.random.default_rng(0)
    found = [begins(b"\x08" + stream.bytes(64)) for _ in range(100_000)]

    assert sum(found) < 20
