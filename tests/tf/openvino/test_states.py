"""Variables of OpenVINO models, which become inputs and outputs."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from both_runtimes import Submit, convert_source
from both_runtimes import run_both as prove
from openvino import opset1, opset3, opset6
from openvino.op.util import Variable, VariableInfo
from openvino_graphs import convert_file, run_both, run_in_child

from pipeline.errors import ConversionError
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow


def variable(name: str, shape: Any, dtype: Any = openvino.Type.f32) -> Variable:
    info = VariableInfo()
    info.data_shape, info.data_type = openvino.PartialShape(shape), dtype
    info.variable_id = name
    return Variable(info)


def model_of(results: Any, sinks: Any, parameters: Any) -> openvino.Model:
    return openvino.Model([opset1.result(each) for each in results], sinks, parameters, "model")


def total(start: Any = None) -> openvino.Model:
    """Return a model that returns the sum of all that it was given."""
    x = opset1.parameter([1, 3], np.float32)
    x.output(0).set_names({"x"})
    held = variable("total", [1, 3])
    given = [] if start is None else [opset1.constant(np.full((1, 3), start, np.float32))]
    added = opset1.add(opset6.read_value(*given, held), x)
    return model_of([opset1.multiply(added, added)], [opset6.assign(added, held)], [x])


def delay() -> openvino.Model:
    """Return a model that returns what it was given two runs before."""
    x = opset1.parameter([2], np.float32)
    x.output(0).set_names({"x"})
    near, far = variable("near", [2]), variable("far", [2])
    read = [opset6.read_value(each) for each in (near, far)]
    sinks = [opset6.assign(read[0], far), opset6.assign(x, near)]
    return model_of([opset1.negative(read[1])], sinks, [x])


_ONE = np.array([[1, -2, 3]], np.float32)


def test_a_run_gets_its_state_and_returns_it() -> None:
    pairs = run_both(total(), {"x": _ONE, "total": 2 * _ONE})

    assert len(pairs) == 2
    for made, wanted in pairs:
        np.testing.assert_allclose(made, wanted, rtol=1e-6)


def test_what_is_assigned_is_the_value_before_the_run() -> None:
    given = {"x": np.array([1, 2]), "near": np.array([3, 4]), "far": np.array([7, 8])}
    pairs = run_both(delay(), {name: each.astype(np.float32) for name, each in given.items()})

    # OpenVINO 2026.4 gives both variables one memory, and loses a value.
    made = [each.tolist() for each, _ in pairs]
    assert made[0] == [-7, -8]
    assert sorted(made[1:]) == [[1, 2], [3, 4]]


def save(model: openvino.Model, folder: Path) -> Path:
    openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)
    return folder / "model.xml"


@pytest.mark.parametrize(("start", "expected"), [(None, None), (0, None), (2, [2.0, 2.0, 2.0])])
def test_the_values_at_the_start_are_recorded(start: Any, expected: Any, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()

    record = run_in_child(convert_file, save(total(start), tmp_path), tmp_path / "made")
    assert record.state == {"total": expected}
    assert {tie.name for tie in record.inputs} == {"x", "total"}
    assert "total" in {tie.name for tie in record.outputs}


def test_what_nothing_assigns_is_a_constant(tmp_path: Path) -> None:
    x = opset1.parameter([1, 3], np.float32)
    read = opset3.read_value(opset1.constant(np.full((1, 3), 2, np.float32)), "kept")
    path = save(model_of([opset1.add(x, read)], [], [x]), tmp_path)
    (tmp_path / "made").mkdir()

    record = run_in_child(convert_file, path, tmp_path / "made")
    assert record.state is None


def started(*, computed: bool) -> openvino.Model:
    """Return a sum that starts with an input, or with what is computed from it."""
    x, first = (opset1.parameter([1, 3], np.float32) for _ in range(2))
    for node, name in ((x, "x"), (first, "first")):
        node.output(0).set_names({name})
    held = variable("total", [1, 3])
    read = opset6.read_value(opset1.abs(first) if computed else first, held)
    added = opset1.add(read, x)
    return model_of([opset1.negative(added)], [opset6.assign(added, held)], [x, first])


def test_a_state_that_starts_with_an_input_is_told(tmp_path: Path) -> None:
    given = {"x": _ONE, "first": 5 * _ONE, "total": 2 * _ONE}
    for made, wanted in run_both(started(computed=False), given):
        np.testing.assert_allclose(made, wanted, rtol=1e-6)
    (tmp_path / "made").mkdir()

    path = save(started(computed=False), tmp_path)
    record = run_in_child(convert_file, path, tmp_path / "made")
    assert record.state == {"total": None}
    assert any("starts with the input 'first'" in remark for remark in record.remarks)


def test_a_state_may_start_with_what_the_size_of_an_input_makes(tmp_path: Path) -> None:
    x = opset1.parameter([1, 3], np.float32)
    held = variable("total", [1, 3])
    first = opset1.broadcast(opset1.constant(np.float32(0.5)), opset1.shape_of(x))
    added = opset1.add(opset6.read_value(first, held), x)
    (tmp_path / "made").mkdir()

    path = save(model_of([added], [opset6.assign(added, held)], [x]), tmp_path)
    record = run_in_child(convert_file, path, tmp_path / "made")
    assert record.state == {"total": [0.5, 0.5, 0.5]}


def test_a_state_that_starts_with_what_is_computed_from_an_input_is_refused(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConversionError, match="starts with what depends on an input"):
        run_in_child(convert_file, save(started(computed=True), tmp_path), tmp_path)


def test_a_state_that_grows_is_refused(tmp_path: Path) -> None:
    x = opset1.parameter([1, -1], np.float32)
    held = variable("cache", [1, -1])
    longer = opset1.concat([opset6.read_value(x, held), x], 1)
    path = save(model_of([longer], [opset6.assign(longer, held)], [x]), tmp_path)

    with pytest.raises(ConversionError, match="its state has open sizes"):
        run_in_child(convert_file, path, tmp_path)


@pytest.fixture
def submit(pool: TensorFlowPool, tmp_path: Path) -> Submit:
    def submit_now(function: str, **arguments: Any) -> Any:
        return pool.submit(function, arguments, log=tmp_path / "log.txt").result().value

    return submit_now


@pytest.mark.network
def test_a_sequence_starts_anew_and_feeds_state_back(submit: Submit, tmp_path: Path) -> None:
    source = save(total(2), tmp_path)
    record = convert_source(
        submit, "pipeline.tf.openvino.convert_openvino:convert_openvino", source, tmp_path
    )
    refer = "pipeline.tf.openvino.openvino_reference:run_openvino"
    proof = prove(submit, refer, source, tmp_path, record)

    vectors = proof.vectors.vectors
    for number, vector in enumerate(vectors):
        for backend, run in proof.runs.items():
            for name, wanted in vector.outputs.items():
                made = run["base"].outputs[number][name]
                np.testing.assert_allclose(made, wanted, rtol=1e-5, err_msg=backend)
    steps = [vector for vector in vectors if "from the start" in (vector.note or "")]
    assert len(steps) == 4
    assert np.all(steps[0].inputs["total"] == 2)
    for before, after in pairwise(steps):
        assert np.array_equal(after.inputs["total"], before.outputs["total"])
    compiled = openvino.Core().compile_model(openvino.Core().read_model(source), "CPU")
    request = compiled.create_infer_request()
    for step in steps:
        (own,) = step.outputs.keys() - {"total"}
        made = request.infer([step.inputs["x"]])[0]
        np.testing.assert_allclose(made, step.outputs[own], rtol=1e-5)
