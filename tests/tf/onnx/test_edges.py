"""Open sizes that are 1, signs of sizes and numbers at their ends, against ONNX Runtime."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_and_runtime import make_graph_model, make_node_model, run_in_child, run_in_runtime

from pipeline.errors import ConversionError

pytestmark = pytest.mark.tensorflow

_NUMBERS = np.random.default_rng(7)


def draw(*shape: int) -> Any:
    return _NUMBERS.normal(size=shape).astype(np.float32)


def whole(*numbers: Any) -> Any:
    return np.array(numbers, np.int64)


def node(op: str, *inputs: str, to: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, list(inputs), [to], **attributes)


_SIZED = [node("Shape", "x", to="s"), node("Add", "s", "k", to="a")]
_HALF = node("Div", "a", "two", to="y")
_LAST = {"x": ("a", "b"), "z": ("c", "d")}
_CONV = node("Conv", "x", "w", to="c", pads=[1, 1, 1, 1])

GRAPHS: dict[str, Any] = {
    "the size of a sum of open sizes": (
        [node("Add", "x", "z", to="a"), node("Shape", "a", to="y")],
        {"x": draw(1, 3), "z": draw(4, 1)}, _LAST,
    ),
    "the size of a product of batches": (
        [node("MatMul", "x", "z", to="a"), node("Shape", "a", to="y")],
        {"x": draw(1, 3, 2), "z": draw(4, 2, 5)}, {"x": ("a", 3, 2), "z": ("b", 2, 5)},
    ),
    "an open size of 1 expands to a number": (
        [node("Expand", "x", "k", to="y")], {"x": draw(1, 3), "k": whole(5, 3)}, {"x": ("a", "b")},
    ),
    "an open size of 1 expands to another": (
        [node("Shape", "z", to="s"), node("Expand", "x", "s", to="y")],
        {"x": draw(1, 3), "z": draw(5, 3)}, _LAST,
    ),
    "a size below zero, divided": (
        [*_SIZED, _HALF], {"x": draw(2, 4), "k": whole(-5, 0), "two": whole(2)}, _LAST,
    ),
    "a size divided by a number below zero": (
        [*_SIZED, _HALF], {"x": draw(2, 5), "k": whole(0, 0), "two": whole(-2)}, _LAST,
    ),
    "the remainder of a size below zero": (
        [*_SIZED, node("Mod", "a", "two", to="y", fmod=1)],
        {"x": draw(2, 4), "k": whole(-5, 0), "two": whole(2)}, _LAST,
    ),
    "the remainder by a size": (
        [*_SIZED, node("Mod", "two", "a", to="y")],
        {"x": draw(2, 4), "k": whole(1, 1), "two": whole(7)}, _LAST,
    ),
    "a size below zero, compared": (
        [*_SIZED, node("Equal", "a", "two", to="y")],
        {"x": draw(2, 4), "k": whole(-3, 0), "two": whole(-1)}, _LAST,
    ),
    "a float that is no whole number of 64 bits": (
        [
            node("Shape", "x", to="s"), node("Cast", "s", to="f"),
            node("Concat", "f", "k", to="y", axis=0),
        ],
        {"x": draw(2, 4), "k": np.array([-3e38], np.float32)}, _LAST,
    ),
    "a size of few bits": (
        [node("Shape", "x", to="s"), node("Cast", "s", to="a"), node("Cast", "a", to="y")],
        {"x": draw(1, 300)}, _LAST,
    ),
    "a range that ends before it starts": (
        [
            node("Shape", "x", to="s"), node("ReduceSum", "s", to="t", keepdims=0),
            node("Sub", "t", "k", to="end"), node("Range", "zero", "end", "one", to="r"),
            node("Shape", "r", to="y"),
        ],
        {"x": draw(2), "k": np.int64(5), "zero": np.int64(0), "one": np.int64(1)}, {"x": ("a",)},
    ),
    "a range of fractions": (
        [
            node("Shape", "x", to="s"), node("Squeeze", "s", "place", to="t"),
            node("Cast", "t", to="end"), node("Range", "zero", "end", "step", to="r"),
            node("Shape", "r", to="y"),
        ],
        {
            "x": draw(9), "place": whole(0), "zero": np.float32(0), "step": np.float32(1.5),
        }, {"x": ("a",)},
    ),
    "indices below zero in another order of axes": (
        [_CONV, node("GatherElements", "c", "i", to="y", axis=1)],
        {"x": draw(1, 4, 4, 4), "w": draw(4, 4, 3, 3), "i": _NUMBERS.integers(-4, 4, (1, 4, 4, 4))},
        {},
    ),
    "backwards from before the first": (
        [node("Slice", "x", "from", "to", "axes", "by", to="y")],
        {"x": draw(3, 4), "from": whole(-9, -9), "to": whole(-(2**63), -9), "axes": whole(0, 1),
         "by": whole(-1, -1)}, _LAST,
    ),
    "backwards from before the first, of known sizes": (
        [node("Slice", "x", "from", "to", "axes", "by", to="y")],
        {"x": draw(3, 4), "from": whole(-9, -9), "to": whole(-(2**63), -9), "axes": whole(0, 1),
         "by": whole(-1, -1)}, {},
    ),
    "from a computed place to the end, backwards too": (
        [
            node("Neg", "z", to="from"),
            node("Slice", "x", "from", "to", "axes", "by", to="y"),
        ],
        {"x": draw(3, 4), "z": whole(2, 1), "to": whole(2**63 - 1, -(2**63)), "axes": whole(1, 0),
         "by": whole(1, -1)}, {"x": ("a", "b")},
    ),
    "the last places, as many as a size": (
        [
            node("Shape", "x", to="s"), node("Gather", "s", "place", to="n"),
            node("Neg", "n", to="from"), node("Slice", "w", "from", "to", to="y"),
        ],
        {"x": draw(3), "w": draw(5), "place": whole(0), "to": whole(2**63 - 1)}, {"x": ("a",)},
    ),
    "from behind the last": (
        [node("Slice", "x", "from", "to", to="y")],
        {"x": draw(3, 4), "from": whole(2**31 - 1), "to": whole(2**63 - 1)}, _LAST,
    ),
    "the last of an open axis": (
        [node("ArgMax", "x", to="y", axis=1, select_last_index=1)],
        {"x": np.array([[1, 3, 3, 0], [2, 2, 2, 2]], np.float32)}, _LAST,
    ),
    "limits that are crossed": (
        [node("Clip", "x", "least", "most", to="y")],
        {"x": draw(5), "least": np.float32(1), "most": np.float32(-1)}, {},
    ),
    "a bias for each row": (
        [node("Gemm", "x", "w", "rows", to="c"), node("Mul", "c", "k", to="y")],
        {"x": draw(4, 3), "w": draw(3, 4), "rows": draw(4, 1), "k": draw(4)}, {},
    ),
}  # fmt: skip
GRAPHS["a size of few bits"][0][1].attribute.append(helper.make_attribute("to", 2))
GRAPHS["a size of few bits"][0][2].attribute.append(helper.make_attribute("to", 7))
GRAPHS["a float that is no whole number of 64 bits"][0][1].attribute.append(
    helper.make_attribute("to", 1)
)
GRAPHS["a range of fractions"][0][2].attribute.append(helper.make_attribute("to", 1))


@pytest.mark.parametrize("name", GRAPHS)
def test_edges_of_graphs_are_those_of_onnx_runtime(name: str) -> None:
    nodes, inputs, shapes = GRAPHS[name]
    constants = [each for each in inputs if each not in ("x", "z")]
    model = make_graph_model(nodes, inputs, ["y"], shapes=shapes, constants=constants)

    [made] = run_in_child(model, inputs)

    [expected] = run_in_runtime(model, inputs)
    assert made.shape == expected.shape
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("op", "array", "options"),
    [
        ("Neg", np.array([-128, 127], np.int8), {}),
        ("Abs", np.array([-128, -127], np.int8), {}),
        ("ReduceMean", np.array([[-8, 1], [2**24 + 1, 2**24 + 1]], np.int32),
         {"axes": [1], "opset": 13}),
    ],
)  # fmt: skip
def test_ends_of_numbers_are_those_of_onnx_runtime(
    op: str, array: Any, options: dict[str, Any]
) -> None:
    model = make_node_model(op, {"x": array}, **options)

    np.testing.assert_array_equal(
        run_in_child(model, {"x": array})[0], run_in_runtime(model, {"x": array})[0]
    )


def test_a_limit_beyond_all_numbers_is_refused() -> None:
    inputs = {"x": whole(1, 2), "least": np.int64(2**40)}
    model = make_node_model("Clip", inputs, constants=["least"])

    with pytest.raises(ConversionError, match="beyond int32"):
        run_in_child(model, inputs)


@pytest.mark.parametrize("what", ["axes", "steps"])
def test_computed_axes_and_steps_of_a_slice_are_refused(what: str) -> None:
    inputs = {
        "x": draw(3, 4), "starts": whole(1), "ends": whole(3), "axes": whole(1), "steps": whole(2)
    }  # fmt: skip
    constants = [name for name in inputs if name not in ("x", what)]
    model = make_node_model("Slice", inputs, constants=constants)

    with pytest.raises(ConversionError, match=f"its {what} are computed"):
        run_in_child(model, inputs)


def test_a_squeeze_without_axes_wants_sizes_that_are_known() -> None:
    inputs = {"x": draw(1, 3, 1)}
    model = make_graph_model(
        [node("Squeeze", "x", to="y")], inputs, ["y"], shapes={"x": ("N", 3, 1)}
    )

    with pytest.raises(ConversionError, match="drops each axis of size 1") as refused:
        run_in_child(model, inputs)

    assert "shape: […]" in (refused.value.hint or "")


def test_a_value_inside_of_a_loop_may_have_the_name_of_one_around_it() -> None:
    body = helper.make_graph(
        [node("Add", "state", "k", to="after"), node("Identity", "going", to="goes")],
        "body",
        [
            helper.make_tensor_value_info("number", onnx.TensorProto.INT64, []),
            helper.make_tensor_value_info("going", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", onnx.TensorProto.FLOAT, None),
        ],
        [onnx.ValueInfoProto(name="goes"), onnx.ValueInfoProto(name="after")],
        [numpy_helper.from_array(np.array(2, np.float32), "k")],
    )
    inputs = {"x": draw(1, 2, 3, 4), "w": draw(2, 2, 3, 3), "turns": np.array(3)}
    nodes = [_CONV, node("Loop", "turns", "", "c", to="y", body=body)]
    model = make_graph_model(nodes, inputs, ["y"], constants=["w"])

    made = run_in_child(model, inputs)

    np.testing.assert_allclose(made[0], run_in_runtime(model, inputs)[0], rtol=1e-4, atol=1e-5)


def test_an_attribute_of_a_function_has_its_default() -> None:
    add = node("LeakyRelu", "a", to="b")
    add.attribute.append(
        onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    )
    function = helper.make_function(
        "own", "Bent", ["a"], ["b"], [add], [helper.make_opsetid("", 21)],
        attribute_protos=[helper.make_attribute("slope", 0.5)],
    )  # fmt: skip
    inputs = {"x": draw(3, 4)}
    calls = [node("Bent", "x", to="y", domain="own"),
             node("Bent", "x", to="z", domain="own", slope=0.25)]  # fmt: skip
    model = make_graph_model(calls, inputs, ["y", "z"], domain="own")
    model.functions.append(function)

    for made, expected in zip(
        run_in_child(model, inputs), run_in_runtime(model, inputs), strict=True
    ):
        np.testing.assert_allclose(made, expected, rtol=1e-5)
