"""Short graphs: what is left out, and what comes back."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pytest
from graph_models import node

from pipeline.tfjs.model.short_graph import complete_constants, shorten_graph
from pipeline.tfjs.model.weight_manifest import WeightSpec
from pipeline.tfjs.rewrite.rewrite import rewrite_graph

Json = dict[str, Any]
FLOAT = {"type": "DT_FLOAT"}
KERNEL = WeightSpec(name="kernel", shape=(1, 1, 3, 8), dtype="float32")


def text(value: str) -> Json:
    return {"s": b64encode(value.encode()).decode()}


def ints(*values: int) -> Json:
    return {"list": {"i": [str(value) for value in values]}}


def short(op: str, name: str = "y", **attrs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the attributes of a node that are left."""
    made = {**node(name, op, ["x"]), "attr": attrs}
    content = shorten_graph({"modelTopology": {"node": [made]}}, [KERNEL])
    left: Mapping[str, Any] = content["modelTopology"]["node"][0].get("attr", {})
    return left


def test_defaults_and_types_of_float_operands_are_left_out() -> None:
    strides = ints(1, 2, 2, 1)
    left = short(
        "Conv2D",
        T=FLOAT,
        data_format=text("NHWC"),
        explicit_paddings={"list": {}},
        padding=text("SAME"),
        strides=strides,
        use_cudnn_on_gpu={"b": True},
        _output_shapes={"list": {"shape": [{}]}},
    )

    assert left == {"padding": text("SAME"), "strides": strides}


@pytest.mark.parametrize(
    ("op", "attrs"),
    [
        pytest.param("Conv2D", {"dilations": ints(1, 1, 1, 1)}, id="a default of TensorFlow only"),
        pytest.param("Conv2D", {"dilations": ints(1, 2, 2, 1)}, id="dilations"),
        pytest.param("Conv2D", {"data_format": text("NCHW")}, id="channels first"),
        # TensorFlow.js knows no default of it.
        pytest.param("AvgPool", {"ksize": ints(1, 1, 1, 1)}, id="no default"),
        pytest.param("Cast", {"DstT": FLOAT}, id="a type that it reads"),
        pytest.param("AddV2", {"T": {"type": "DT_INT32"}}, id="operands of int32"),
        pytest.param("Reshape", {"Tshape": {"type": "DT_INT64"}}, id="indices of int64"),
        # It has another default in TensorFlow.
        pytest.param("Where", {"T": FLOAT}, id="a default of its own"),
        # TensorFlow.js does not have the op: a page may register it, and read anything.
        pytest.param("MyOp", {"T": FLOAT, "data_format": text("NHWC")}, id="an op of a page"),
        pytest.param("MaxPool3D", {"data_format": text("NDHWC")}, id="another layout"),
    ],
)
def test_other_values_stay(op: str, attrs: Json) -> None:
    assert short(op, **attrs) == attrs


def test_the_epsilon_of_a_fused_op_stays_where_it_normalizes() -> None:
    def fused(*names: str) -> Json:
        return {"list": {"s": [text(name)["s"] for name in names]}}

    epsilon = {"f": 0.0}
    for names, kept in ((("BiasAdd", "Relu"), False), (("FusedBatchNorm",), True)):
        left = short("_FusedConv2D", epsilon=epsilon, fused_ops=fused(*names))
        assert ("epsilon" in left) is kept


def test_constants_come_back() -> None:
    shape = {"dim": [{"size": str(size)} for size in KERNEL.shape]}
    value = {"tensor": {"dtype": "DT_FLOAT", "tensorShape": shape}}
    made = {"name": "kernel", "op": "Const", "attr": {"dtype": FLOAT, "value": value}}
    content = {"modelTopology": {"node": [made], "library": {}}}

    shortened = shorten_graph(content, [KERNEL])
    assert shortened == {"modelTopology": {"node": [{"name": "kernel", "op": "Const"}]}}
    assert complete_constants(shortened, [KERNEL])["modelTopology"]["node"] == [made]


def test_a_constant_that_is_stored_as_another_dtype_states_its_own() -> None:
    axes = WeightSpec(name="kernel", shape=(2,), dtype="int32")
    dtype = {"type": "DT_INT64"}
    made = {"name": "kernel", "op": "Const", "attr": {"dtype": dtype, "value": {"tensor": {}}}}
    content = {"modelTopology": {"node": [made]}}

    shortened = shorten_graph(content, [axes])
    assert shortened["modelTopology"]["node"][0]["attr"] == {"dtype": dtype}
    completed = complete_constants(shortened, [axes])["modelTopology"]["node"][0]["attr"]
    assert completed["value"]["tensor"] == {
        "dtype": "DT_INT64",
        "tensorShape": {"dim": [{"size": "2"}]},
    }


def test_nodes_of_functions_are_shortened_too() -> None:
    body = {"signature": {"name": "f"}, "nodeDef": [{**node("y", "Abs", ["x"]), "device": "/cpu"}]}
    body["nodeDef"][0]["attr"] = {"T": FLOAT}  # type: ignore[index]
    content = {"modelTopology": {"node": [], "library": {"function": [body]}}}

    [function] = shorten_graph(content, [])["modelTopology"]["library"]["function"]
    assert function["nodeDef"] == [{"name": "y", "op": "Abs", "input": ["x"]}]


@pytest.mark.parametrize("shape", [(), (2,)], ids=["a limit", "a limit for each element"])
def test_a_short_graph_is_repaired_as_the_whole_one(shape: tuple[int, ...]) -> None:
    weights = [
        WeightSpec(name=name, shape=shape, dtype="float32") for name in ("least", "greatest")
    ]
    given: dict[str, Any] = {"dtype": {"type": "DT_FLOAT"}, "shape": {"shape": {}}}
    nodes: list[dict[str, Any]] = [
        {"name": "x", "op": "Placeholder", "attr": given},
        *({"name": spec.name, "op": "Const", "attr": {}} for spec in weights),
        {
            "name": "y",
            "op": "ClipByValue",
            "input": ["x", "least", "greatest"],
            "attr": {"T": {"type": "DT_FLOAT"}},
        },
    ]
    whole = complete_constants({"modelTopology": {"node": nodes}}, weights)
    short = complete_constants(shorten_graph(whole, weights), weights)
    assert "attr" not in short["modelTopology"]["node"][-1]

    (wanted, reasons), (made, same) = rewrite_graph(whole), rewrite_graph(short)
    assert same == reasons
    assert bool(reasons) == bool(shape)
    ops = [[node["op"] for node in each["modelTopology"]["node"]] for each in (wanted, made)]
    assert ops[0] == ops[1]
