"""Models with ops that TensorFlow.js lacks, converted and run in the real TensorFlow.js."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lowering_models import built
from run_cases import load_arrays, read_outputs, run_folders, write_inputs

from pipeline.errors import ConversionError
from pipeline.proof.vector_files import load_vectors
from pipeline.records.contract import InputContract
from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import parse_model_json
from pipeline.tfjs.model.signature import read_signature
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

Json = dict[str, Any]
Convert = Callable[..., tuple[Path, Conversion]]


@pytest.fixture
def convert(pool: TensorFlowPool, tmp_path: Path) -> Convert:
    """Return a function that converts a model into a folder; it gives that and the record."""

    def convert_model(name: str, **flags: Any) -> tuple[Path, Conversion]:
        folder = tmp_path / f"{name} {len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        arguments = {"source": built() / name, "folder": folder, "flags": ConversionFlags(**flags)}
        function = "pipeline.tf.saved_model.convert_saved_model:convert_saved_model"
        log = tmp_path / "log.txt"
        job = pool.submit(function, arguments, log=log)
        return folder, Conversion.model_validate(job.result().value)

    return convert_model


def _as_pairs(arrays: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return arrays with both parts of complex ones along a last axis."""
    return {
        name: np.stack([array.real, array.imag], -1) if array.dtype.kind == "c" else array
        for name, array in arrays.items()
    }


def check_runs(name: str, folder: Path, *backends: str) -> None:
    """Run a model in TensorFlow.js and compare all outputs with TensorFlow's."""
    write_inputs(folder, _as_pairs(load_arrays(built() / f"{name}.inputs.npz")))
    run_folders([folder], backends)
    for backend in backends:
        made = read_outputs(folder, backend)
        wanted = _as_pairs(load_arrays(built() / f"{name}.expected.npz"))
        for key, expected in wanted.items():
            assert made[key].shape == expected.shape
            assert np.allclose(made[key], expected, rtol=1e-5, atol=1e-6), (key, made[key])


@pytest.mark.network
@pytest.mark.parametrize("control_flow_v2", [False, True])
def test_loops_and_branches(convert: Convert, *, control_flow_v2: bool) -> None:
    folder, record = convert("control_flow", control_flow_v2=control_flow_v2)

    became = [sentence.partition(" became")[0] for sentence in record.repairs]
    expected = ["CheckNumerics", "Erfc", "Roll", "Xlogy"]
    assert [op for op in became if op in expected] == expected
    assert any("a constant in a function" in one for one in became) is control_flow_v2
    check_runs("control_flow", folder, "cpu", "wasm")


def test_library_functions_are_the_same_each_time(convert: Convert) -> None:
    first, _ = convert("control_flow", control_flow_v2=True)
    # In the same process, where TensorFlow goes on counting.
    second, _ = convert("control_flow", control_flow_v2=True)

    for path in sorted(first.iterdir()):
        assert path.read_bytes() == (second / path.name).read_bytes()
    topology = json.loads((first / "model.json").read_bytes())["modelTopology"]
    names = [function["signature"]["name"] for function in topology["library"]["function"]]
    assert names == ["while_body_0", "while_cond_0", "cond_false_0", "cond_true_0"]


@pytest.mark.network
@pytest.mark.parametrize("control_flow_v2", [False, True])
def test_complex_numbers_are_pairs(convert: Convert, *, control_flow_v2: bool) -> None:
    folder, record = convert("spectra", control_flow_v2=control_flow_v2)

    assert "COMPLEX" not in (folder / "model.json").read_text()
    assert any(one.startswith("FFT2D became products with matrices") for one in record.repairs)
    check_runs("spectra", folder, "cpu", "wasm")


@pytest.mark.network
def test_complex_inputs_and_outputs_are_pairs(convert: Convert) -> None:
    folder, record = convert("complex_ends")

    assert "COMPLEX" not in (folder / "model.json").read_text()
    check_runs("complex_ends", folder, "cpu", "wasm")
    model_json = parse_model_json((folder / "model.json").read_text())
    signature = read_signature(model_json, record)
    ends = {
        end.name: (end.dtype, end.complex_dtype, end.shape)
        for end in (*signature.inputs, *signature.outputs)
    }
    assert ends == {
        "x": ("float32", "complex64", (None, 4, 2)),
        "y": ("float32", None, (None, 4)),
        "high": ("float32", "complex64", (None, 2, 2)),
        "low": ("float32", "complex64", (None, 2, 2)),
        "mirrored": ("float64", "complex128", (None, 4, 2)),
        "same": ("float32", "complex64", (None, 4, 2)),
        "size": ("float32", None, (None, 2)),
    }


def test_the_source_takes_and_returns_the_same_pairs(
    convert: Convert, pool: TensorFlowPool, tmp_path: Path
) -> None:
    folder, record = convert("complex_ends")
    model_json = parse_model_json((folder / "model.json").read_text())
    written = tmp_path / "vectors"
    written.mkdir()
    arguments = {
        "source": built() / "complex_ends",
        "folder": written,
        "signature": read_signature(model_json, record),
        "record": record,
        "flags": ConversionFlags(),
        "seed": "complex",
        "task": None,
        "given": None,
        "contracts": {"x": InputContract(), "y": InputContract()},
    }
    function = "pipeline.tf.saved_model.saved_model_reference:run_saved_model"
    pool.submit(function, arguments, log=tmp_path / "log.txt").result()

    for vector in load_vectors(written).vectors:
        x = vector.inputs["x"]
        assert x.shape[1:] == (4, 2)
        assert np.array_equal(vector.outputs["same"], x)
        assert np.array_equal(vector.outputs["mirrored"], x * np.array([1, -1], np.float32))


