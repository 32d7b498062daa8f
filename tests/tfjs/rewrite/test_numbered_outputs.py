"""Outputs in library functions, numbered by place; test_flows runs some."""

import importlib

import pytest
from tfjs_runtime import function

from pipeline.tfjs.op_support import mapped_ops
from pipeline.tfjs.rewrite.numbered_outputs import OUTPUTS, name_outputs, number_outputs
from pipeline.tfjs.text_ops import TEXT_OPS

TOP = {"name": "top", "op": "TopKV2", "input": ["x", "k"], "attr": {}}


def test_the_second_output_gets_the_number_1_and_back() -> None:
    reader = {"name": "y", "op": "Identity", "input": ["top:indices:0", "^top"], "attr": {}}
    body = function(
        "body",
        takes={"x": "float32", "k": "int32"},
        gives={"values": "float32", "indices": "int32", "y": "int32"},
        returns={"values": "top:values:0", "indices": "top:indices:0", "y": "y:output:0"},
        nodes=[TOP, reader],
    )
    graph = {"node": [], "library": {"function": [body]}}

    changed, count = number_outputs(graph)

    (made,) = changed["library"]["function"]
    assert count == 2
    assert made["nodeDef"][1]["input"] == ["top:indices:1", "^top"]
    assert made["ret"] == {"values": "top:values:0", "indices": "top:indices:1", "y": "y:output:0"}
    assert number_outputs(changed) == (changed, 0)
    assert name_outputs(changed) == graph


@pytest.mark.tensorflow
def test_all_ops_of_several_outputs_are_listed() -> None:
    op_def_registry = importlib.import_module("tensorflow.python.framework.op_def_registry")
    found = {}
    for op in TEXT_OPS.union(mapped_ops() or ()):
        definition = op_def_registry.get(op)
        if definition and len(definition.output_arg) > 1:
            found[op] = tuple(arg.name for arg in definition.output_arg)
    assert found == OUTPUTS
