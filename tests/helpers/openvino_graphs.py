"""Small OpenVINO models, run by the importer's graph and by OpenVINO on the CPU."""

import dataclasses
import itertools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from openvino import opset1
from openvino.utils.node_factory import NodeFactory
from tensorflow_child import run_in_tensorflow

from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import format_model_json, load_model_json
from pipeline.tfjs.rewrite.rewrite import rewrite_graph

Array = Any
Build = Callable[..., Any]
"""Takes a node for each input, returns an operation or a list of them."""

_numbers = itertools.count()


class Known:
    """An input that is a constant of the model."""

    def __init__(self, array: Any, dtype: Any = None) -> None:
        """Hold an array."""
        self.array = np.asarray(array, dtype)


def make_model(
    build: Build,
    inputs: Sequence[Any],
    *,
    shapes: Mapping[int, Sequence[int]] | None = None,
) -> tuple[openvino.Model, dict[str, Array]]:
    """Return a model, and what it is run on.

    Args:
        build: Makes its operations.
        inputs: Arrays for its inputs; `Known` for constants.
        shapes: Shapes of inputs in the place of the arrays' own, -1 for open sizes.
    """
    nodes, parameters, fed = [], [], {}
    for number, given in enumerate(inputs):
        if isinstance(given, Known):
            nodes.append(opset1.constant(given.array))
            continue
        array = np.asarray(given)
        node = opset1.parameter((shapes or {}).get(number, array.shape), array.dtype)
        node.set_friendly_name(f"input_{number}")
        node.output(0).set_names({f"input_{number}"})
        nodes.append(node)
        parameters.append(node)
        fed[f"input_{number}"] = array
    made = build(*nodes)
    listed = list(made) if isinstance(made, list | tuple) else [made]
    outputs = [
        output
        for each in listed
        for output in (each.outputs() if hasattr(each, "outputs") else [each])
    ]
    return openvino.Model([opset1.result(o) for o in outputs], parameters, "model"), fed


def create(op: str, nodes: Sequence[Any], *, opset: int, **attributes: Any) -> Any:
    """Return an operation that the package has no function for."""
    return NodeFactory(f"opset{opset}").create(op, [each.output(0) for each in nodes], attributes)


def run_both(model: openvino.Model, inputs: Mapping[str, Array]) -> list[tuple[Array, Array]]:
    """Return each output of the importer's graph, and of OpenVINO, from a child process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        openvino.save_model(model, path, compress_to_fp16=False)
        return run_in_child(run_file, path, inputs)  # type: ignore[no-any-return]  # as it is


def run_in_child(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function returns in a child process, which may import TensorFlow."""
    return run_in_tensorflow(function, *arguments)


def run_file(path: Path, inputs: Mapping[str, Array]) -> list[tuple[Array, Array]]:
    """Return each output of the importer's graph of an IR, and of OpenVINO."""
    import tensorflow as tf

    from pipeline.tf.layout.value import held_dtype
    from pipeline.tf.onnx.build_graph import GraphBuilder
    from pipeline.tf.onnx.operators import check_operators
    from pipeline.tf.onnx.trace import trace_graph
    from pipeline.tf.openvino.openvino_model import read_openvino
    from pipeline.tf.openvino.openvino_reference import compile_model

    read = read_openvino(path)
    check_operators(read)
    function = trace_graph(GraphBuilder(model=read))
    fed = [
        tf.constant(np.asarray(inputs[end.name]).astype(held_dtype(end.dtype or "").as_numpy_dtype))
        for end in read.graph.inputs
    ]
    expected = compile_model(read.model)(inputs)
    names = [end.name for end in read.graph.outputs]
    made = function(*fed)
    return [(each.numpy(), expected[name]) for each, name in zip(made, names, strict=True)]


def convert_file(path: Path, folder: Path) -> Conversion:
    """Write an IR for TensorFlow.js into a folder, with the repairs of every graph."""
    from pipeline.tf.openvino.convert_openvino import convert_openvino

    record = convert_openvino(source=path, folder=folder, flags=ConversionFlags())
    converted = load_model_json(folder / "model.json")
    content, _ = rewrite_graph(converted.content)
    (folder / "model.json").write_bytes(
        format_model_json(dataclasses.replace(converted, content=content))
    )
    return record
