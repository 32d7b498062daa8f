"""The facts by which runs are judged, from the published base."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from graph_models import node, placeholder, tensor_info, write_graph_model

from pipeline.proof.vector_files import Vector, Vectors, write_vectors
from pipeline.proof.verify_variants import gather_model
from pipeline.records.noise_floor import NoiseFloor
from pipeline.records.roles import RoleMap
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import format_model_json, load_model_json
from pipeline.tfjs.model.short_graph import shorten_graph
from pipeline.tfjs.model.signature import read_signature


def test_a_selection_shows_in_a_short_graph_too(tmp_path: Path) -> None:
    folders = {step: tmp_path / step for step in ("reference", "map", "variant:base")}
    for folder in folders.values():
        folder.mkdir()
    x = np.ones((1, 4), np.float32)
    path = write_graph_model(
        folders["variant:base"],
        weights={"w": np.ones(4, np.float32), "k": np.array(2, np.int32)},
        nodes=[
            placeholder("x", (1, 4)),
            node("m", "Mul", ["x", "w"]),
            node("top", "TopKV2", ["m", "k"]),
        ],
        signature={
            "inputs": {"x": tensor_info("x:0", (1, 4))},
            "outputs": {"y": tensor_info("top:0", (1, 2))},
        },
    )
    write_vectors(
        folders["reference"],
        Vectors(vectors=[Vector(inputs={"x": x}, outputs={"y": x[:, :2]})], seed="", runtime=""),
    )
    NoiseFloor(reason="not measured", outputs={}).save(folders["reference"])
    RoleMap(
        map={}, roles={}, source={}, evidence={}, conventions={}, abstained={}, usable=True
    ).save(folders["map"])
    long = load_model_json(path)
    signature = read_signature(long, Conversion())
    selections = [gather_model(folders, signature).selection]
    short = replace(long, content=shorten_graph(long.content, long.weights))
    path.write_bytes(format_model_json(short))
    selections.append(gather_model(folders, signature).selection)

    assert len(format_model_json(short)) < len(format_model_json(long))
    assert selections == [{"y": ("TopKV2",)}] * 2
