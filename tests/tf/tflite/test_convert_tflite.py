"""Conversion of small real TensorFlow Lite files, proved in the real TensorFlow.js."""

import importlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite_models
from both_runtimes import Submit, convert_source, run_both

from pipeline.errors import (
    ConversionError,
    PipelineError,
    SignatureError,
    UntrustedSourceError,
)
from pipeline.proof.vector_files import Vectors
from pipeline.records.source import Conversion, Tie
from pipeline.runtime.run_models import Runs
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

CONVERT = "pipeline.tf.tflite.convert_tflite:convert_tflite"
SUMMARIZE = "pipeline.tf.tflite.summary:summarize_tflite"
NOTES = "notes.txt"
REFER = "pipeline.tf.tflite.tflite_reference:run_tflite"


@pytest.fixture
def submit(pool: TensorFlowPool, tmp_path: Path) -> Submit:
    def submit_now(function: str, **arguments: Any) -> Any:
        return pool.submit(function, arguments, log=tmp_path / "log.txt").result().value

    return submit_now


Convert = Callable[..., Conversion]


@pytest.fixture
def convert(submit: Submit, tmp_path: Path) -> Convert:
    def convert_now(name: str, **flags: Any) -> Conversion:
        return convert_source(submit, CONVERT, tflite_models.built() / name, tmp_path, **flags)

    return convert_now


Prove = Callable[..., tuple[Vectors, Runs]]


@pytest.fixture
def prove(convert: Convert, submit: Submit, tmp_path: Path) -> Prove:
    """Return a function that converts a file, and runs it in both runtimes on the same inputs."""

    def prove_now(name: str, **flags: Any) -> tuple[Vectors, Runs]:
        record = convert(name, **flags)
        source = tflite_models.built() / name
        proof = run_both(submit, REFER, source, tmp_path, record, **flags)
        notes = proof.answer["notes"]
        (tmp_path / NOTES).write_text("\n".join(notes))
        assert proof.answer["judged_as"] in {None, *notes}
        return proof.vectors, proof.runs

    return prove_now


def tensors(ties: Sequence[Tie] | None) -> list[str]:
    return [tie.name for tie in ties or ()]


@pytest.mark.network
@pytest.mark.parametrize(
    ("name", "flags", "tolerance"),
    [
        pytest.param("float32.tflite", {}, 1e-5, id="float32"),
        pytest.param("float16.tflite", {}, 1e-5, id="float16"),
        pytest.param("dynamic.tflite", {}, 1e-5, id="weights of 8 bits"),
        pytest.param("int8.tflite", {}, 0.0, id="whole numbers, exactly"),
        pytest.param("without_bias.tflite", {}, 0.0, id="whole numbers without bias"),
        pytest.param("int8.tflite", {"dequantize": True}, 1e-5, id="int8 in its float form"),
        pytest.param("uint8.tflite", {"dequantize": True}, 1e-5, id="uint8 in its float form"),
        pytest.param("int16.tflite", {"dequantize": True}, 1e-5, id="int16 in its float form"),
        pytest.param("saturated.tflite", {"dequantize": True}, 1e-5, id="cut to its limits"),
        pytest.param("recurrent_int8.tflite", {"dequantize": True}, 1e-5, id="an LSTM of int8"),
        pytest.param("counter_int8.tflite", {"dequantize": True}, 1e-5, id="state of int8"),
        pytest.param("open.tflite", {}, 1e-6, id="an open batch"),
        pytest.param("long_window.tflite", {}, 1e-5, id="a window longer than small inputs"),
        pytest.param("shared.tflite", {}, 1e-5, id="a kernel of three convolutions"),
        pytest.param("control.tflite", {}, 1e-5, id="branch and loop"),
        pytest.param("flex.tflite", {}, 1e-5, id="ops of TensorFlow"),
        pytest.param("signatures.tflite", {"signature_name": "score"}, 1e-6, id="a signature"),
        pytest.param("signatures.tflite", {"signature_name": "double"}, 1e-6, id="another one"),
        pytest.param("counter.tflite", {}, 1e-6, id="a variable"),
        pytest.param("recurrent.tflite", {}, 1e-5, id="LSTM both ways, and GRU"),
        pytest.param("lstm_with_all.tflite", {}, 1e-5, id="LSTM with all that it may have"),
        pytest.param("lstm_both_ways.tflite", {}, 1e-5, id="an operator for both ways"),
        pytest.param("rnn_both_ways.tflite", {}, 1e-5, id="RNN both ways"),
        pytest.param("detection.tflite", {}, 1e-5, id="boxes"),
        pytest.param("detection_by_class.tflite", {}, 1e-5, id="boxes class by class"),
        pytest.param("detection_of_two.tflite", {}, 1e-5, id="boxes with two classes each"),
        pytest.param("svdf.tflite", {}, 1e-5, id="a tensor that an operator keeps"),
        pytest.param("svdf_int8.tflite", {}, 0.0, id="the same in whole numbers"),
        pytest.param("svdf_int8.tflite", {"dequantize": True}, 1e-5, id="its float form"),
        pytest.param("sparse.tflite", {}, 1e-5, id="sparse weights"),
        pytest.param("composite.tflite", {}, 1e-6, id="a composite of StableHLO"),
        pytest.param("pooling.tflite", {}, 0.0, id="pooling with places, and back"),
        pytest.param("pooling_wide.tflite", {}, 0.0, id="windows that are no squares"),
        pytest.param("pooling_overlap.tflite", {}, 0.0, id="windows that overlap"),
        pytest.param("landmarks.tflite", {}, 1e-4, id="landmarks"),
        pytest.param("landmarks_1.tflite", {}, 1e-4, id="landmarks in their first version"),
    ],
)
def test_tensorflow_js_returns_what_the_interpreter_does(
    prove: Prove, name: str, flags: dict[str, Any], tolerance: float
) -> None:
    vectors, runs = prove(name, **flags)

    for backend, variants in runs.items():
        run = variants["base"]
        assert run.status == "ok", (backend, run.error)
        for i, vector in enumerate(vectors.vectors):
            assert set(run.outputs[i]) == set(vector.outputs)
            for output, values in vector.outputs.items():
                assert np.allclose(
                    run.outputs[i][output], values, rtol=tolerance, atol=tolerance
                ), output
    assert vectors.runtime == "tensorflow lite 2.19.0"


