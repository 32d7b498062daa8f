"""What a graph tells about an output: activations, selections, places in a grid."""

import base64

import numpy as np
import pytest
from graph_models import Json, constant, node, placeholder

from pipeline.roles.evidence.structure import Structure
from pipeline.tfjs.model.topology import parse_topology


def structure(*nodes: Json, library: Json | None = None) -> Structure:
    """Return a graph of an input `x`, a constant `c` and some nodes."""
    c = constant("c", np.zeros(2, np.float32))
    wire = {"node": [placeholder("x", (1, 4)), c, *nodes], "library": library or {}}
    return Structure(parse_topology(wire))


def fused(op: str, activation: str) -> Json:
    """Return a product with weights, bias and an activation in one node, `y`."""
    names = [base64.b64encode(name.encode()).decode() for name in ("BiasAdd", activation)]
    made = node("y", op, ["x", "c", "c"])
    made["attr"]["fused_ops"] = {"list": {"s": names}}
    return made


def test_activation_behind_operations_that_move_values() -> None:
    graph = structure(
        node("sigmoid", "Sigmoid", ["x"]),
        node("reshape", "Reshape", ["sigmoid", "c"]),
        node("slice", "StridedSlice", ["reshape", "c", "c", "c"]),
        node("y", "Identity", ["slice"]),
    )

    assert graph.activation("y:0") == "sigmoid"


def test_activation_of_joined_tensors_is_that_of_all_or_none() -> None:
    nodes = [
        node("sigmoid", "Sigmoid", ["x"]),
        node("softmax", "Softmax", ["x"]),
        node("alike", "ConcatV2", ["sigmoid", "sigmoid", "c"]),
        node("unlike", "ConcatV2", ["sigmoid", "softmax", "c"]),
    ]

    assert structure(*nodes).activation("alike:0") == "sigmoid"
    assert structure(*nodes).activation("unlike:0") is None


def test_fused_activations() -> None:
    assert structure(fused("_FusedMatMul", "Relu")).is_rectified("y:0")
    assert not structure(fused("_FusedMatMul", "Relu")).is_linear("y:0")
    assert structure(fused("_FusedMatMul", "Sigmoid")).activation("y:0") == "sigmoid"


def test_product_with_weights_is_linear_also_behind_a_bias() -> None:
    nodes = [node("product", "Conv2D", ["x", "c"]), node("y", "AddV2", ["product", "c"])]

    assert structure(*nodes).is_linear("y:0")
    assert structure(*nodes).adds_constant("y:0")
    assert not structure(node("y", "AddV2", ["x", "c"])).is_linear("y:0")


def test_mean_of_a_relu_is_rectified() -> None:
    nodes = [node("relu", "Relu6", ["x"]), node("y", "Mean", ["relu", "c"])]

    assert structure(*nodes).is_rectified("y:0")


def test_cast_from_integers_is_seen_and_from_floats_not() -> None:
    cast = node("cast", "Cast", ["x"])
    cast["attr"]["SrcT"] = {"type": "DT_INT32"}
    other = node("cast", "Cast", ["x"])
    other["attr"]["SrcT"] = {"type": "DT_FLOAT"}
    pad = node("y", "Pad", ["cast", "c"])

    assert structure(cast, pad).is_integer("y:0")
    assert not structure(other, pad).is_integer("y:0")


def test_selection_in_a_function_that_is_called() -> None:
    body = {
        "signature": {"name": "branch"},
        "nodeDef": [node("nms", "NonMaxSuppressionV3", ["boxes", "scores", "c", "c", "c"])],
    }
    call = node("y", "If", ["x", "x"])
    call["attr"]["then_branch"] = {"func": {"name": "branch"}}

    graph = structure(call, library={"function": [body]})

    assert graph.is_selected("y:0")
    assert graph.selections("y:0") == ["NonMaxSuppressionV3"]


def test_selection_that_only_orders_execution_does_not_count() -> None:
    nodes = [node("top", "TopKV2", ["x", "c"]), node("y", "Identity", ["x", "^top"])]

    assert not structure(*nodes).is_selected("y:0")


@pytest.mark.parametrize(
    ("first", "second", "order"),
    [
        pytest.param("quotient", "rest", "yx", id="rest after the quotient"),
        pytest.param("rest", "quotient", "xy", id="rest before the quotient"),
        pytest.param("quotient", "modulus", "yx", id="FloorMod"),
        pytest.param("quotient", "quotient", None, id="twice the same"),
        pytest.param("x", "rest", None, id="no place"),
    ],
)
def test_order_of_places_in_a_grid(first: str, second: str, order: str | None) -> None:
    graph = structure(
        node("quotient", "FloorDiv", ["x", "c"]),
        node("full", "Mul", ["quotient", "c"]),
        node("rest", "Sub", ["x", "full"]),
        node("modulus", "FloorMod", ["x", "c"]),
        node("offset", "Exp", ["x"]),
        node("one", "AddV2", [first, "offset"]),
        node("other", "AddV2", [second, "offset"]),
        node("places", "Pack", ["one", "other"]),
        node("scaled", "Mul", ["places", "c"]),
        node("scores", "Sigmoid", ["x"]),
        node("y", "ConcatV2", ["scaled", "scores", "c"]),
    )

    assert graph.grid_order("y:0") == order
