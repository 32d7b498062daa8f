"""State of SavedModels: variables that a function assigns, proved in the real TensorFlow.js."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stateful_models
from both_runtimes import Submit, convert_source, run_both

from pipeline.errors import ConversionError
from pipeline.proof.vector_files import Vectors
from pipeline.records.source import Conversion
from pipeline.runtime.run_models import Runs
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

CONVERT = "pipeline.tf.saved_model.convert_saved_model:convert_saved_model"
REFER = "pipeline.tf.saved_model.saved_model_reference:run_saved_model"


@pytest.fixture
def submit(pool: TensorFlowPool, tmp_path: Path) -> Submit:
    def submit_now(function: str, **arguments: Any) -> Any:
        return pool.submit(function, arguments, log=tmp_path / "log.txt").result().value

    return submit_now


Convert = Callable[..., Conversion]


@pytest.fixture
def convert(submit: Submit, tmp_path: Path) -> Convert:
    def convert_now(name: str, **flags: Any) -> Conversion:
        return convert_source(submit, CONVERT, stateful_models.built() / name, tmp_path, **flags)

    return convert_now


Prove = Callable[..., tuple[Conversion, Vectors, Runs]]


@pytest.fixture
def prove(convert: Convert, submit: Submit, tmp_path: Path) -> Prove:
    """Return a function that converts a model, and runs it in both runtimes on the same inputs."""

    def prove_now(name: str, **flags: Any) -> tuple[Conversion, Vectors, Runs]:
        record = convert(name, **flags)
        source = stateful_models.built() / name
        proof = run_both(submit, REFER, source, tmp_path, record, **flags)
        return record, proof.vectors, proof.runs

    return prove_now


@pytest.mark.network
@pytest.mark.parametrize("control_flow_v2", [False, True])
@pytest.mark.parametrize(
    ("name", "state"),
    [
        pytest.param("total", {"mean_state": [1.0, -2.0], "count": None}, id="sums"),
        pytest.param("window", {"ring": None, "step": None}, id="rows of a ring"),
        pytest.param("twice", {"level": [0.5, 0.25]}, id="assigned by two calls"),
        pytest.param(
            "recurrent",
            {"lstm/Variable": None, "lstm/Variable_1": None, "out/Variable": None},
            id="recurrent layers of Keras",
        ),
        pytest.param("unread", None, id="an assignment that nobody reads"),
        pytest.param("written_first", None, id="a variable that each run fills"),
        pytest.param("normalized", None, id="statistics of training"),
    ],
)
def test_tensorflow_js_returns_what_tensorflow_does(
    prove: Prove, name: str, state: dict[str, Any] | None, *, control_flow_v2: bool
) -> None:
    record, vectors, runs = prove(name, control_flow_v2=control_flow_v2)

    assert record.state == state
    for backend, variants in runs.items():
        run = variants["base"]
        assert run.status == "ok", (backend, run.error)
        for i, vector in enumerate(vectors.vectors):
            for output, values in vector.outputs.items():
                np.testing.assert_allclose(run.outputs[i][output], values, rtol=1e-4, atol=1e-5)


@pytest.mark.network
def test_a_sequence_starts_anew_and_feeds_state_back(prove: Prove) -> None:
    _, vectors, _ = prove("total")

    steps = [vector for vector in vectors.vectors if "from the start" in (vector.note or "")]
    assert len(steps) == 4
    assert steps[0].inputs["mean_state"].tolist() == [1.0, -2.0]
    total = np.array([1.0, -2.0], np.float32)
    for number, step in enumerate(steps, 1):
        total += step.inputs["value"]
        np.testing.assert_array_equal(step.outputs["mean_state"], total)
        np.testing.assert_allclose(step.outputs["mean"], total / number, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("branch", "kept from run to run by Switch .*cond", id="in a branch"),
        pytest.param("many", "'memory' starts with 70,000 values", id="too many values"),
    ],
)
def test_state_that_cannot_be_an_input_is_refused(
    convert: Convert, name: str, message: str
) -> None:
    with pytest.raises(ConversionError, match=message):
        convert(name)


@pytest.mark.network
@pytest.mark.parametrize("control_flow_v2", [False, True])
def test_random_numbers_of_a_generator_are_drawn_anew(
    prove: Prove, *, control_flow_v2: bool
) -> None:
    record, vectors, runs = prove("drawn", control_flow_v2=control_flow_v2)

    assert record.state is None
    assert [one.split(",")[0].split(":")[0] for one in record.repairs] == [
        "StatelessMultinomial became Multinomial",
        "StatelessRandomNormalV2 became RandomStandardNormal",
        "StatelessRandomUniformFullIntV2 became NonDeterministicInts",  # makes the seeds
        "StatelessRandomUniformIntV2 became RandomUniformInt",
        "StatelessRandomUniformV2 became RandomUniform",
        "StatelessTruncatedNormal became TruncatedNormal",
        "RandomUniformInt became Floor of a multiple of RandomUniform",
    ]
    assert vectors.random.keys() == {
        "uniform", "normal", "truncated", "whole", "unseeded", "chosen",
    }  # fmt: skip
    for variants in runs.values():
        outputs = variants["base"].outputs[0]
        vector = vectors.vectors[0]
        np.testing.assert_array_equal(outputs["doubled"], vector.outputs["doubled"])
        assert sorted(set(outputs["whole"].tolist())) == list(range(2, 9))
        assert sorted(set(outputs["unseeded"].tolist())) == list(range(-3, 4))
        for name, mean, deviation in (
            ("chosen", 0.7503, 0.4328),
            ("uniform", 2.5, 0.2887),
            ("normal", 1, 2),
            ("truncated", 0, 0.8796),
        ):
            assert abs(outputs[name].mean() - mean) < 0.35 * deviation
            assert abs(outputs[name].std() / deviation - 1) < 0.25


@pytest.mark.network
def test_distributions_that_a_loop_draws_have_their_moments(prove: Prove) -> None:
    record, vectors, runs = prove("drawn_seldom")

    assert record.state is None
    assert len(vectors.random) == 9
    shapes, rates = np.array([0.3, 1.0, 6.0]), np.array([0.5, 8.0, 40.0, 3000.0])
    limits = 5 / np.sqrt(4000)  # five deviations of a mean; those of squares have long tails
    for backend, variants in runs.items():
        outputs = variants["base"].outputs[0]
        for name, mean in [
            *((f"gamma{end}", shapes) for end in ("", "_1", "_3")),
            *((f"poisson{end}", rates) for end in ("", "_2")),
        ]:
            drawn = outputs[name].astype(float)
            third = (2.0 if "gamma" in name else 1.0) / np.sqrt(mean)
            scaled = (drawn - mean) / np.sqrt(mean)  # of both, the variance is the mean
            assert (np.abs(scaled.mean(0)) < limits).all(), (backend, name)
            assert (np.abs(scaled.var(0) - 1) < 3 * limits * (1 + third)).all(), (backend, name)
            skew = (scaled**3).mean(0)
            assert (np.abs(skew - third) < 10 * limits * (1 + third)).all(), (backend, name)
        for name in ("bits", "bits_2"):
            bits = np.unpackbits(outputs[name].astype(np.int32).view(np.uint8)).reshape(-1, 32)
            assert (np.abs(bits.mean(0) - 0.5) < limits / 2).all(), (backend, name)
        for name in ("shuffled", "shuffled_2"):
            rows = outputs[name]
            assert sorted(rows.tolist()) == list(range(2000))
            assert abs(np.corrcoef(rows, np.arange(2000))[0, 1]) < 5 / np.sqrt(2000)


@pytest.mark.network
def test_dropout_in_training_of_keras_3_is_random(prove: Prove) -> None:
    record, vectors, runs = prove("dropout")

    assert record.state is None
    assert list(vectors.random) == ["trained"]
    for variants in runs.values():
        for i, vector in enumerate(vectors.vectors):
            outputs = variants["base"].outputs[i]
            np.testing.assert_allclose(outputs["plain"], vector.outputs["plain"], atol=1e-6)
            assert (outputs["trained"] != outputs["plain"]).any()