@pytest.mark.network
@pytest.mark.parametrize(
    ("name", "flags", "told"),
    [
        pytest.param("int8.tflite", {}, {"differ by up to"}, id="whole numbers"),
        pytest.param("int8.tflite", {"dequantize": True}, {"the float form of"}, id="float form"),
        pytest.param("dynamic.tflite", {}, {"also rounds activations"}, id="weights of 8 bits"),
        pytest.param("float32.tflite", {}, set(), id="float32"),
        pytest.param("landmarks.tflite", {}, {"followed in numpy"}, id="operators of MediaPipe"),
    ],
)
def test_a_note_tells_how_far_other_ways_to_compute_are(
    prove: Prove, tmp_path: Path, name: str, flags: dict[str, Any], told: set[str]
) -> None:
    prove(name, **flags)

    notes = (tmp_path / NOTES).read_text()
    known = {
        *("differ by up to", "the float form of", "also rounds activations"),
        "followed in numpy",
    }
    assert {text for text in known if text in notes} == told


@pytest.mark.parametrize(
    ("name", "flags", "stored"),
    [
        pytest.param("float32.tflite", {}, {"float32"}, id="float32"),
        pytest.param("float16.tflite", {}, {"float16"}, id="float16"),
        pytest.param("dynamic.tflite", {}, {"uint8"}, id="a scale for each channel"),
        pytest.param("int8.tflite", {}, {"uint8"}, id="whole numbers"),
        pytest.param("int8.tflite", {"dequantize": True}, {"uint8"}, id="a float form"),
        pytest.param("without_bias.tflite", {}, {"uint8"}, id="factors to be moved into it"),
    ],
)
def test_weights_are_as_small_as_in_the_file(
    convert: Convert, tmp_path: Path, name: str, flags: dict[str, Any], stored: set[str]
) -> None:
    convert(name, **flags)

    kernels = [
        spec for spec in load_model_json(tmp_path / "base/model.json").weights if spec.size >= 1000
    ]
    assert {spec.stored_dtype for spec in kernels} == stored
    assert len(kernels) == 2


def test_equal_constants_are_stored_once(convert: Convert, tmp_path: Path) -> None:
    convert("shared.tflite")

    weights = load_model_json(tmp_path / "base/model.json").weights
    assert [spec.size for spec in weights if spec.size > 1] == [3 * 3 * 8 * 8]


def test_quantized_ends_keep_their_dtype(convert: Convert, tmp_path: Path) -> None:
    record = convert("int8.tflite")
    signature = read_signature(load_model_json(tmp_path / "base/model.json"), record)

    ends = [(end.dtype, end.js_dtype) for end in (*signature.inputs, *signature.outputs)]
    assert ends == [("int8", "int32"), ("int8", "int32")]
    assert signature.outputs[0].step == 1.0
    assert record.contracts is not None
    assert record.contracts["image"].range == (-128.0, 127.0)
    assert set(record.scales or ()) == {"image", "Identity"}


def test_the_ends_of_a_float_form_are_real_values(convert: Convert, tmp_path: Path) -> None:
    record = convert("uint8.tflite", dequantize=True)
    signature = read_signature(load_model_json(tmp_path / "base/model.json"), record)

    ends = [(end.dtype, end.js_dtype) for end in (*signature.inputs, *signature.outputs)]
    assert ends == [("float32", "float32"), ("float32", "float32")]
    assert (signature.outputs[0].step, record.scales) == (None, None)
    assert record.contracts is not None
    assert record.contracts["image"].range == pytest.approx((-1, 1), abs=0.01)


@pytest.mark.parametrize(("name", "offered"), [("int8.tflite", True), ("dynamic.tflite", False)])
def test_the_inspection_offers_the_float_form(submit: Submit, name: str, *, offered: bool) -> None:
    summary = submit(SUMMARIZE, source=tflite_models.built() / name)

    assert any("dequantize: true" in remark for remark in summary["remarks"]) is offered


