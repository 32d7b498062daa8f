"""The summary of an ONNX file, as `inspect` shows it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_and_runtime import summarize_in_child

pytestmark = pytest.mark.tensorflow


def info(name: str, *sizes: int | str, dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, sizes)


def weights(name: str, *sizes: int, dtype: Any = np.float32) -> TensorProto:
    return numpy_helper.from_array(np.ones(sizes, dtype), name)


def summarize(
    folder: Path,
    nodes: Sequence[onnx.NodeProto],
    *,
    ends: tuple[Sequence[onnx.ValueInfoProto], Sequence[onnx.ValueInfoProto]],
    constants: Sequence[TensorProto] = (),
    metadata: dict[str, str] | None = None,
    **saved: Any,
) -> dict[str, Any]:
    """Return the summary of a file with these nodes, inputs and outputs."""
    graph = helper.make_graph(nodes, "g", *ends, initializer=constants)
    domains = {node.domain for node in nodes} - {""}
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(each, 1) for each in domains)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="test", ir_version=8)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, folder / "m.onnx", **saved)
    return summarize_in_child(folder / "m.onnx")


def test_a_classifier_of_pictures(tmp_path: Path) -> None:
    found = summarize(
        tmp_path,
        [
            helper.make_node("Mul", ["images", "scale"], ["scaled"]),
            helper.make_node("Conv", ["scaled", "kernel"], ["features"], pads=[1, 1, 1, 1]),
            helper.make_node("GlobalAveragePool", ["features"], ["means"]),
            helper.make_node("Flatten", ["means"], ["scores"]),
        ],
        ends=([info("images", "batch", 3, 8, 8)], [info("scores", "batch", 2)]),
        constants=[weights("scale", 1), weights("kernel", 2, 3, 3, 3)],
        metadata={"names": "{0: 'cat', 1: 'dog'}"},
        save_as_external_data=True,
        location="m.data",
        size_threshold=0,
    )

    signature = found["signatures"]["main"]
    assert found["producer"] == "test"
    assert found["opsets"] == {"ai.onnx": 17}
    assert found["metadata"] == {"names": "{0: 'cat', 1: 'dog'}"}
    assert found["operators"] == {"Mul": 1, "Conv": 1, "GlobalAveragePool": 1, "Flatten": 1}
    assert found["parameters"] == 1 + 54
    assert signature["inputs"] == [
        {
            "name": "images",
            "tensor": None,
            "dtype": "float32",
            "shape": [-1, 3, 8, 8],
            "size_names": ["batch", None, None, None],
        }
    ]
    assert signature["multiply_adds"] == {"Conv": 2 * 8 * 8 * 27}
    assert found["remarks"] == [
        (
            "input images is a picture with its channels in front; with "
            "`inputs: {images: {layout: nhwc}}` it has them last, as in TensorFlow.js"
        ),
        "data beside it: m.data (220 B)",
        "labels of scores: cat, dog",
    ]


def test_a_classifier_of_texts(tmp_path: Path) -> None:
    """What it learned stands in attributes, and its classes are named."""
    learned: dict[str, Any] = {"coefficients": [0.5, -0.5, 1.0, 2.0], "intercepts": [0.0, 0.1]}
    names = ["no", "yes"]
    found = summarize(
        tmp_path,
        [
            helper.make_node(
                "LinearClassifier", ["x"], ["label", "scores"], domain="ai.onnx.ml",
                classlabels_strings=names, **learned,
            )
        ],
        ends=(
            [info("x", "n", 2)],
            [info("label", "n", dtype=TensorProto.STRING), info("scores", "n", 2)],
        ),
    )  # fmt: skip

    assert found["parameters"] == 6
    assert found["remarks"] == [
        (
            "class labels that are texts are the numbers of the classes in this graph; the catalog "
            "names them"
        ),
        "labels of label: no, yes",
        "labels of scores: no, yes",
    ]


def test_what_stands_in_the_way_is_told(tmp_path: Path) -> None:
    found = summarize(
        tmp_path,
        [
            helper.make_node("Sharpen", ["x"], ["a"], "first", domain="org.example"),
            helper.make_node("StringNormalizer", ["a"], ["y"]),
        ],
        ends=([info("x", 2)], [info("y", 2)]),
    )

    (remark,) = found["remarks"]
    assert remark.startswith("it cannot be converted as it stands: operators that cannot be")
    assert "StringNormalizer (node 1): " in remark
    assert "org.example.Sharpen (node 0): no operators of org.example are known" in remark


def test_an_input_that_is_no_tensor_is_named_with_its_kind(tmp_path: Path) -> None:
    tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, [2])
    listed = helper.make_value_info("parts", helper.make_sequence_type_proto(tensor))
    found = summarize(
        tmp_path,
        [helper.make_node("ConcatFromSequence", ["parts"], ["y"], axis=0)],
        ends=([listed], [info("y", "n")]),
    )

    assert found["signatures"]["main"]["inputs"][0]["dtype"] is None
    assert (
        "it cannot be converted as it stands: input 'parts' is a sequence, and no tensor, which "
        "cannot be converted"
    ) in found["remarks"]


def test_an_input_that_decides_a_branch_is_suggested_as_a_constant(tmp_path: Path) -> None:
    def branch(op: str) -> onnx.GraphProto:
        node = helper.make_node(op, ["x"], [op])
        return helper.make_graph([node], op, [], [info(op, 1, "n")])

    rate = numpy_helper.from_array(np.array(16000, np.int64), "rate")
    found = summarize(
        tmp_path,
        [
            helper.make_node("Equal", ["sr", "rate"], ["same"]),
            helper.make_node(
                "If", ["same"], ["y"], then_branch=branch("Neg"), else_branch=branch("Abs")
            ),
        ],
        ends=([info("x", 1, "n"), info("sr", dtype=TensorProto.INT64)], [info("y", 1, "n")]),
        constants=[rate],
    )

    assert found["subgraphs"] == 3
    assert (
        "input sr decides 1 If: with `inputs: {sr: {constant: 16000}}` the graph has only the "
        "branch that is taken"
    ) in found["remarks"]


@pytest.mark.parametrize(
    ("op", "sizes"),
    [("Softmax", (1, 3, 8, 8)), ("MaxPool", (1, 8, 8, 3)), ("Flatten", (1, 3, 4, 4))],
)
def test_other_pictures_keep_their_layout(tmp_path: Path, op: str, sizes: tuple[int, ...]) -> None:
    extra: dict[str, Any] = {"kernel_shape": [1, 1]} if op == "MaxPool" else {}
    found = summarize(
        tmp_path,
        [helper.make_node(op, ["x"], ["y"], **extra)],
        ends=([info("x", *sizes)], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]),
    )

    assert not found["remarks"]


def test_what_is_computed_while_a_graph_is_built_stands_not_in_the_way(tmp_path: Path) -> None:
    found = summarize(
        tmp_path,
        [helper.make_node("Exp", ["c"], ["e"]), helper.make_node("Mul", ["x", "e"], ["y"])],
        ends=([info("x", "n", 3)], [info("y", "n", 3)]),
        constants=[weights("c", 3)],
    )

    assert not found["remarks"]


def test_weights_of_8_bits_are_counted_as_quantized(tmp_path: Path) -> None:
    scale = numpy_helper.from_array(np.array(0.5, np.float32), "s")
    found = summarize(
        tmp_path,
        [
            helper.make_node("DequantizeLinear", ["q", "s"], ["w"]),
            helper.make_node("MatMul", ["x", "w"], ["y"]),
        ],
        ends=([info("x", "n", 3)], [info("y", "n", 2)]),
        constants=[weights("q", 3, 2, dtype=np.int8), scale],
    )

    quantized = {each["name"]: each["quantized"] for each in found["constants"]}
    assert quantized == {"q": True, "s": False}
    assert found["signatures"]["main"]["multiply_adds"] == {"MatMul": 6}
    assert "computes with numbers of 8 bits or fewer: 1 DequantizeLinear" in found["remarks"]
