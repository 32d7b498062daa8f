"""The quick import of a graph, beside that of tf.import_graph_def."""

import importlib
from typing import Any
from unittest import mock

import pytest

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def tf() -> Any:
    return importlib.import_module("tensorflow")


@pytest.fixture(scope="module")
def module() -> Any:
    return importlib.import_module("pipeline.tf.import_graph")


def build(tf: Any, *, device: str = "") -> Any:
    """Return a graph out of order, with an attribute left out."""
    with tf.Graph().as_default() as graph, tf.device(device):
        image = tf.compat.v1.placeholder(tf.float32, [None, 4, 4, 3], name="image")
        tf.nn.conv2d(image, tf.ones([2, 2, 3, 5]), 1, "VALID", name="conv")
    graph_def = graph.as_graph_def()
    made = type(graph_def)(versions=graph_def.versions, node=reversed(graph_def.node))
    del made.node[0].attr["explicit_paddings"]
    return made


@pytest.mark.parametrize("device", ["", "/cpu:0"])
def test_the_same_graph_as_that_of_tensorflow(tf: Any, module: Any, device: str) -> None:
    graph_def = build(tf, device=device)
    with tf.Graph().as_default() as expected:
        tf.import_graph_def(graph_def, name="")

    made = module.import_graph(graph_def)

    assert made.as_graph_def() == expected.as_graph_def()
    assert module.complete(graph_def) == expected.as_graph_def()
    assert made.get_tensor_by_name("conv:0").shape.as_list() == [None, 3, 3, 5]
    assert [op.name for op in made.get_operations()] == [
        op.name for op in expected.get_operations()
    ]


def test_a_damaged_graph_raises_as_tensorflow_does(tf: Any, module: Any) -> None:
    graph_def = build(tf)
    graph_def.node[0].input[0] = "nowhere"

    with pytest.raises(ValueError, match="nowhere"):
        module.import_graph(graph_def)


def test_the_lowering_imports_a_graph_that_is_given_not_once_more(tf: Any, module: Any) -> None:
    lowering = importlib.import_module("pipeline.tf.lower.lowering")
    body = importlib.import_module("pipeline.tf.lower.lowering_body")
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [None, 4, 4, 3], name="x")
        tf.reduce_mean(x, [1, 2], name="mean")
        tf.math.erfc(x, name="erfc")

    with mock.patch.object(body, "import_graph", wraps=module.import_graph) as imports:
        lowered, sentences = lowering.lower_graph(
            graph.as_graph_def(), keep=["mean", "erfc"], graph=graph
        )
        again, _ = lowering.lower_graph(graph.as_graph_def(), keep=["mean", "erfc"])

    assert any(sentence.startswith("Erfc became") for sentence in sentences)
    assert imports.call_count == 1
    assert lowered == again
