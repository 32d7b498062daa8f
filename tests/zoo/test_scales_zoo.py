"""Variants with scales per channel, by the real doit: made, fitted, proved, built again."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import node, placeholder, tensor_info, write_graph_model
from zoos import Zoo

pytestmark = [pytest.mark.network, pytest.mark.tensorflow]  # TensorFlow.js, once

RNG = np.random.default_rng(2)
IMAGE = (1, 24, 24, 3)
CHANNELS = {"quantize_uint8": True, "per_channel": True, "quantize_float16": True}
VARIANTS = [
    "uint8",
    {"name": "channel", **CHANNELS},
    {"name": "fitted", **CHANNELS, "calibrate": True},
    {"name": "blocks", "quantize_uint8": True, "block": 32},
]


def convolution(name: str, reads: list[str], op: str, fused: str) -> dict[str, Any]:
    made = node(name, op, [*reads, f"{name}/w", f"{name}/b"])
    strings = [b64encode(one).decode() for one in (b"BiasAdd", fused.encode())]
    made["attr"] |= {
        "fused_ops": {"list": {"s": strings}},
        "num_args": {"i": "1"},
        "strides": {"list": {"i": ["1"] * 4}},
        "dilations": {"list": {"i": ["1"] * 4}},
        "padding": {"s": b64encode(b"SAME").decode()},
    }
    return made


def write_net(folder: Path) -> None:
    """Write a net whose channels differ in range, as those of a real one do."""
    sizes = {"a": (3, 3, 3, 48), "b": (3, 3, 48, 1), "c": (1, 1, 48, 96), "d": (1, 1, 96, 10)}
    weights = {"axes": np.array([1, 2], np.int32)}
    for name, size in sizes.items():
        count = size[2] if name == "b" else size[3]
        ranges = 10 ** RNG.uniform(-2, 0, count)
        ranges = ranges[:, None] if name == "b" else ranges
        kernel = RNG.normal(size=size) * ranges / np.sqrt(np.prod(size[:2]) * size[2] ** 0.5)
        weights[f"{name}/w"] = kernel.astype(np.float32)
        weights[f"{name}/b"] = (RNG.normal(size=count) * ranges.reshape(-1) / 9).astype(np.float32)
    nodes = [
        placeholder("image", IMAGE),
        convolution("a", ["image"], "_FusedConv2D", "Relu"),
        convolution("b", ["a"], "FusedDepthwiseConv2dNative", "Relu6"),
        convolution("c", ["b"], "_FusedConv2D", "Relu"),
        convolution("d", ["c"], "_FusedConv2D", "Relu"),
        node("y", "Mean", ["d", "axes"]),
    ]
    signature = {
        "inputs": {"image": tensor_info("image:0", IMAGE)},
        "outputs": {"y": tensor_info("y:0", (1, 10))},
    }
    write_graph_model(folder, weights=weights, nodes=nodes, signature=signature)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    zoo = Zoo(tmp_path_factory.mktemp("scales") / "zoo")
    inputs = {"image": {"range": [0, 1], "color": "rgb"}}
    zoo.add("net", variants=VARIANTS, inputs=inputs)
    write_net(zoo.folder / "sources" / "net")
    built = zoo.build()
    assert built.code == 0, built.stdout + built.stderr
    return zoo


def errors(zoo: Zoo) -> dict[str, float]:
    """Return the largest error of each variant, published or not."""
    return {
        variant["name"]: variant["checks"]["wasm"]["outputs"]["y"]["maxRelError"]
        for variant in zoo.entry("net")["variants"]
    }


def test_each_step_is_more_exact_than_the_one_before(zoo: Zoo) -> None:
    found = errors(zoo)

    assert found["float32"] < 1e-6
    assert found["channel"] < 0.7 * found["uint8"]
    assert found["fitted"] < 0.7 * found["channel"]
    assert found["blocks"] < found["uint8"]


def test_fitted_files_are_as_large(zoo: Zoo) -> None:
    sizes = {one["name"]: one["bytes"] for one in zoo.entry("net")["variants"]}

    assert sizes["fitted"] == sizes["channel"]
    assert sizes["channel"] < 0.5 * sizes["float32"]


def test_a_second_build_makes_nothing_and_a_fit_only_what_it_changes(zoo: Zoo) -> None:
    assert zoo.build().ran == []
    zoo.manifest["models"][0]["task"] = "image-classification"
    ran = zoo.build().ran
    assert "variant:net:fitted" in ran
    assert "variant:net:channel" not in ran