@pytest.mark.parametrize(
    ("name", "number"),
    [
        # 5 steps of 2 samples with eight matrices of 4 x 3 and a projection of 3 x 4.
        ("lstm_with_all", 10 * 9 * 12),
        ("lstm_both_ways", 10 * 2 * (4 * 12 + 4 * 16)),
        ("rnn_both_ways", 10 * 2 * (12 + 16)),
        ("svdf", 2 * (24 + 40)),
        # 5 steps of 1 sample: four matrices of 3 x 2 and four of 3 x 3.
        ("recurrent_int8", 5 * (4 * 6 + 4 * 9)),
    ],
)
def test_the_inspection_counts_the_products_of_layers_with_steps(
    submit: Submit, name: str, number: int
) -> None:
    summary = submit(SUMMARIZE, source=tflite_models.built() / f"{name}.tflite")

    (signature,) = summary["signatures"].values()
    assert sum(signature["multiply_adds"].values()) == number
    assert (signature["counted"], signature["unknown"]) == (1, [])


def test_a_model_without_whole_numbers_has_no_other_form(convert: Convert) -> None:
    record = convert("dynamic.tflite", dequantize=True)

    assert record.remarks == [
        "dequantize changes nothing: the model computes no whole numbers for others"
    ]


def test_names_are_those_of_the_signature(convert: Convert) -> None:
    record = convert("signatures.tflite", signature_name="score")

    assert (tensors(record.inputs), tensors(record.outputs)) == (["features"], ["total", "scores"])
    assert set(record.signatures or ()) == {"score", "double"}


def test_a_variable_is_an_input_and_an_output(convert: Convert) -> None:
    record = convert("counter.tflite")

    assert tensors(record.inputs) == ["value", "total"]
    assert tensors(record.outputs) == ["mean", "total"]
    assert record.state == {"total": [1.0, 2.0]}


def test_a_tensor_that_an_operator_keeps_is_an_input_and_an_output(convert: Convert) -> None:
    record = convert("svdf.tflite")

    assert tensors(record.inputs) == ["input_0", "input_4"]
    assert tensors(record.outputs) == ["output_1", "input_4"]
    assert record.state == {"input_4": None}


@pytest.mark.network
# TensorFlow 2.19 says this of its own interpreter.
@pytest.mark.filterwarnings(r"ignore:\s*Warning. tf.lite.Interpreter is deprecated")
@pytest.mark.parametrize(
    ("name", "state"),
    [
        pytest.param("counter.tflite", "total", id="a variable"),
        pytest.param("svdf.tflite", "input_4", id="a tensor"),
    ],
)
def test_a_sequence_starts_anew_and_feeds_state_back(prove: Prove, name: str, state: str) -> None:
    vectors, _ = prove(name)

    steps = [vector for vector in vectors.vectors if "from the start" in (vector.note or "")]
    start = [[1.0, 2.0]] if name == "counter.tflite" else np.zeros((2, 40))
    assert np.array_equal(steps[0].inputs[state], start)
    assert len(steps) == 4
    for before, after in pairwise(steps):
        assert np.array_equal(after.inputs[state], before.outputs[state])
        assert not np.array_equal(after.outputs[state], before.outputs[state])
    (given,) = steps[0].inputs.keys() - {state}
    kept = run_in_one_interpreter(name, [step.inputs[given] for step in steps])
    for step, made in zip(steps, kept, strict=True):
        (own,) = step.outputs.keys() - {state}
        np.testing.assert_allclose(made, step.outputs[own], rtol=1e-5, atol=1e-6)


def run_in_one_interpreter(name: str, values: Sequence[Any]) -> list[Any]:
    """Return the outputs of runs of an interpreter that keeps its state itself."""
    lite = importlib.import_module("tensorflow").lite
    interpreter = lite.Interpreter(model_path=str(tflite_models.built() / name))
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    made = []
    for value in values:
        interpreter.set_tensor(taken["index"], value)
        interpreter.invoke()
        made.append(np.array(interpreter.get_tensor(given["index"])))
    return made


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        pytest.param("signatures.tflite", SignatureError, "several signatures: 'double', 'score'",
                     id="a signature has to be chosen"),
        pytest.param("random.tflite", ConversionError, r"RANDOM_STANDARD_NORMAL \(subgraphs\[0\]"
                     r".operators\[0\]\): it returns random numbers", id="random numbers"),
        pytest.param("file.tflite", UntrustedSourceError, "ReadFile", id="a file of this machine"),
    ],
)  # fmt: skip
def test_the_refusal_says_why(
    convert: Convert, name: str, error: type[PipelineError], message: str
) -> None:
    with pytest.raises(error, match=message):
        convert(name)


def test_a_signature_that_is_not_there_is_named(convert: Convert) -> None:
    with pytest.raises(SignatureError, match=r"no signature 'scores'.*did you mean 'score'"):
        convert("signatures.tflite", signature_name="scores")
