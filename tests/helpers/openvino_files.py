"""Small OpenVINO models as files, for tests that convert, describe and damage them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from openvino import opset13 as ops

_NUMBERS = np.random.default_rng(11)


def draw(*shape: int) -> Any:
    """Return numbers of float32."""
    return _NUMBERS.normal(size=shape).astype(np.float32)


def constant(array: Any) -> Any:
    """Return a constant of an array."""
    return ops.constant(array)


def parameter(shape: Sequence[int], dtype: Any = np.float32, name: str = "x") -> Any:
    """Return an input; -1 is an open size."""
    made = ops.parameter(openvino.PartialShape(list(shape)), dtype, name=name)
    made.output(0).get_tensor().set_names({name})
    return made


def named(node: Any, *names: str) -> Any:
    """Return an operation whose first output has names."""
    node.output(0).get_tensor().set_names(set(names))
    return node


def save(
    path: Path,
    outputs: Sequence[Any],
    inputs: Sequence[Any],
    *,
    info: Mapping[str, Any] | None = None,
    small: bool = False,
) -> Path:
    """Write a model as .xml and .bin.

    Args:
        path: The .xml.
        outputs: The operations that it returns.
        inputs: Its parameters.
        info: Its `model_info`.
        small: Whether constants become float16.
    """
    model = openvino.Model(list(outputs), list(inputs), "m")
    for key, value in (info or {}).items():
        model.set_rt_info(value, ["model_info", key])
    openvino.save_model(model, path, compress_to_fp16=small)
    return path


def classifier(path: Path, *, small: bool = True) -> Path:
    """Write a classifier of pictures of two classes, with the metadata of the Model API."""
    x = parameter((1, 3, 8, 8), name="images")
    x.set_layout(openvino.Layout("NCHW"))
    kernel = constant(draw(2, 3, 3, 3))
    made = ops.convolution(x, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
    means = ops.reduce_mean(made, constant(np.array([2, 3])))
    info = {
        "labels": "cat big_dog", "scale_values": "58.4 57.1 57.4", "mean_values": "124 117 104",
        "reverse_input_channels": "YES", "resize_type": "standard", "model_name": "Pets",
    }  # fmt: skip
    return save(path, [named(means, "scores", "class scores")], [x], info=info, small=small)


def whole_weights(path: Path) -> Path:
    """Write products with weights of 8 and 4 bits, as NNCF writes them."""
    x = parameter((-1, 64))
    numbers = _NUMBERS.integers(-127, 128, (32, 64)).astype(np.int8)
    scales = (np.abs(draw(32, 1)) + 0.01).astype(np.float16)
    wide = ops.multiply(ops.convert(constant(numbers), "f16"), constant(scales))
    first = ops.matmul(x, ops.convert(wide, "f32"), False, True)  # as it takes them
    codes = openvino.op.Constant(
        openvino.Type.u4, openvino.Shape([64, 2, 16]), _NUMBERS.integers(0, 16, 2048)
    )
    zero = openvino.op.Constant(openvino.Type.u4, openvino.Shape([64, 2, 1]), [7] * 128)
    moved = ops.subtract(ops.convert(codes, "f16"), ops.convert(zero, "f16"))
    blocks = (np.abs(draw(64, 2, 1)) + 0.01).astype(np.float16)
    joined = ops.reshape(
        ops.multiply(moved, constant(blocks)),
        constant(np.array([64, 32])),
        False,  # as it takes them
    )
    second = ops.matmul(first, ops.convert(joined, "f32"), False, True)  # as above
    return save(path, [named(second, "y")], [x])


def shared_convolution(path: Path) -> Path:
    """Write a depthwise convolution whose value an activation and something else read.

    Truth values choose between both, by an operation on their bits.
    """
    x = parameter((1, 4, 6, 6))
    kernel = constant(draw(4, 1, 1, 3, 3))
    made = ops.group_convolution(x, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
    bent = ops.prelu(made, constant(np.array([0.1, 0.5, 2.0, -1.0], np.float32)))
    zero = constant(np.float32(0.3))
    both = ops.bitwise_and(ops.greater(x, zero), ops.bitwise_not(ops.greater(made, zero)))
    return save(path, [named(ops.select(both, bent, made), "y")], [x])


def branches(path: Path) -> Path:
    """Write a model with a choice between two graphs, sequences, and weights of 8 bits."""
    x, choice = parameter((1, 4, 8)), parameter((), bool, name="choice")
    numbers = _NUMBERS.integers(-127, 128, (8, 8)).astype(np.int8)
    weights = ops.multiply(ops.convert(constant(numbers), "f32"), constant(np.float32(0.02)))
    made = ops.matmul(ops.relu(x), weights, False, True)  # as it takes them
    bodies = []
    for op in (ops.exp, ops.tanh):
        inner = parameter((1, 4, 8))
        bodies.append(openvino.Model([ops.result(op(inner))], [inner], "body"))
    chosen = ops.if_op(choice)
    chosen.set_then_body(bodies[0])
    chosen.set_else_body(bodies[1])
    chosen.set_input(made.output(0), *(body.get_parameters()[0] for body in bodies))
    taken = chosen.set_output(*(body.get_results()[0] for body in bodies))
    cut = ops.strided_slice(
        taken, constant([0, 1, 0]), constant([1, 4, 8]), constant([1, 1, 1]), [1, 0, 1], [1, 0, 1]
    )
    best = ops.topk(cut, constant(np.int32(2)), 1, "max", "value")
    mean = ops.reduce_mean(ops.softmax(best.output(0), 2), constant(np.array([1])))
    return save(path, [named(mean, "y")], [x, choice], info={"labels": "a b c d e f g h"})


def refused(path: Path) -> Path:
    """Write a model of an operation that nothing converts."""
    x = parameter((1, 3, 8, 8))
    y = ops.binary_convolution(
        x, constant(np.ones((2, 3, 3, 3), np.float32)), [1, 1], [0, 0], [0, 0], [1, 1],
        "xnor-popcount", 0.0,
    )  # fmt: skip
    return save(path, [named(y, "y")], [x])
