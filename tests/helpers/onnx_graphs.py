"""Small ONNX files of whole networks, written with the operators of exporters."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Sizes = list[int | str]
Stated = tuple[int, Sizes | None]
"""A type of elements, and sizes."""


def _weights(seed: int, *shape: int) -> Any:
    return (np.random.default_rng(seed).normal(size=shape) * 0.4).astype(np.float32)


def save(  # noqa: PLR0913  # the parts of a file
    path: Path,
    nodes: list[onnx.NodeProto],
    inputs: dict[str, Stated],
    outputs: dict[str, Stated],
    constants: dict[str, Any],
    *,
    opset: int = 17,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a file; inputs and outputs have a type of elements and sizes."""
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(name, *stated) for name, stated in inputs.items()],
        [helper.make_tensor_value_info(name, *stated) for name, stated in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path


def image_network(path: Path, *, dtype: Any = np.float32, sizes: Sizes | None = None) -> Path:
    """Write a network of images: convolutions of all kinds, a shuffle of channels, two outputs."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    constants = {
        "w1": _weights(1, 8, 3, 3, 3).astype(dtype),
        "b1": _weights(2, 8).astype(dtype),
        "w2": _weights(3, 8, 1, 3, 3).astype(dtype),
        "w3": _weights(4, 4, 8, 1, 1).astype(dtype),
        "scale": (_weights(5, 1, 8, 1, 1) + 1).astype(dtype),
        "w4": _weights(6, 4, 5).astype(dtype),
    }
    nodes = [
        helper.make_node("Conv", ["images", "w1", "b1"], ["c1"], pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], pads=[1] * 4, group=8),
        helper.make_node("Mul", ["c2", "scale"], ["m2"]),
        helper.make_node("Concat", ["m2", "r1"], ["cat"], axis=1),
        helper.make_node("Split", ["cat"], ["left", "right"], axis=1),
        helper.make_node("Add", ["left", "right"], ["sum"]),
        helper.make_node("Conv", ["sum", "w3"], ["onnx::Map_0"]),
        helper.make_node("GlobalAveragePool", ["onnx::Map_0"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w4"], ["39"]),
    ]
    return save(
        path,
        nodes,
        {"images": (kind, sizes or ["batch", 3, "height", "width"])},
        {"onnx::Map_0": (kind, None), "39": (kind, None)},
        constants,
    )


def branching_network(path: Path) -> Path:
    """Write a network whose branch depends on an input: x + 1 where `rate` is 16000, else x * 2."""
    branches = [
        helper.make_graph(
            [helper.make_node(op, ["x", number], [f"{op}_made"])],
            op,
            [],
            [helper.make_tensor_value_info(f"{op}_made", TensorProto.FLOAT, None)],
        )
        for op, number in (("Add", "one"), ("Mul", "two"))
    ]
    nodes = [
        helper.make_node("Equal", ["rate", "wanted"], ["is_wanted"]),
        helper.make_node(
            "If", ["is_wanted"], ["y"], then_branch=branches[0], else_branch=branches[1]
        ),
    ]
    return save(
        path,
        nodes,
        {"x": (TensorProto.FLOAT, ["batch", 4]), "rate": (TensorProto.INT64, [])},
        {"y": (TensorProto.FLOAT, ["batch", 4])},
        {
            "one": np.ones(1, np.float32),
            "two": np.full(1, 2, np.float32),
            "wanted": np.array(16000),
        },
    )


def text_network(path: Path) -> Path:
    """Write a network of ids: both sizes are open, heads are taken apart and put together."""
    constants = {
        "table": _weights(1, 20, 8),
        "w": _weights(2, 8, 8),
        "b": _weights(3, 8),
        "heads": np.array([2, 4]),
        "width": np.array([8]),
    }
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["x"]),
        helper.make_node("Shape", ["ids"], ["shape"]),
        helper.make_node("Concat", ["shape", "heads"], ["apart"], axis=0),
        helper.make_node("MatMul", ["x", "w"], ["xw"]),
        helper.make_node("Add", ["b", "xw"], ["xb"]),
        helper.make_node("Reshape", ["xb", "apart"], ["split"]),
        helper.make_node("Transpose", ["split"], ["q"], perm=[0, 2, 1, 3]),
        helper.make_node("Transpose", ["split"], ["k"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["q", "k"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["weights"], axis=-1),
        helper.make_node("MatMul", ["weights", "q"], ["mixed"]),
        helper.make_node("Transpose", ["mixed"], ["back"], perm=[0, 2, 1, 3]),
        helper.make_node("Concat", ["shape", "width"], ["together"], axis=0),
        helper.make_node("Reshape", ["back", "together"], ["{\"name\": 'states'}"]),
    ]
    return save(
        path,
        nodes,
        {"ids": (TensorProto.INT64, ["batch", "sequence"])},
        {"{\"name\": 'states'}": (TensorProto.FLOAT, None)},
        constants,
    )


def unknown_operator(path: Path) -> Path:
    """Write a network of one operator that nobody knows."""
    node = helper.make_node("Levitate", ["x"], ["y"], domain="org.example")
    end: Stated = (TensorProto.FLOAT, [2])
    return save(path, [node], {"x": end}, {"y": end}, {})
