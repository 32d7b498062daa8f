"""Operators on indices, selections, bits, sums of products and spectra, against ONNX Runtime."""

from typing import Any

import numpy as np
import pytest
from onnx import helper
from onnx_and_runtime import (
    list_ops_in_child,
    make_graph_model,
    make_node_model,
    run_in_child,
    run_in_runtime,
)

from pipeline.errors import ConversionError

pytestmark = pytest.mark.tensorflow

_NUMBERS = np.random.default_rng(5)
_OPEN = ("a", "b", "c")


def draw(*shape: int) -> Any:
    return _NUMBERS.normal(size=shape).astype(np.float32)


def whole(*numbers: Any) -> Any:
    return np.array(numbers, np.int64)


def case(op: str, *inputs: Any, name: str = "", **options: Any) -> Any:
    return pytest.param(op, inputs, options, id=f"{op} {name}".strip())


_PLACES = _NUMBERS.integers(-3, 3, (3, 4, 5))
_SCORES = np.round(_NUMBERS.random((2, 3, 30)), 1).astype(np.float32)
_CORNERS = _NUMBERS.random((2, 30, 4)).astype(np.float32)
_BITS = np.array([[-(2**31), 2**31 - 1, -1, 2**30 + 5, 12345]], np.int32)
_TWICE = whole([0], [2], [-1], [2])
_LIMITS = (whole(7), np.array([0.3], np.float32), np.array([0.2], np.float32))

CASES = [
    case("Gather", draw(3, 4, 5), whole([0, -1], [2, -3]), axis=1, shapes={"x0": _OPEN}),
    case("GatherElements", draw(3, 4, 5), _PLACES, axis=2, shapes={"x0": _OPEN, "x1": _OPEN}),
    case("GatherElements", draw(3, 4, 5) > 0, _PLACES[:2, :, :1], name="of fewer", axis=0),
    case("GatherND", draw(3, 4, 5), _PLACES[:, :2, :1], name="batches", batch_dims=1),
    case("ScatterND", draw(4, 5), _TWICE[:3], draw(3, 5), shapes={"x0": _OPEN[:2]}),
    case("ScatterND", draw(4, 5), _TWICE, draw(4, 5), name="add", reduction="add"),
    case("ScatterND", draw(4, 5), _TWICE, draw(4, 5), name="max", reduction="max"),
    case(
        "ScatterND", draw(4, 5), _TWICE, draw(4, 5), name="rounds", reduction="mul", constants=[1]
    ),
    case("ScatterElements", draw(4, 5), whole([0, 0, 2]), draw(1, 3), axis=1, reduction="min"),
    case("OneHot", whole(1, -1, 9), whole(5), draw(2), axis=0, constants=[1]),
    case("TopK", _BITS, whole(3), outputs=2, largest=0),
    case("TopK", draw(3, 7, 2), whole(3), name="of an axis", outputs=2, axis=1, constants=[1]),
    case("NonZero", (draw(3, 4) * 2).astype(np.int32), shapes={"x0": _OPEN[:2]}),
    case("Compress", draw(3, 4), np.array([True, False, True]), axis=1),
    case("Unique", np.array([2, 1, 1, 3, -4], np.float32), outputs=4, shapes={"x0": ["n"]}),
    case("Unique", _PLACES[0] % 2, name="rows", outputs=4, axis=0, shapes={"x0": ["n", 5]}),
    case("NonMaxSuppression", _CORNERS, _SCORES, *_LIMITS, constants=[2, 3, 4]),
    case("NonMaxSuppression", _CORNERS, _SCORES, whole(9), name="all that touch", constants=[2]),
    case(
        "NonMaxSuppression", _CORNERS, _SCORES, *_LIMITS, name="in a loop",
        shapes={"x0": ["n", "m", 4], "x1": ["n", 3, "m"]},
    ),
    case("Trilu", draw(2, 4, 5), whole(-1), upper=0, shapes={"x0": _OPEN}),
    case("CumSum", draw(3, 4), whole(1).reshape(()), exclusive=1, reverse=1, constants=[1]),
    case("Hardmax", draw(3, 4, 5), axis=1, opset=11),
    case("Det", draw(2, 5, 5)),
    case("Einsum", draw(2, 3, 4), draw(2, 5, 4), equation="bij,bkj->bik"),
    case("Einsum", draw(2, 3, 3), draw(3), name="diagonal", equation="...ii,i"),
    case("Einsum", draw(2, 3, 4), draw(4, 5), name="open", equation="bij,jk->kbi",
         shapes={"x0": _OPEN, "x1": ("c", "d")}),
    case("BitwiseXor", _BITS, _BITS[:, ::-1].copy(), opset=18),
    case("BitShift", np.array([255, 3], np.uint8), np.array([3, 7], np.uint8), direction="LEFT"),
    case("IsInf", np.array([np.inf, -np.inf, np.nan, 1], np.float32), detect_negative=0),
    case("Cast", np.array([300.7, -3.5, 5], np.float32), to=2),
    case("Min", whole(5, 2**31 - 1), whole(2**63 - 1), name="no limit", constants=[1]),
    case("Less", whole(5, 2**31 - 1), whole(2**63 - 1), name="no limit", constants=[1]),
    case("Greater", whole(2**40, 3), whole(5, 2), name="beyond and within", constants=[0]),
    case("Shrink", draw(9), lambd=0.4, bias=0.2),
    case("DFT", draw(2, 1024, 1), opset=17, axis=1, onesided=1),
    case("DFT", draw(2, 3, 6, 2), name="open", opset=17, axis=2, shapes={"x0": ("b", 3, "n", 2)}),
    case("STFT", draw(2, 300, 1), whole(40).reshape(()), np.hanning(64).astype(np.float32),
         constants=[1, 2], shapes={"x0": ("b", "n", 1)}),
]  # fmt: skip


