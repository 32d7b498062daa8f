"""Recurrent Keras models and loops in TensorFlow.js, as the converter writes them and rewritten."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recurrent_models import FLAGS, LOOPS, MODELS, converted
from tfjs_runtime import load, run, store

from pipeline.runtime.node_results import Array
from pipeline.runtime.run_models import Runs
from pipeline.tfjs.rewrite.rewrite import rewrite_graph

pytestmark = [pytest.mark.network, pytest.mark.tensorflow]

SOURCES = [
    *(f"{name}.{generation}" for name in MODELS for generation in ("keras 3", "tf_keras")),
    *(f"{name}.loop" for name in LOOPS),
]
NAMES = [f"{source}.{kind}" for source in SOURCES for kind in FLAGS]


@pytest.fixture(scope="module")
def values() -> Mapping[str, Array]:
    """Return the input, and what Keras makes of it."""
    with np.load(converted() / "values.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory: pytest.TempPathFactory, values: Mapping[str, Array]) -> Runs:
    """Run all graphs as zoos publish them."""
    folder = tmp_path_factory.mktemp("rewritten")
    for name in NAMES:
        shutil.copytree(converted() / name, folder / name)
        content, _ = rewrite_graph(load(folder / name))
        store(folder / name, content)
    inputs = [{"steps": values["steps"]}]
    return run(folder, {name: folder / name for name in NAMES}, inputs, timeout_seconds=200)


@pytest.mark.parametrize("backend", ["cpu", "wasm"])
@pytest.mark.parametrize("name", NAMES)
def test_it_gives_what_keras_or_tensorflow_gives(
    rewritten: Runs, values: Mapping[str, Array], name: str, backend: str
) -> None:
    made = rewritten[backend][name]

    assert made.error is None
    assert made.requires == {}
    model = name.rpartition(".")[0]
    for i, found in enumerate(made.outputs[0].values()):
        np.testing.assert_allclose(found, values[f"{model}.{i}"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "backend", "error"),
    [
        pytest.param(
            "gru.keras 3.plain", "cpu", "Cannot compute the outputs", id="waits for its Switch"
        ),
        pytest.param(
            "convolved.tf_keras.plain", "wasm", "Cannot compute the outputs", id="waits, on wasm"
        ),
        pytest.param(
            "cells.tf_keras.functions", "cpu", "reading 'backend'", id="list freed with the body"
        ),
        pytest.param(
            "list_in_loops.loop.functions", "cpu", "reading 'backend'", id="list freed, deeper"
        ),
        pytest.param(
            "lstm.tf_keras.plain", "wasm", "only supports rank-1 bias", id="a sum taken for a bias"
        ),
    ],
)
def test_before_it_did_not(
    tmp_path: Path, values: Mapping[str, Array], name: str, backend: str, error: str
) -> None:
    inputs: list[dict[str, Any]] = [{"steps": values["steps"]}]
    models = {name: converted() / name}

    before = run(tmp_path, models, inputs, backends={backend: [name]})[backend][name]

    assert error in str(before.error)


@pytest.mark.parametrize("name", ["halves", "two_results"])
def test_before_it_returned_one_output_twice(
    tmp_path: Path, values: Mapping[str, Array], name: str
) -> None:
    inputs = [{"steps": values["steps"]}]
    models = {name: converted() / f"{name}.loop.functions"}

    before = run(tmp_path, models, inputs, backends={"cpu": [name]})["cpu"][name]

    (found,) = before.outputs[0].values()
    assert before.error is None
    assert np.abs(found - values[f"{name}.loop.0"]).max() > 0.5


def test_keras_itself_takes_the_batch_for_the_steps(values: Mapping[str, Array]) -> None:
    """When this fails, Keras has repaired it, and pipeline.tf.keras.keras_time can go."""
    assert values["timed.keras 3.0"].shape == (2, 5, 4)
    assert values["timed.alone"].shape == (2, 2, 4)
