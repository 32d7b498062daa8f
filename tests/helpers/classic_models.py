"""Models of the domain ai.onnx.ml, converted in a child process, and trees drawn by chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from run_cases import write_inputs
from tensorflow_child import run_in_tensorflow

from pipeline.tfjs.model.model_json import format_model_json, load_model_json
from pipeline.tfjs.rewrite.rewrite import rewrite_graph

Array = Any
DOMAIN = "ai.onnx.ml"
_TYPES = {
    "float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "int64": TensorProto.INT64,
    "int32": TensorProto.INT32, "str": TensorProto.STRING,
}  # fmt: skip


@dataclass(frozen=True)
class Converted:
    """What conversion makes of a model: its outputs in TensorFlow, and what it tells."""

    outputs: list[Array]
    labels: dict[str, tuple[str, list[str]]]
    repairs: list[str]


def make_model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, tuple[str, Sequence[Any]]],
    outputs: Mapping[str, str | None],
    *,
    version: int = 3,
) -> onnx.ModelProto:
    """Return a model.

    Args:
        nodes: Its operators.
        inputs: dtype and shape of each input.
        outputs: dtype of each output; None for a sequence of maps.
        version: The version of the domain.
    """
    maps = helper.make_sequence_type_proto(
        helper.make_map_type_proto(
            TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, None)
        )
    )
    ends = [
        helper.make_value_info(name, maps)
        if dtype is None
        else helper.make_tensor_value_info(name, _TYPES[dtype], None)
        for name, dtype in outputs.items()
    ]
    starts = [
        helper.make_tensor_value_info(name, _TYPES[dtype], shape)
        for name, (dtype, shape) in inputs.items()
    ]
    graph = helper.make_graph(list(nodes), "graph", starts, ends)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, version)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def node(op: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> Any:
    """Return an operator of the domain."""
    return helper.make_node(op, inputs, outputs, domain=DOMAIN, **attributes)


def convert(
    model: onnx.ModelProto, inputs: Mapping[str, Array], folder: Path | None = None
) -> Converted:
    """Convert a model in a child process, into a folder if one is given, and run it there."""
    return run_in_tensorflow(_convert, model, inputs, folder)


def _convert(model: onnx.ModelProto, inputs: Mapping[str, Array], folder: Path | None) -> Converted:
    import tensorflow as tf

    from pipeline.records.flags import ConversionFlags
    from pipeline.tf.layout.value import held_dtype
    from pipeline.tf.onnx.build_graph import GraphBuilder
    from pipeline.tf.onnx.convert_onnx import find_class_names, write_onnx
    from pipeline.tf.onnx.fixed_inputs import Fixed
    from pipeline.tf.onnx.onnx_model import make_model as read
    from pipeline.tf.onnx.operators import check_operators
    from pipeline.tf.onnx.trace import trace_graph

    found = read(model, "model.onnx")
    check_operators(found)
    builder = GraphBuilder(model=found)
    function = trace_graph(builder)
    held = {
        end.name: np.asarray(inputs[end.name]).astype(held_dtype(end.dtype or "").as_numpy_dtype)
        for end in found.graph.inputs
    }
    outputs = [made.numpy() for made in function(*map(tf.constant, held.values()))]
    if folder is not None:
        write_onnx(found, Fixed(), source=Path("m.onnx"), folder=folder, flags=ConversionFlags())
        converted = load_model_json(folder / "model.json")
        content, _ = rewrite_graph(converted.content)
        (folder / "model.json").write_bytes(format_model_json(replace(converted, content=content)))
        write_inputs(folder, held)
    labels = find_class_names(builder)
    return Converted(
        outputs=outputs,
        labels={name: (each.of, each.names) for name, each in labels.items()},
        repairs=list(builder.state.notes),
    )


def draw_tree(
    generator: np.random.Generator,
    depth: int,
    modes: Sequence[str],
    *,
    features: int,
    values: Sequence[float],
) -> list[dict[str, Any]]:
    """Return the nodes of a tree, the first one first; some ways end early."""
    nodes: list[dict[str, Any]] = []

    def grow(left: int) -> int:
        number = len(nodes)
        own: dict[str, Any] = {
            "mode": "LEAF", "feature": 0, "value": 0.0, "true": 0, "false": 0, "misses": 0,
        }  # fmt: skip
        nodes.append(own)
        if left and (number == 0 or generator.random() > 0.15):
            own |= {
                "mode": str(generator.choice(modes)),
                "feature": int(generator.integers(features)),
                "value": float(np.float32(generator.choice(values))),
                "misses": int(generator.random() < 0.4),
            }
            own["true"], own["false"] = grow(left - 1), grow(left - 1)
        return number

    grow(depth)
    return nodes


def tree_attributes(
    trees: Sequence[Sequence[Mapping[str, Any]]],
    weights: Mapping[tuple[int, int], Sequence[tuple[int, float]]],
    kind: str,
    *,
    misses: bool = False,
) -> dict[str, Any]:
    """Return the attributes of trees.

    Args:
        trees: The nodes of each tree.
        weights: Targets and weights of leaves by the numbers of the tree and of the leaf.
        kind: How the attributes of weights begin: "class" or "target".
        misses: Whether missing numbers may go the way of true.
    """
    every = [(t, i, each) for t, nodes in enumerate(trees) for i, each in enumerate(nodes)]
    pairs = [(t, i, *pair) for (t, i), found in weights.items() for pair in found]
    made: dict[str, Any] = {
        "nodes_treeids": [t for t, _, _ in every],
        "nodes_nodeids": [i for _, i, _ in every],
        "nodes_modes": [each["mode"] for _, _, each in every],
        "nodes_featureids": [each["feature"] for _, _, each in every],
        "nodes_values": [each["value"] for _, _, each in every],
        "nodes_truenodeids": [each["true"] for _, _, each in every],
        "nodes_falsenodeids": [each["false"] for _, _, each in every],
        f"{kind}_treeids": [pair[0] for pair in pairs],
        f"{kind}_nodeids": [pair[1] for pair in pairs],
        f"{kind}_ids": [pair[2] for pair in pairs],
        f"{kind}_weights": [pair[3] for pair in pairs],
    }
    if misses:
        made["nodes_missing_value_tracks_true"] = [each["misses"] for _, _, each in every]
    return made


def draw_weights(
    generator: np.random.Generator,
    trees: Sequence[Sequence[Mapping[str, Any]]],
    targets: Sequence[int],
    *,
    positive: bool = False,
) -> dict[tuple[int, int], list[tuple[int, float]]]:
    """Return a weight of each target for each leaf."""
    made = {}
    for tree, nodes in enumerate(trees):
        for number, each in enumerate(nodes):
            if each["mode"] == "LEAF":
                numbers = generator.normal(size=len(targets)) * 0.2
                numbers = np.abs(numbers) if positive else numbers
                made[tree, number] = [
                    (t, float(np.float32(n))) for t, n in zip(targets, numbers, strict=True)
                ]
    return made
