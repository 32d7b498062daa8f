"""What jobs find imported by their server, and what they import."""

from pathlib import Path

import pytest

from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

SHARED = ["saved_model.convert_saved_model", "saved_model.saved_model_reference",
          "tfjs_graph.graph_reference", "tfjs_graph.noise_floor"]  # fmt: skip
OTHERS = ["frozen.convert_frozen_model", "keras.convert_to_graph", "keras.keras_reference",
          "onnx.convert_onnx", "tflite.convert_tflite", "tflite.tflite_reference"]  # fmt: skip


def imported(pool: TensorFlowPool, folder: Path, names: list[str]) -> list[str]:
    arguments = {"names": [f"pipeline.tf.{name}" for name in names]}
    done = pool.submit("worker_jobs:import_modules", arguments, log=folder / "log.txt")
    value: list[str] = done.result().value
    return value


def test_the_server_has_imported_all_that_most_jobs_need(
    pool: TensorFlowPool, tmp_path: Path
) -> None:
    assert imported(pool, tmp_path, SHARED) == []


def test_no_job_without_a_decision_forest_imports_ydf(pool: TensorFlowPool, tmp_path: Path) -> None:
    """YDF imports JAX's Pallas and Flax: 0.5 s of processor."""
    new = imported(pool, tmp_path, OTHERS)

    assert "pipeline.tf.onnx.convert_onnx" in new
    assert not {name.partition(".")[0] for name in new} & {"ydf", "flax", "jax"}
