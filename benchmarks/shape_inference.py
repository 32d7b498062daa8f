"""Our inference of shapes beside TensorFlow's own, on TensorFlow.js graph models.

    python benchmarks/shape_inference.py FILE_OR_FOLDER...

A folder stands for every .json below it that is a graph model. TensorFlow gets each graph twice:
as it is in model.json, and with the repairs that the ops of TensorFlow.js need. Both sides get
the values of small integer weights, and a batch of 1.

Measured 2026-11-29 with TensorFlow 2.19 on 68 graph models: those of four npm packages and those
that a build of models.yaml makes. They have 13,760 nodes that
make a tensor:

| inference | graphs read | shapes known | differ from ours | multiply-adds as ours |
|---|---|---|---|---|
| ours | 68 | 11,926 | | |
| TensorFlow, graphs as they are | 20 | 2,883 | 0 | 18 |
| TensorFlow, graphs repaired | 68 | 12,101 | 0 | 66 |

pipeline/tfjs/shapes/infer_shapes.py says why ours stays.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf
from google.protobuf import json_format
from graph_models_survey import find_models
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.python.framework import op_def_registry

from pipeline.errors import FormatError
from pipeline.inspection.multiply_adds import count_multiply_adds
from pipeline.inspection.stored import read_values
from pipeline.tfjs.model.model_json import ModelJson, parse_model_json
from pipeline.tfjs.model.normalize import normalize_content
from pipeline.tfjs.model.signature_def import parse_signature_def
from pipeline.tfjs.model.topology import parse_topology, split_tensor_name
from pipeline.tfjs.shapes.facts import UNKNOWN, Fact
from pipeline.tfjs.shapes.infer_shapes import Body, Graph, Inference, Visit

NO_SHAPE = ("Assert", "Const", "NoOp")
RENAMED = {"FusedDepthwiseConv2dNative": "_FusedDepthwiseConv2dNative", "Prelu": "Identity"}


@dataclass(frozen=True, kw_only=True)
class Model:
    """A graph model: its content, the facts of its constants and of its inputs."""

    model_json: ModelJson
    constants: Mapping[str, Fact]
    inputs: Mapping[str, Fact]


def load(path: Path) -> Model:
    """Return a graph model, as `doit inspect` reads it."""
    found = parse_model_json(path.read_bytes(), name=path.name)
    model_json = replace(found, content=normalize_content(found))
    infos = parse_signature_def(model_json.content).inputs
    shapes = {info.node: info.shape for info in infos if not info.is_resource}
    return Model(
        model_json=model_json,
        constants=read_values(model_json, path.parent).facts,
        inputs={
            node: Fact(shape=(1, *shape[1:]) if shape and shape[0] is None else shape)
            for node, shape in shapes.items()
        },
    )


def walk(model: Model) -> Sequence[Visit]:
    """Return the nodes of a graph with what our inference finds."""
    content = model.model_json.content
    topology = parse_topology(content["modelTopology"])
    graph = Graph(
        body=Body(nodes=topology.nodes),
        functions={name: Body(nodes=nodes) for name, nodes in topology.functions.items()},
        constants={"": model.constants},
    )
    inference = Inference(graph=graph)
    inference.run(model.inputs, [info.tensor for info in parse_signature_def(content).outputs])
    return [visit for visit in inference.visits if not visit.body]


def infer(model: Model, *, repaired: bool) -> Mapping[str, Sequence[Fact]]:
    """Return what TensorFlow infers, by node.

    Raises:
        Exception: TensorFlow refuses the graph.
    """
    graph_def = GraphDef()
    topology = model.model_json.content["modelTopology"]
    json_format.ParseDict(topology, graph_def, ignore_unknown_fields=repaired)
    if repaired:
        # Files that state no version are taken for the oldest, whose shapes were looser.
        graph_def.versions.producer = tf.version.GRAPH_DEF_VERSION
    for node in graph_def.node:
        if node.name in model.inputs:
            _state_shape(node, model.inputs[node.name])
        elif node.op == "Const":
            _put_value(node, model.constants.get(node.name, UNKNOWN))
        if repaired:
            _repair(node)
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
    return {
        op.name: [
            Fact(shape=None if made.shape.rank is None else tuple(made.shape.as_list()))
            for made in op.outputs
        ]
        for op in graph.get_operations()
    }


def _state_shape(node: NodeDef, fact: Fact) -> None:
    dtype = node.attr["dtype"].type
    node.ClearField("attr")
    del node.input[:]
    node.op = "Placeholder"
    node.attr["dtype"].type = dtype
    node.attr["shape"].shape.CopyFrom(tf.TensorShape(fact.shape).as_proto())


def _put_value(node: NodeDef, fact: Fact) -> None:
    """Give a constant its values, or, without values, leave a placeholder of its shape."""
    dtype = tf.as_dtype(node.attr["dtype"].type)
    if fact.values is not None:
        value = tf.make_tensor_proto(list(fact.values), dtype, fact.shape)
        node.attr["value"].tensor.CopyFrom(value)
    elif fact.shape is not None:
        _state_shape(node, fact)


def _repair(node: NodeDef) -> None:
    """Make an op of TensorFlow.js one that TensorFlow knows, of the same shape."""
    if node.op == "Prelu":
        del node.input[1:]
        node.attr["T"].type = tf.float32.as_datatype_enum
    node.op = RENAMED.get(node.op, node.op)
    op_def = op_def_registry.get(node.op)
    known = {attr.name for attr in op_def.attr} if op_def else set()
    for name in [name for name in node.attr if op_def and name not in known]:
        del node.attr[name]
    if "TArgs" in known and "TArgs" not in node.attr:
        types = [node.attr["T"].type] * node.attr["num_args"].i
        node.attr["TArgs"].list.type.extend(types)


def compare(model: Model, *, repaired: bool) -> Counter[str]:
    """Return the counts of a model: shapes that either side knows, by op where they differ."""
    ours = walk(model)
    shown = [visit for visit in ours if visit.node.op not in NO_SHAPE]
    counts = Counter(models=1, nodes=len(shown))
    counts["ours"] = sum(visit.outputs[0].size is not None for visit in shown)
    try:
        theirs = infer(model, repaired=repaired)
    except Exception as error:  # noqa: BLE001  # TensorFlow raises any
        print(f"    refused: {str(error)[:100]!r}")
        return counts + Counter(refused=1)

    def read(tensor: str) -> Fact:
        node, index = split_tensor_name(tensor)
        facts = theirs.get(node, ())
        return facts[index] if index < len(facts) else UNKNOWN

    by_tensorflow = [
        replace(
            visit,
            inputs=[read(tensor) for tensor in visit.node.data_inputs],
            outputs=[read(visit.node.name)],
        )
        for visit in ours
    ]
    work = [count_multiply_adds(visits).total for visits in (ours, by_tensorflow)]
    counts["same multiply-adds"] = int(work[0] == work[1])
    for visit in shown:
        one, other = visit.outputs[0].shape, read(visit.node.name).shape
        sizes = [Fact(shape=shape).size is not None for shape in (one, other)]
        counts["tensorflow"] += sizes[1]
        if sizes[0] and sizes[1] and one != other:
            counts[f"differ: {visit.node.op}"] += 1
        if sizes[0] != sizes[1]:
            counts[f"only {'ours' if sizes[0] else 'tensorflow'}: {visit.node.op}"] += 1
    return counts


def main(paths: Iterable[Path]) -> None:
    """Print the totals of both comparisons."""
    totals = {False: Counter[str](), True: Counter[str]()}
    for path in find_models(paths):
        try:
            model = load(path)
        except FormatError:
            continue  # a layers model
        print(path)
        for repaired, total in totals.items():
            total.update(compare(model, repaired=repaired))
    for repaired, total in totals.items():
        print(f"\nTensorFlow, graphs {'repaired' if repaired else 'as they are'}")
        for title, number in sorted(total.items()):
            print(f"{title:<30}{number:>8,}")


if __name__ == "__main__":
    main(Path(argument) for argument in sys.argv[1:])