def test_complex_numbers_without_a_real_form_are_refused(convert: Convert) -> None:
    with pytest.raises(
        ConversionError, match=r"complex numbers in Cumprod \('.*Cumprod'\) have no"
    ):
        convert("complex_product")


@pytest.mark.network
def test_decompositions_compose_again(convert: Convert) -> None:
    folder, record = convert("decompositions")

    for op in ("SelfAdjointEigV2", "Svd"):
        assert any(one.startswith(f"{op} became rotations") for one in record.repairs)
    check_runs("decompositions", folder, "cpu", "wasm")


@pytest.mark.network
def test_each_output_of_a_replaced_op_keeps_its_name(convert: Convert) -> None:
    folder, _ = convert("many_outputs")

    check_runs("many_outputs", folder, "cpu", "wasm")


@pytest.mark.network
def test_one_of_several_branches_is_chosen(convert: Convert) -> None:
    folder, record = convert("cases")

    assert any(sentence.startswith("_SwitchN became") for sentence in record.repairs)
    check_runs("cases", folder, "cpu", "wasm")


@pytest.mark.network
def test_a_size_that_is_computed_from_known_ones_is_known(convert: Convert) -> None:
    folder, record = convert("resized")

    became = [sentence.partition(":")[0] for sentence in record.repairs]
    assert became == [
        "EnsureShape became what it is of",
        "ScaleAndTranslate became products with the matrices of its interpolation",
    ]
    check_runs("resized", folder, "cpu", "wasm")


@pytest.mark.network
@pytest.mark.parametrize("strip_debug_ops", [False, True])
def test_printing_and_checks_are_left_out(convert: Convert, *, strip_debug_ops: bool) -> None:
    folder, record = convert("debugging", strip_debug_ops=strip_debug_ops)

    text = (folder / "model.json").read_text()
    assert "PrintV2" not in text
    assert "CheckNumerics" not in text
    assert any(sentence.startswith("PrintV2 became nothing") for sentence in record.repairs)
    check_runs("debugging", folder, "cpu", "wasm")


@pytest.mark.network
def test_what_folds_into_a_constant_needs_no_op(convert: Convert) -> None:
    folder, record = convert("unused")

    assert record.repairs == []
    check_runs("unused", folder, "cpu")


@pytest.mark.network
def test_a_table_is_filled_from_the_file_of_the_model(convert: Convert) -> None:
    folder, record = convert("vocabulary")

    filled = "a lookup table is filled from constants: TensorFlow.js reads no files"
    assert f"{filled} (1 in this graph)" in record.repairs
    assert str(built()) not in (folder / "model.json").read_text()
    check_runs("vocabulary", folder, "cpu", "wasm")


@pytest.mark.network
def test_texts_are_split_and_looked_up(convert: Convert) -> None:
    folder, record = convert("texts")

    became = [sentence.partition(" became")[0] for sentence in record.repairs]
    assert became[:2] == ["LookupTableFindV2", "RaggedTensorToTensor"]
    # Its other ops on texts are those of runtime/texts/; wasm compares texts wrongly, which
    # a rewrite behind the conversion mends.
    check_runs("texts", folder, "cpu")


@pytest.mark.network
def test_bounds_beyond_int32_are_narrowed(convert: Convert) -> None:
    folder, record = convert("bounds")

    (repair,) = record.repairs
    assert repair.startswith("a constant that is a bound or a mark became the nearest number")
    assert repair.endswith("(3 in this graph)")
    check_runs("bounds", folder, "cpu", "wasm")


def test_a_bound_that_is_seen_is_refused(convert: Convert) -> None:
    with pytest.raises(ConversionError, match=r"cannot hold: \S+ \(int64 1099511627776\)"):
        convert("visible")


def test_unsupported_ops_are_listed_with_place_and_advice(convert: Convert) -> None:
    with pytest.raises(ConversionError) as caught:
        convert("unsupported")

    assert caught.value.message == (
        "TensorFlow.js does not have these ops: Expint (expint/Expint); "
        "MatrixInverse 2 times (whiten/MatrixInverse, whiten/MatrixInverse_1)"
    )
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("MatrixInverse: linear algebra")
    assert "`skip_op_check: true`" in caught.value.hint


def test_a_rule_that_does_not_fit_leaves_the_op_and_says_what_to_do(convert: Convert) -> None:
    with pytest.raises(ConversionError, match="ops: ResizeArea") as caught:
        convert("unknown_size")

    assert "give the model a fixed input size" in str(caught.value.hint)


def test_skipped_checks_let_the_ops_pass(convert: Convert) -> None:
    folder, _ = convert("unsupported", skip_op_check=True)

    assert "MatrixInverse" in (folder / "model.json").read_text()