@pytest.mark.parametrize(("op", "inputs", "options"), CASES)
def test_elements_are_those_of_onnx_runtime(
    op: str, inputs: tuple[Any, ...], options: dict[str, Any]
) -> None:
    named = {f"x{number}": array for number, array in enumerate(inputs)}
    constants = [f"x{number}" for number in options.pop("constants", [])]
    outputs = options.pop("outputs", 1)
    model = make_node_model(op, named, constants=constants, num_outputs=outputs, **options)
    expected = run_in_runtime(model, named)

    for made, wanted in zip(run_in_child(model, named), expected, strict=True):
        np.testing.assert_allclose(made, wanted, rtol=1e-3, atol=1e-3)


def test_an_opposite_beyond_int32_is_refused() -> None:
    model = make_node_model("BitwiseNot", {"x": np.array([1], np.uint32)}, opset=18)

    with pytest.raises(ConversionError, match="more than int32 holds"):
        run_in_child(model, {"x": np.array([1], np.uint32)})


def test_boxes_are_moved_once_for_all_classes() -> None:
    """As YOLO's exporters write it: boxes and scores with their sizes in front, (1, 4, boxes)."""
    nodes = [
        helper.make_node("Transpose", ["x"], ["boxes"], perm=[0, 2, 1]),
        helper.make_node(
            "NonMaxSuppression", ["boxes", "scores", "most", "overlap", "least"], ["chosen"],
            center_point_box=0,
        ),
        helper.make_node("Gather", ["chosen", "last"], ["places"], axis=1),
        helper.make_node("Gather", ["boxes", "places"], ["y"], axis=1),
    ]  # fmt: skip
    named = {
        "x": _CORNERS[:1].transpose(0, 2, 1), "scores": _SCORES[:1], "most": _LIMITS[0],
        "overlap": _LIMITS[1], "least": _LIMITS[2], "last": whole(2).reshape(()),
    }  # fmt: skip
    model = make_graph_model(nodes, named, ["y"], constants=["most", "overlap", "least", "last"])

    ops = list_ops_in_child(model)

    assert ops.count("NonMaxSuppressionV3") == 3
    assert ops.count("Transpose") == 2
    expected = run_in_runtime(model, named)[0]
    np.testing.assert_array_equal(run_in_child(model, named)[0], expected)
