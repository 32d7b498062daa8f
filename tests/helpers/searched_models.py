"""What a search reads, for tests: the folders of a graph model of one input and one output."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from graph_models import Array, node, placeholder, tensor_info, write_graph_model

from pipeline.proof.vector_files import Vector, Vectors, write_vectors
from pipeline.records.contract import Contracts, InputContract
from pipeline.records.noise_floor import NoiseFloor, OutputFloor
from pipeline.records.roles import RoleMap
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature

RNG = np.random.default_rng(8)
X = RNG.normal(0, 1, (4, 64)).astype(np.float32)
# The output is that of the first layer, to which a hundredth of the second is added.
WEIGHTS = {
    "loud": RNG.normal(0, 1, (64, 128)).astype(np.float32),
    "faint": (RNG.normal(0, 1, (64, 128)) / 100).astype(np.float32),
}
NODES = [
    placeholder("x", (-1, 64)),
    node("a", "MatMul", ["x", "loud"], transpose_a=False, transpose_b=False),
    node("b", "MatMul", ["x", "faint"], transpose_a=False, transpose_b=False),
    node("y", "AddV2", ["a", "b"]),
]
CONTRACT = InputContract(range=(-2, 2))
Y = X @ WEIGHTS["loud"] + X @ WEIGHTS["faint"]


def write_searched(  # noqa: PLR0913  # each can be replaced
    folder: Path,
    *,
    weights: Mapping[str, Array] = WEIGHTS,
    nodes: Sequence[Any] = NODES,
    x: Array = X,
    y: Array = Y,
    edge: tuple[Array, Array] | None = None,
) -> dict[str, Path]:
    """Write a model of `x` and `y`, and return the folders that a search reads, by step.

    Args:
        folder: Where they go.
        weights: Its constants.
        nodes: Its nodes.
        x: Its input on the vector.
        y: Its output there.
        edge: The same on extreme values.
    """
    folders = {step: folder / step for step in ("convert", "signature", "reference", "map")}
    for each in folders.values():
        each.mkdir(exist_ok=True)
    signature = {
        "inputs": {"x": tensor_info("x:0", (-1, 64))},
        "outputs": {"y": tensor_info("y:0", (-1, y.shape[1]))},
    }
    path = write_graph_model(
        folders["convert"], nodes=[*nodes], weights=weights, signature=signature
    )
    read_signature(load_model_json(path), Conversion()).save(folders["signature"])
    vectors = [Vector(inputs={"x": x}, outputs={"y": y})]
    if edge is not None:
        vectors.append(Vector(inputs={"x": edge[0]}, outputs={"y": edge[1]}, kind="edge"))
    write_vectors(folders["reference"], Vectors(vectors=vectors, seed="", runtime=""))
    Contracts(inputs={"x": CONTRACT}, provisional=None).save(folders["reference"])
    floors = [OutputFloor(error=1e-5, rms=1e-6, agreement=1.0)] * len(vectors)
    NoiseFloor(reason=None, outputs={"y": floors}).save(folders["reference"])
    RoleMap(
        map={}, roles={}, source={}, evidence={}, conventions={}, abstained={}, usable=True
    ).save(folders["map"])
    return folders
