"""Towers: graph models of many layers one after another, to search for the one that is wrong."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from graph_models import Array, Json, node, placeholder, tensor_info, write_graph_model

from pipeline.records.signature import Signature
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature

CHANNELS = 8
ONES: Json = {"list": {"i": ["1", "1", "1", "1"]}}


def convolution(name: str, value: str, kernel: str, *, padding: str = "SAME") -> Json:
    """Return a Conv2D with steps of one."""
    made = node(name, "Conv2D", [value, kernel])
    made["attr"] |= {
        "strides": ONES,
        "dilations": ONES,
        "padding": {"s": b64encode(padding.encode()).decode()},
    }
    return made


def tower(height: int = 40) -> tuple[list[Json], dict[str, Array]]:
    """Return the nodes of a tower of convolutions, `conv_0`, `relu_0`, `conv_1` …, and weights."""
    rng = np.random.default_rng(3)
    nodes = [placeholder("x", (1, 6, 6, CHANNELS))]
    weights: dict[str, Array] = {}
    last = "x"
    for i in range(height):
        size = (1, 1, CHANNELS, CHANNELS)
        weights[f"kernel_{i}"] = (rng.normal(size=size) / 2).astype(np.float32)
        nodes += [
            convolution(f"conv_{i}", last, f"kernel_{i}"),
            node(f"relu_{i}", "Relu", [f"conv_{i}"]),
        ]
        last = f"relu_{i}"
    return nodes, weights


def write_tower(
    folder: Path,
    nodes: Sequence[Json],
    weights: Mapping[str, Array],
    *,
    shape: Sequence[int] = (1, 6, 6, CHANNELS),
    **others: Any,
) -> Path:
    """Write a graph from `x` to its last node, which is the output `y`; return the folder."""
    made = [*nodes, node("y", "Identity", [nodes[-1]["name"]])]
    signature = {
        "inputs": {"x": tensor_info("x:0", shape)},
        "outputs": {"y": tensor_info("y:0", None)},
    }
    write_graph_model(folder, nodes=made, weights=weights, signature=signature, **others)
    return folder


def signature_of(folder: Path) -> Signature:
    """Return the signature of a graph model."""
    return read_signature(load_model_json(folder / "model.json"), Conversion())
