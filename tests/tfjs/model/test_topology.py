"""Topologies: graphs in protobuf JSON, and what they tell without being run."""

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from graph_models import constant, dense_nodes, dense_weights, node, placeholder, topology

from pipeline.errors import FormatError
from pipeline.tfjs.model.graph_ops import ASYNC_OPS, OUTPUT_DTYPES, SAME_SHAPE_OPS
from pipeline.tfjs.model.inference import (
    format_shape,
    infer_dtype,
    infer_shape,
    merge_shapes,
    parse_shape,
)
from pipeline.tfjs.model.topology import Topology, parse_topology, split_tensor_name, tensor_name
from pipeline.tfjs.model.weight_manifest import WeightSpec

WEIGHTS = {
    "kernel": WeightSpec(name="kernel", shape=(8, 4), dtype="float32"),
    "bias": WeightSpec(name="bias", shape=(4,), dtype="float32"),
}


def graph(*nodes: dict[str, Any]) -> Topology:
    return parse_topology({"node": list(nodes)})


def dense() -> Topology:
    return parse_topology(topology(dense_nodes(), dense_weights()))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        pytest.param("a/b", ("a/b", 0), id="node"),
        pytest.param("a/b:0", ("a/b", 0), id="tensor"),
        pytest.param("split:2", ("split", 2), id="second output"),
        pytest.param("^a", ("a", 0), id="order only"),
        pytest.param("Split:values:3", ("Split", 3), id="named output in a function"),
    ],
)
def test_tensor_names_split_into_node_and_index(name: str, parts: tuple[str, int]) -> None:
    assert split_tensor_name(name) == parts
    assert tensor_name(name) == f"{parts[0]}:{parts[1]}"


def test_ends_of_a_bare_graph() -> None:
    stray = constant("stray", np.zeros(1, np.float32))
    end = node("assert", "Assert", ["BiasAdd"])
    unread = placeholder("rate", ())
    bare = parse_topology(topology([*dense_nodes(), unread, end, stray], dense_weights()))

    assert bare.placeholders() == ["x", "rate"]
    assert bare.results() == ["Identity", "Identity_1"]


def test_what_only_orders_execution_reads_a_node_too() -> None:
    assert graph(
        placeholder("x", ()), node("y", "Neg", ["x"]), node("z", "Neg", ["^y"])
    ).results() == ["z"]


def test_ops_are_counted_without_constants() -> None:
    assert dense().count_ops() == {
        "BiasAdd": 1,
        "Identity": 2,
        "MatMul": 1,
        "Placeholder": 1,
        "Sigmoid": 1,
    }


def test_ops_of_functions_are_counted_where_a_node_calls_them() -> None:
    call = {"name": "w", "op": "StatelessWhile", "attr": {"body": {"func": {"name": "body"}}}}
    functions = [
        {"signature": {"name": name}, "nodeDef": [{"name": "a", "op": op}]}
        for name, op in (("body", "Add"), ("left behind", "Sub"))
    ]
    wire = {"node": [call], "library": {"function": functions}}

    assert parse_topology(wire).count_ops() == {"Add": 1, "StatelessWhile": 1}


@pytest.mark.parametrize("op", sorted(ASYNC_OPS))
def test_an_op_that_is_needed_makes_a_graph_asynchronous(op: str) -> None:
    nodes = graph(placeholder("x", ()), node("op", op, ["x"]), node("y", "Neg", ["op"]))

    assert nodes.requires_async(["y"], known=["x"])


def test_an_asynchronous_op_beside_the_outputs_does_not_matter() -> None:
    nodes = graph(placeholder("x", ()), node("where", "Where", ["x"]), node("y", "Neg", ["x"]))

    assert not nodes.requires_async(["y"], known=["x"])
    assert nodes.requires_async([], known=["x"])


