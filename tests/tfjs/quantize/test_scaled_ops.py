"""Weights with scales, read by each kind of op, in the real TensorFlow.js.

A variant has to compute what the same graph computes from the weights as they are decoded.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfjs_runtime import load, run, write_model

from pipeline.tfjs.quantize.choice import possible_forms
from pipeline.tfjs.quantize.form_files import write_forms
from pipeline.tfjs.quantize.forms import AS_IN_BASE, Array, Form, encode
from pipeline.tfjs.quantize.variant_files import open_base

Json = dict[str, Any]
RNG = np.random.default_rng(7)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A node and what it reads.

    Attributes:
        op: Its op.
        given: Its input: the shape of an image, a matrix or the like.
        weight: Shape of its weight.
        channels: Axes of the weight's channels.
        added: Nodes that the variant has more than the base.
        bias: Shape of its bias, if it has one.
        attrs: Its attributes.
        first: Whether the weight is the first input.
        more: Constants that it reads behind the weight.
    """

    op: str
    given: tuple[int, ...]
    weight: tuple[int, ...]
    channels: tuple[int, ...]
    added: Sequence[str]
    bias: tuple[int, ...] | None = None
    attrs: Json
    first: bool = False
    more: Sequence[Array] = ()


def text(value: str) -> Json:
    return {"s": b64encode(value.encode()).decode()}


def numbers(*values: int) -> Json:
    return {"list": {"i": [str(value) for value in values]}}


def fused(*ops: str) -> Json:
    return {
        "fused_ops": {"list": {"s": [b64encode(op.encode()).decode() for op in ops]}},
        "num_args": {"i": str(1 + ("Prelu" in ops))},
    }


WINDOW = {
    "dilations": numbers(1, 1, 1, 1),
    "strides": numbers(1, 1, 1, 1),
    "padding": text("SAME"),
    "data_format": text("NHWC"),
}
VOLUME = {
    "dilations": numbers(1, 1, 1, 1, 1),
    "strides": numbers(1, 1, 1, 1, 1),
    "padding": text("SAME"),
    "data_format": text("NDHWC"),
}
TURNED = {"transpose_a": {"b": False}, "transpose_b": {"b": True}}
IMAGE = (1, 5, 4, 64)
FILTER = (1, 2, 64, 48)
BEHIND = ("Const", "Mul")
BEFORE = ["Const", "Mul"]
FIRST = np.array(0, np.int32)
SECOND = np.array(1, np.int32)
ROWS = np.array([[3, 0], [69, 3]], np.int32)

