"""References of small graph models, run by the real TensorFlow.js."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import dense_weights, node, placeholder, tensor_info, write_graph_model
from tfjs_runtime import packages

from pipeline.errors import ConversionError
from pipeline.proof.tfjs_reference import Runner, run_tfjs_reference
from pipeline.proof.vector_files import load_vectors
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature
from pipeline.workers.limits import Budget, ResourceLimits

pytestmark = pytest.mark.network

Json = dict[str, Any]


def refer(folder: Path, **model: Any) -> Json:
    """Write a graph model and its reference, both below a folder."""
    published, target = folder / "model", folder / "reference"
    target.mkdir()
    path = write_graph_model(published, **model)
    runner = Runner(
        model=published,
        packages=packages(),
        log=folder / "log.txt",
        budget=Budget(ResourceLimits(timeout_seconds=120, memory_bytes=2 * 1024**3)),
        trusted=False,
    )
    return run_tfjs_reference(
        runner=runner,
        folder=target,
        signature=read_signature(load_model_json(path), Conversion()),
        seed="dense",
        task=None,
        given=None,
        contracts={},
    )


def named(nodes: list[Json], inputs: Json, outputs: Json) -> Json:
    return {"nodes": nodes, "weights": {}, "signature": {"inputs": inputs, "outputs": outputs}}


def test_outputs_are_those_of_the_model(tmp_path: Path) -> None:
    inputs = {"x": tensor_info("x:0", (-1, 8))}
    outputs = {"logits": tensor_info("Identity:0", (-1, 4))}
    summary = refer(tmp_path, signature={"inputs": inputs, "outputs": outputs})

    weights, loaded = dense_weights(), load_vectors(tmp_path / "reference")
    for vector in loaded.vectors:
        expected = vector.inputs["x"] @ weights["kernel"] + weights["bias"]
        assert np.allclose(vector.outputs["logits"], expected, atol=1e-5)
    batches = [(vector.kind, len(vector.inputs["x"])) for vector in loaded.vectors]
    assert batches == [("sample", 1), ("sample", 2), ("sample", 1), *[("edge", 1)] * 3]
    assert summary["runtime"] == loaded.runtime == "tfjs 4.22.0, cpu"


def test_sizes_are_tried_in_further_processes(tmp_path: Path) -> None:
    nodes = [placeholder("x", (1, -1)), placeholder("y", (1, 32)), node("sum", "AddV2", ["x", "y"])]
    inputs = {
        name: tensor_info(f"{name}:0", shape) for name, shape in (("x", (1, -1)), ("y", (1, 32)))
    }
    summary = refer(tmp_path, **named(nodes, inputs, {"sum": tensor_info("sum:0", (1, 32))}))

    assert summary["attempts"] == 2
    assert summary["notes"][0].startswith(
        "does not run with x float32 (1, 16), y float32 (1, 32): "
    )
    assert load_vectors(tmp_path / "reference").vectors[0].inputs["x"].shape == (1, 32)


def test_a_model_that_never_runs_says_why(tmp_path: Path) -> None:
    nodes = [placeholder("x", (1, 3)), placeholder("y", (1, 4)), node("sum", "AddV2", ["x", "y"])]
    inputs = {
        name: tensor_info(f"{name}:0", shape) for name, shape in (("x", (1, 3)), ("y", (1, 4)))
    }

    with pytest.raises(
        ConversionError, match=r"does not run with x float32 \(1, 3\), y .*: .*broadcast"
    ):
        refer(tmp_path, **named(nodes, inputs, {"sum": tensor_info("sum:0", (1, 4))}))
