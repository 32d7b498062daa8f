"""Dtypes that TensorFlow.js does not read, in graphs and their constants."""

import importlib
from typing import Any

import pytest

from pipeline.errors import ConversionError

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def tf() -> Any:
    return importlib.import_module("tensorflow")


def narrow(graph_def: Any) -> Any:
    importlib.import_module("pipeline.tf.narrow_types").narrow_types(graph_def)
    return {node.name: node for node in graph_def.node}


def test_constants_and_ops_become_wider_and_inputs_keep_their_dtype(tf: Any) -> None:
    with tf.Graph().as_default() as graph:
        short = tf.compat.v1.placeholder(tf.int16, [2], name="short")
        tf.identity(short + tf.constant(3, tf.int16, name="three"), name="sum")
        tf.constant([1.5], tf.bfloat16, name="brain")
        tf.constant([-7], tf.int8, name="byte")

    nodes = narrow(graph.as_graph_def())

    assert nodes["short"].attr["dtype"].type == tf.int16.as_datatype_enum
    assert nodes["sum"].attr["T"].type == tf.int32.as_datatype_enum
    values = {
        name: tf.make_ndarray(nodes[name].attr["value"].tensor)
        for name in ("three", "brain", "byte")
    }
    assert {name: each.dtype.name for name, each in values.items()} == {
        "three": "int32",
        "brain": "float32",
        "byte": "int32",
    }
    assert [each.reshape(-1)[0] for each in values.values()] == [3, 1.5, -7]


def test_numbers_without_a_sign_are_refused_by_name(tf: Any) -> None:
    with tf.Graph().as_default() as graph:
        tf.bitcast(tf.constant(1), tf.uint32, name="bits")

    with pytest.raises(ConversionError, match=r"has no uint32: Bitcast \(bits\)"):
        narrow(graph.as_graph_def())


@pytest.mark.parametrize(
    ("dtype", "found"), [("float16", "float16"), ("bfloat16", "bfloat16"), ("float32", None)]
)
def test_the_dtype_of_few_bits_that_a_graph_computes_in(
    tf: Any, dtype: str, found: str | None
) -> None:
    module = importlib.import_module("pipeline.tf.narrow_types")
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(dtype, [2])
        tf.identity(x * x)

    assert module.find_rounding(graph.as_graph_def()) == found