CASES = {
    "convolution": Case(
        op="Conv2D", given=IMAGE, weight=FILTER, channels=(3,), added=BEHIND, attrs=WINDOW
    ),
    "small convolution": Case(
        op="Conv2D", given=(1, 5, 4, 8), weight=(3, 3, 8, 6), channels=(3,), added=BEFORE,
        attrs=WINDOW,
    ),
    "fused convolution": Case(
        op="_FusedConv2D", given=IMAGE, weight=FILTER, channels=(3,), added=BEHIND, bias=(48,),
        attrs=WINDOW | fused("BiasAdd"),
    ),
    "convolution, relu": Case(
        op="_FusedConv2D", given=IMAGE, weight=FILTER, channels=(3,), added=BEHIND, bias=(48,),
        attrs=WINDOW | fused("BiasAdd", "Relu"),
    ),
    "convolution, leaky relu": Case(
        op="_FusedConv2D", given=IMAGE, weight=FILTER, channels=(3,), added=BEHIND, bias=(48,),
        attrs=WINDOW | fused("BiasAdd", "LeakyRelu") | {"leakyrelu_alpha": {"f": 0.3}},
    ),
    "convolution, prelu": Case(
        op="_FusedConv2D", given=IMAGE, weight=FILTER, channels=(3,), added=BEHIND, bias=(48,),
        attrs=WINDOW | fused("BiasAdd", "Prelu"), more=[np.full((1, 1, 48), 0.2, np.float32)],
    ),
    "convolution, relu6": Case(
        op="_FusedConv2D", given=IMAGE, weight=FILTER, channels=(3,), added=(*BEHIND, "Relu6"),
        bias=(48,), attrs=WINDOW | fused("BiasAdd", "Relu6"),
    ),
    "convolution, sigmoid": Case(
        op="_FusedConv2D", given=IMAGE, weight=FILTER, channels=(3,), added=(*BEHIND, "Sigmoid"),
        bias=(48,), attrs=WINDOW | fused("BiasAdd", "Sigmoid"),
    ),
    "depthwise": Case(
        op="DepthwiseConv2dNative", given=(1, 5, 4, 128), weight=(5, 5, 128, 2), channels=(2, 3),
        added=BEHIND, attrs=WINDOW,
    ),
    "fused depthwise": Case(
        op="FusedDepthwiseConv2dNative", given=(1, 5, 4, 256), weight=(5, 5, 256, 1),
        channels=(2, 3), added=(*BEHIND, "Relu6"), bias=(256,),
        attrs=WINDOW | fused("BiasAdd", "Relu6"),
    ),
    "transposed": Case(
        op="Conv2DBackpropInput", given=(1, 5, 4, 48), weight=(2, 2, 32, 48), channels=(2,),
        added=BEHIND, attrs=WINDOW,
    ),
    "volume": Case(
        op="Conv3D", given=(1, 3, 4, 4, 32), weight=(2, 2, 2, 32, 24), channels=(4,),
        added=BEHIND, attrs=VOLUME,
    ),
    "matrix": Case(
        op="MatMul", given=(3, 90), weight=(90, 60), channels=(1,), added=BEHIND, attrs={},
    ),
    "transposed matrix": Case(
        op="MatMul", given=(3, 90), weight=(60, 90), channels=(0,), added=BEHIND, attrs=TURNED,
    ),
    "first matrix": Case(
        op="MatMul", given=(90, 4), weight=(60, 90), channels=(0,), added=BEHIND, attrs={},
        first=True,
    ),
    "fused matrix": Case(
        op="_FusedMatMul", given=(3, 90), weight=(90, 60), channels=(1,), added=BEHIND,
        bias=(60,), attrs=fused("BiasAdd", "Relu"),
    ),
    "matrices": Case(
        op="BatchMatMulV2", given=(2, 4, 50), weight=(2, 50, 60), channels=(0, 2), added=BEHIND,
        attrs={},
    ),
    "transposed matrices": Case(
        op="BatchMatMulV2", given=(2, 4, 50), weight=(2, 60, 50), channels=(0, 1), added=BEHIND,
        attrs={"adj_y": {"b": True}},
    ),
    "first matrices": Case(
        op="BatchMatMulV2", given=(2, 50, 4), weight=(2, 60, 50), channels=(0, 1), added=BEHIND,
        attrs={}, first=True,
    ),
    "einsum": Case(
        op="Einsum", given=(1, 6, 70), weight=(70, 4, 20), channels=(1, 2), added=BEFORE,
        attrs={"equation": text("abc,cde->abde"), "N": {"i": "2"}},
    ),
    "rows": Case(
        op="GatherV2", given=(), weight=(70, 64), channels=(0,), added=(*BEHIND, "GatherV2"),
        attrs={"batch_dims": {"i": "0"}}, first=True, more=[ROWS, FIRST],
    ),
    "columns": Case(
        op="GatherV2", given=(), weight=(70, 64), channels=(0,), added=BEFORE,
        attrs={"batch_dims": {"i": "0"}}, first=True, more=[ROWS % 9, SECOND],
    ),
}  # fmt: skip


