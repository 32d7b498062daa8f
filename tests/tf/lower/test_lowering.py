"""Lowering: each rule against the op that it replaces, in TensorFlow and in TensorFlow.js."""

from pathlib import Path

import pytest
from lowered import ALL as CASES
from lowered import Json, folder_before, measure, ran, results
from run_cases import load_arrays, read_outputs, run_folders, write_inputs

from pipeline.errors import WorkerError
from pipeline.proof.vector_files import narrow
from pipeline.tfjs.op_support import mapped_ops

pytestmark = pytest.mark.tensorflow

BACKENDS = ["cpu", "wasm"]
# What the converter's list has and TensorFlow.js 4 does not know.
NOT_MAPPED = {"BitwiseAnd", "RaggedGather", "RaggedRange", "RaggedTensorToTensor"}
IN_FUNCTION = [name for name, case in CASES.items() if case.is_in_function and not case.producer]
WRONG_BEFORE = [(name, backend) for name, case in CASES.items() for backend in case.wrong_before]
IN_JAVASCRIPT = [name for name, case in CASES.items() if case.not_in_javascript is None]


@pytest.fixture(scope="module")
def run_in_javascript() -> Path:
    """Run all models in TensorFlow.js, on both backends; return the folder of their folders."""
    folder = ran()
    folders = [folder / name for name in IN_JAVASCRIPT]
    folders += [folder_before(folder / name) for name in dict(WRONG_BEFORE)]
    for one in folders:
        write_inputs(one, load_arrays(one / "inputs.npz"))
    run_folders(folders, BACKENDS)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_tensorflow_computes_the_same(name: str) -> None:
    check_same(name, results()[name]["graph"])


@pytest.mark.parametrize("name", IN_FUNCTION)
def test_tensorflow_computes_the_same_in_a_function(name: str) -> None:
    check_same(name, results()[name]["function"])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.is_in_loop])
def test_tensorflow_computes_the_same_in_a_loop(name: str) -> None:
    check_same(name, results()[name]["loop"])


def check_same(name: str, result: Json) -> None:
    allowed = CASES[name].error
    assert all(isinstance(error, float) and error <= allowed for error in result["error"]), result
    op = CASES[name].op
    # The rules of other ops may apply to the result, and a second rule to an op of both parts.
    sentences = [one for one in result["sentences"] if one.startswith(f"{op} became ")]
    assert sentences
    for sentence in sentences:
        assert sentence.endswith(" in this graph)")
        if f"TensorFlow.js has no {op}" in sentence:
            assert op not in result["ops"]


@pytest.mark.parametrize("name", CASES)
def test_only_ops_that_tensorflow_js_has_are_used(name: str) -> None:
    assert set(results()[name]["graph"]["ops"]) <= (mapped_ops() or set()) - NOT_MAPPED


@pytest.mark.parametrize("name", CASES)
def test_the_graph_given_stays_and_the_result_is_the_same_each_time(name: str) -> None:
    found = results()[name]

    assert found["graph"]["repeated"]
    assert all(result["unchanged"] for result in found.values())


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", IN_JAVASCRIPT)
def test_tensorflow_js_computes_the_same(name: str, backend: str, run_in_javascript: Path) -> None:
    folder = run_in_javascript / name
    if backend == "wasm" and (missing := CASES[name].not_on_wasm):
        with pytest.raises(AssertionError, match=f"Kernel '{missing}' not registered"):
            read_outputs(folder, backend)
        return
    check_outputs(name, folder, backend)


@pytest.mark.network
@pytest.mark.parametrize(("name", "backend"), WRONG_BEFORE)
def test_tensorflow_js_did_not_before(name: str, backend: str, run_in_javascript: Path) -> None:
    # If the shape is not that of the values, or is no number, the output cannot be read.
    with pytest.raises((AssertionError, WorkerError)):
        check_outputs(name, folder_before(run_in_javascript / name), backend)


def check_outputs(name: str, folder: Path, backend: str) -> None:
    """Compare the outputs in TensorFlow.js with those of TensorFlow."""
    made = read_outputs(folder, backend)
    for key, array in load_arrays(folder / "expected.npz").items():
        expected = narrow(array, where=key)
        assert made[key].shape == expected.shape
        assert made[key].dtype == expected.dtype
        if expected.dtype.kind in "fc":
            error = measure(expected, made[key])
            assert isinstance(error, float), error
            assert error <= max(CASES[name].error, 2e-6)
        else:
            assert made[key].tolist() == expected.tolist()