def test_an_asynchronous_op_before_a_given_value_does_not_matter() -> None:
    nodes = graph(placeholder("x", ()), node("where", "Where", ["x"]), node("y", "Neg", ["where"]))
    inner = graph(
        placeholder("x", ()),
        node("where", "Where", ["x"]),
        node("mid", "Neg", ["where"]),
        node("y", "Neg", ["mid"]),
    )

    assert nodes.requires_async(["y"], known=["where"])
    assert not inner.requires_async(["y"], known=["mid"])


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        pytest.param({"model_config": {}}, "no list of nodes", id="layers model"),
        pytest.param(
            {"node": [{"op": "Neg"}]}, r"node\[0\].name: missing; expected a text", id="nameless"
        ),
        pytest.param({"node": ["x"]}, r"node\[0\]: .*; expected an object", id="no object"),
        pytest.param(
            {"node": [{"name": "a", "op": "Neg"}] * 2}, "two nodes are called 'a'", id="twice"
        ),
        pytest.param(
            {"node": [{"name": "a", "op": "Neg", "input": ["b:1"]}]},
            r"'a' \(Neg\) reads 'b:1', which is no node",
            id="dangling",
        ),
    ],
)
def test_a_broken_graph_is_named(wire: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        parse_topology(wire)


@pytest.mark.parametrize(
    ("wire", "shape"),
    [
        pytest.param({}, (), id="scalar"),
        pytest.param(None, None, id="not stated"),
        pytest.param({"unknownRank": True}, None, id="unknown rank"),
        pytest.param({"dim": [{"size": "-1"}, {"size": 3}]}, (None, 3), id="unknown batch"),
        pytest.param({"dim": [{"size": "2"}, {}]}, (2, 0), id="empty axis"),
    ],
)
def test_shapes_in_protobuf_json(wire: Any, shape: tuple[int | None, ...] | None) -> None:
    assert parse_shape(wire) == shape
    assert parse_shape(format_shape(shape)) == shape


def test_two_statements_on_a_shape_are_merged() -> None:
    assert merge_shapes((None, 3), (2, None)) == (2, 3)
    assert merge_shapes(None, (2,)) == merge_shapes((2,), None) == (2,)
    with pytest.raises(ValueError, match=r"\(1, 2\) is not \(1, 3\)"):
        merge_shapes((1, 2), (1, 3))
    with pytest.raises(ValueError, match="2 axes"):
        merge_shapes((1, 2), (1,))


@pytest.mark.parametrize(
    ("tensor", "dtype", "shape"),
    [
        pytest.param("x", "float32", (None, 8), id="placeholder"),
        pytest.param("kernel:0", "float32", (8, 4), id="constant"),
        pytest.param("MatMul", "float32", (None, 4), id="matrix product"),
        pytest.param("Identity_1:0", "float32", (None, 4), id="through a chain"),
        pytest.param("nowhere:0", None, None, id="no such node"),
    ],
)
def test_a_graph_tells_dtype_and_shape(
    tensor: str, dtype: str | None, shape: tuple[int | None, ...] | None
) -> None:
    assert infer_dtype(dense(), tensor) == dtype
    assert infer_shape(dense(), tensor, weights=WEIGHTS) == shape


def test_a_transposed_matrix_gives_its_rows() -> None:
    x = placeholder("x", (-1, 4))
    product = graph(
        x,
        constant("kernel", np.zeros((8, 4))),
        node("y", "MatMul", ["x", "kernel"], transpose_b=True),
    )

    assert infer_shape(product, "y", weights=WEIGHTS) == (None, 8)


def test_shapes_that_the_exporter_wrote_down_are_taken() -> None:
    listed = {"list": {"shape": [{}, {"dim": [{"size": "5"}]}]}}
    split = {"name": "s", "op": "Split", "attr": {"_output_shapes": listed, "T": {"type": 3}}}

    assert infer_shape(graph(split), "s:1", weights={}) == (5,)
    assert infer_dtype(graph(split), "s:1") == "int32"


@pytest.mark.parametrize(
    ("op", "attrs", "dtypes"),
    [
        pytest.param("Greater", {"T": {"type": 1}}, ["bool"], id="fixed"),
        pytest.param("Cast", {"SrcT": {"type": 1}, "DstT": {"type": 9}}, ["int64"], id="cast"),
        pytest.param("Cast", {"SrcT": {"type": 1}}, [None], id="unsaid"),
        pytest.param("ArgMax", {"T": {"type": 1}}, ["int64"], id="default"),
        pytest.param("ArgMax", {"output_type": {"type": "DT_INT32"}}, ["int32"], id="stated"),
        pytest.param("TopKV2", {"T": {"type": 1}}, ["float32", "int32", None], id="several"),
        pytest.param(
            "StatelessIf",
            {"Tout": {"list": {"type": [1, "DT_BOOL"]}}},
            ["float32", "bool"],
            id="list",
        ),
        pytest.param("Madeup", {}, [None], id="unknown op"),
    ],
)
def test_dtypes_of_outputs(op: str, attrs: dict[str, Any], dtypes: list[str | None]) -> None:
    x = placeholder("x", ())
    nodes = graph(x, {"name": "n", "op": op, "input": ["x"], "attr": attrs})

    assert [infer_dtype(nodes, f"n:{i}") for i in range(len(dtypes))] == dtypes


def test_a_loop_of_nodes_ends_the_search() -> None:
    loop = graph(
        {"name": "a", "op": "Identity", "input": ["b"]},
        {"name": "b", "op": "Identity", "input": ["a"]},
    )

    assert infer_shape(loop, "a", weights={}) is None
    assert infer_dtype(loop, "a") is None


@pytest.mark.tensorflow
def test_dtypes_of_outputs_are_those_of_tensorflow() -> None:
    script = """
import json, sys
from tensorflow.python.framework import dtypes, op_def_registry
rules = {}
for name in json.load(sys.stdin):
    op = op_def_registry.get(name)
    if op is None:
        continue
    defaults = {a.name: "=" + dtypes.as_dtype(a.default_value.type).name
                for a in op.attr if a.type == "type" and a.default_value.type}
    words = []
    for out in op.output_arg:
        attr = out.type_attr or out.type_list_attr
        words.append("@" + attr + defaults.get(attr, "") if attr
                     else dtypes.as_dtype(out.type).name)
    rules[name] = " ".join(words)
print(json.dumps(rules))
"""
    same_shape = {op: OUTPUT_DTYPES.get(op, "@T") for op in SAME_SHAPE_OPS}
    ours = OUTPUT_DTYPES | same_shape
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(sorted(ours)),
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(done.stdout)

    # A rule without a default says the same where the attribute is always written.
    different = {
        op: (ours[op], rule)
        for op, rule in theirs.items()
        if ours[op] not in (rule, " ".join(word.partition("=")[0] for word in rule.split()))
        and not (ours[op] == "@T" and set(rule.split()) == {"@T"})
    }
    assert different == {}
    assert len(theirs) > 100