# TensorFlow.js has no kernel of these for wasm.
ON_CPU_ALONE = {"einsum"}


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A graph of cases: the nodes of its variant, and the outputs of base and variant."""

    nodes: Sequence[Json]
    outputs: dict[str, dict[str, Array]]


def uneven(case: Case) -> Array:
    """Return a weight whose channels differ in range; all values of one are 0."""
    sizes = [n if axis in case.channels else 1 for axis, n in enumerate(case.weight)]
    ranges = 10 ** RNG.uniform(-2, 1, sizes)
    ranges.reshape(-1)[1] = 0
    weight: Array = (RNG.normal(size=case.weight) * ranges).astype(np.float32)
    return weight


def build(name: str, case: Case) -> tuple[list[Json], dict[str, Array], dict[str, Any]]:
    """Return the nodes of a case, its constants and its input."""
    constants = {f"{name} weight": uneven(case)}
    if case.bias:
        constants[f"{name} bias"] = RNG.normal(size=case.bias).astype(np.float32)
    constants |= {f"{name} more {i}": values for i, values in enumerate(case.more)}
    reads = list(constants)
    given = {f"{name} x": RNG.normal(size=case.given)} if case.given else {}
    reads = [reads[0], *given, *reads[1:]] if case.first else [*given, *reads]
    if case.op == "Conv2DBackpropInput":
        shape = np.array([*case.given[:3], case.weight[2]], np.int32)
        constants[f"{name} shape"] = shape
        reads = [f"{name} shape", reads[1], reads[0]]
    node = {"name": name, "op": case.op, "input": reads, "attr": case.attrs}
    return [node], constants, given


def decoded(name: str, values: Array) -> Array:
    case = CASES.get(name.removesuffix(" weight"))
    if case is None or not name.endswith(" weight"):
        return values
    return encode(values, Form(dtype="uint8", channels=case.channels)).decode()


@pytest.fixture(scope="module", params=["wasm", "cpu"])
def ran(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Ran:
    folder = tmp_path_factory.mktemp("scaled")
    nodes: list[Json] = []
    weights: dict[str, Array] = {}
    inputs: dict[str, Array] = {}
    names = [name for name in CASES if request.param == "cpu" or name not in ON_CPU_ALONE]
    for name in names:
        made, constants, given = build(name, CASES[name])
        nodes += made
        weights |= constants
        inputs |= {key: values.astype(np.float32) for key, values in given.items()}
    known: dict[str, Any] = {
        "inputs": {key: ("float32", values.shape) for key, values in inputs.items()},
        "outputs": {name: f"{name}:0" for name in names},
    }
    source = write_model(folder / "source", nodes, weights=weights, **known)
    rounded = {name: decoded(name, values) for name, values in weights.items()}
    base = write_model(folder / "base", nodes, weights=rounded, **known)
    variant = write_variant_of(source, folder / "variant")
    models = {"base": base, "variant": variant}
    runs = run(folder, models, [inputs], backends={request.param: [*models]})[request.param]
    return Ran(
        nodes=load(variant)["modelTopology"]["node"],
        outputs={model: dict(result.outputs[0]) for model, result in runs.items()},
    )


def write_variant_of(source: Path, folder: Path) -> Path:
    """Write a model with scales for each weight that may have them; return its folder."""
    folder.mkdir()
    model_json = open_base(source, None)
    forms = {
        name: next((form for form in found if form.is_scaled), AS_IN_BASE)
        for name, found in possible_forms(model_json).items()
    }
    write_forms(
        model_json=model_json,
        base=source,
        name="variant",
        forms=forms,
        shard_size_bytes=1 << 20,
        folder=folder,
    )
    return folder


@pytest.mark.network
@pytest.mark.parametrize("name", CASES)
def test_an_op_computes_from_numbers_and_scales(ran: Ran, name: str) -> None:
    if name not in ran.outputs["base"]:
        pytest.skip("wasm lacks it")
    expected, found = (ran.outputs[model][name] for model in ("base", "variant"))

    assert np.abs(expected).max() > 0.1
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.network
@pytest.mark.parametrize("name", CASES)
def test_scales_stand_where_they_cost_least(ran: Ran, name: str) -> None:
    if name not in ran.outputs["base"]:
        pytest.skip("wasm lacks it")
    mine = (name, f"{name} weight")
    own = {node["name"]: node["op"] for node in ran.nodes if node["name"].split("/")[0] in mine}
    added = list(own.values())
    for op in (CASES[name].op, "Const"):
        added.remove(op)

    assert sorted(added) == sorted(CASES[name].added)
    assert own[f"{name} weight"] == ("Mul" if CASES[name].added is BEFORE else "Const")
