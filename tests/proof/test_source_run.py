"""Which runtime a source has: TensorFlow, and TensorFlow.js for graphs that TensorFlow refuses."""

from pathlib import Path

import numpy as np
import pytest
from graph_models import node, placeholder, tensor_info, write_graph_model
from zoos import Zoo

from pipeline.proof.vector_files import load_vectors
from pipeline.records.noise_floor import NoiseFloor

pytestmark = [pytest.mark.tensorflow, pytest.mark.network]


def test_tensorflow_js_runs_small_graphs_and_those_that_tensorflow_refuses(tmp_path: Path) -> None:
    """TensorFlow.js multiplies integers and floats; TensorFlow does not."""
    zoo = Zoo(tmp_path / "zoo")
    models = (("mixed", "int32", 40_000), ("plain", "float32", 40_000), ("small", "float32", 4))
    for name, dtype, size in models:
        write_graph_model(
            zoo.folder / name,
            nodes=[placeholder("x", (-1, size), dtype), node("y", "Mul", ["x", "half"])],
            weights={"half": np.full(size, 0.5, np.float32)},
            signature={
                "inputs": {"x": tensor_info("x:0", (-1, size), dtype)},
                "outputs": {"y": tensor_info("y:0", (-1, size))},
            },
        )
        zoo.manifest["models"].append({"name": name, "source": f"{name}/model.json"})
    zoo.write()
    built = zoo.build()
    vectors = {
        name: load_vectors(zoo.folder / ".zoo/build" / name / "reference") for name, _, _ in models
    }
    runs = {name: each.runtime for name, each in vectors.items()}
    log = (zoo.folder / ".zoo/build/mixed/reference/log.txt").read_text()
    floors = {
        name: NoiseFloor.load(zoo.folder / ".zoo/build" / name / "reference")
        for name, _, _ in models
    }

    assert built.code == 0, built.stdout
    tfjs = "tfjs 4.22.0, cpu"
    assert runs == {"mixed": tfjs, "plain": "tensorflow 2.19.0", "small": tfjs}
    assert "TensorFlow.js runs the source, because TensorFlow does not: " in log
    assert floors["plain"].reason is None
    assert len(floors["plain"].outputs["y"]) == len(vectors["plain"].vectors)
    assert str(floors["mixed"].reason).startswith("TensorFlow does not run the base: ")
    assert str(floors["small"].reason).startswith("a small TensorFlow.js model is proved before ")
    assert not floors["mixed"].outputs


def test_cpu_runs_only_what_wasm_does_not(tmp_path: Path) -> None:
    zoo = Zoo(tmp_path / "zoo")
    zoo.add("dense", variants=["float16"])
    zoo.add("asked", backends=["cpu"])
    zoo.write()
    built = zoo.build()
    tried = {
        entry["name"]: [sorted({*variant["checks"]} - {"webgl"}) for variant in entry["variants"]]
        for entry in zoo.catalog()["models"]
    }

    assert built.code == 0, built.stdout
    assert tried == {"dense": [["wasm"], ["wasm"]], "asked": [["cpu", "wasm"], ["cpu", "wasm"]]}
