"""Batch normalizations in the convolutions before them, beside the converter's function."""

import importlib
import os
from typing import Any

import numpy as np
import pytest

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:pkg_resources is deprecated"),  # TF Hub imports it
]
RNG = np.random.default_rng(7)


@pytest.fixture(scope="module")
def tf() -> Any:
    # Decision Forests, which the converter imports, would write a greeting to pytest's output.
    os.environ["TFDF_DISABLE_WELCOME_MESSAGE"] = "1"
    return importlib.import_module("tensorflow")


@pytest.fixture(scope="module")
def fold(tf: Any) -> Any:  # noqa: ARG001  # the converter greets without
    return importlib.import_module("pipeline.tf.fold_batch_norms").fold_batch_norms


@pytest.fixture(scope="module")
def converter(tf: Any) -> Any:  # noqa: ARG001  # likewise
    return importlib.import_module("tensorflowjs.converters.fold_batch_norms").fold_batch_norms


def normalize(tf: Any, image: Any, name: str, mean: Any = None) -> Any:
    channels = image.shape[-1]
    numbers = RNG.random((4, channels)).astype(np.float32) + 0.1
    given = [numbers[0], numbers[1], numbers[2] if mean is None else mean, numbers[3]]
    made = tf.raw_ops.FusedBatchNormV3(
        x=image,
        **dict(zip(("scale", "offset", "mean", "variance"), given, strict=True)),
        epsilon=0.001,
        is_training=False,
        name=name,
    )
    return made.y


def kernel(*shape: int) -> Any:
    return (RNG.random(shape) - 0.5).astype(np.float32)


def build(tf: Any, **branches: bool) -> Any:
    """Return a convolution, a depthwise one of two channels each and one with a bias, normalized.

    With `filter`, another convolution has the first one's filter; with `value`, the graph
    returns the first convolution, too; with `statistics`, it returns a mean.
    """
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.float32, [1, 6, 6, 3], name="image")
        shared = tf.constant(kernel(3, 3, 3, 4), name="filter")
        first = tf.nn.conv2d(image, shared, 1, "SAME", name="first")
        result = normalize(tf, first, "norm")
        depthwise = tf.nn.depthwise_conv2d(result, kernel(3, 3, 4, 2), [1] * 4, "SAME")
        result = normalize(tf, depthwise, "depthwise_norm")
        biased = tf.nn.conv2d(result, kernel(1, 1, 8, 5), 1, "SAME") + kernel(5)
        ends = [normalize(tf, biased, "biased_norm")]
        if branches.get("filter"):
            ends.append(tf.nn.conv2d(image, shared, 2, "VALID"))
        if branches.get("value"):
            ends.append(tf.nn.relu(first))
        if branches.get("statistics"):
            ends.append(graph.get_tensor_by_name("norm:1"))
        for i, end in enumerate(ends):
            tf.identity(end, name=f"end_{i}")
    return graph.as_graph_def()


def run(tf: Any, graph_def: Any) -> list[Any]:
    image = np.random.default_rng(1).random((1, 6, 6, 3)).astype(np.float32)
    ends = [f"{node.name}:0" for node in graph_def.node if node.name.startswith("end_")]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.import_graph_def(graph_def, name="")
        results: list[Any] = session.run(sorted(ends), {"image:0": image})
        return results


def norms(graph_def: Any) -> list[str]:
    return [node.name for node in graph_def.node if node.op.startswith("FusedBatchNorm")]


def test_nodes_and_weights_are_those_of_the_converter(tf: Any, fold: Any, converter: Any) -> None:
    graph_def = build(tf)
    before = graph_def.SerializeToString(deterministic=True)

    folded = fold(graph_def, keep=())

    assert graph_def.SerializeToString(deterministic=True) == before
    assert norms(folded) == []
    assert folded == converter(graph_def)


@pytest.mark.parametrize(
    ("branch", "left"), [("filter", []), ("value", ["norm"]), ("statistics", ["norm"])]
)
def test_what_others_read_stays(tf: Any, fold: Any, branch: str, left: list[str]) -> None:
    graph_def = build(tf, **{branch: True})

    folded = fold(graph_def, keep=())

    assert norms(folded) == left
    for ours, expected in zip(run(tf, folded), run(tf, graph_def), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)


def test_a_value_that_the_graph_returns_stays(tf: Any, fold: Any) -> None:
    assert norms(fold(build(tf), keep={"first"})) == ["norm"]


def test_a_mean_of_another_shape_is_left_alone(tf: Any, fold: Any, converter: Any) -> None:
    graph_def = build(tf)
    mean = next(node for node in graph_def.node if node.name == "norm/mean")
    mean.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(kernel(1, 4)))

    folded = fold(graph_def, keep=())

    assert norms(folded) == ["norm"]
    assert folded == converter(graph_def)
