"""Small ONNX models, run by the importer's graph and by ONNX Runtime."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from tensorflow_child import run_in_tensorflow

Array = Any


def make_node_model(  # noqa: PLR0913  # the parts of a model
    op: str,
    inputs: Mapping[str, Array],
    *,
    shapes: Mapping[str, Sequence[Any]] | None = None,
    constants: Sequence[str] = (),
    num_outputs: int = 1,
    opset: int = 21,
    domain: str = "",
    **attributes: Any,
) -> onnx.ModelProto:
    """Return a model of one operator.

    Args:
        op: The operator.
        inputs: Its inputs by name, in order; None for one that is left out.
        shapes: Shapes of inputs in the place of the arrays' own, with names of open sizes.
        constants: Inputs that are constants of the model.
        num_outputs: Number of its outputs.
        opset: Version of the standard.
        domain: Domain of the operator.
        **attributes: Its attributes.
    """
    names = [name if array is not None else "" for name, array in inputs.items()]
    outputs = [f"output_{number}" for number in range(num_outputs)]
    node = helper.make_node(op, names, outputs, domain=domain, **attributes)
    return make_graph_model(
        [node], inputs, outputs, shapes=shapes, constants=constants, opset=opset, domain=domain
    )


def make_graph_model(  # noqa: PLR0913  # the parts of a model
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Array],
    outputs: Sequence[str],
    *,
    shapes: Mapping[str, Sequence[Any]] | None = None,
    constants: Sequence[str] = (),
    opset: int = 21,
    domain: str = "",
) -> onnx.ModelProto:
    """Return a model of several operators; arguments as `make_node_model` has them."""
    given = {name: np.asarray(array) for name, array in inputs.items() if array is not None}
    ends = [
        helper.make_tensor_value_info(
            name,
            onnx.TensorProto.STRING
            if array.dtype.kind in "OUS"
            else helper.np_dtype_to_tensor_dtype(array.dtype),
            (shapes or {}).get(name, array.shape),
        )
        for name, array in given.items()
        if name not in constants
    ]
    graph = helper.make_graph(
        list(nodes),
        "graph",
        ends,
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(given[name], name) for name in constants],
    )
    opsets = [helper.make_opsetid("", opset)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def run_in_runtime(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> list[Array]:
    """Return the outputs of a model in ONNX Runtime, without optimizations, in one thread."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    # As the reference: DynamicQuantizeLSTM rounds the sequences of each thread by themselves.
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = {each.name for each in session.get_inputs()}
    return list(session.run(None, {name: a for name, a in inputs.items() if name in names}))


def run_in_graph(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> list[Array]:
    """Return the outputs of a model in the graph that the importer makes of it."""
    import tensorflow as tf

    from pipeline.tf.layout.value import held_dtype
    from pipeline.tf.onnx.build_graph import GraphBuilder
    from pipeline.tf.onnx.onnx_model import make_model
    from pipeline.tf.onnx.trace import trace_graph

    read = make_model(model, "model")
    function = trace_graph(GraphBuilder(model=read))
    fed = [
        tf.constant(np.asarray(inputs[end.name]).astype(held_dtype(end.dtype or "").as_numpy_dtype))
        for end in read.graph.inputs
    ]
    return [made.numpy() for made in function(*fed)]


def run_in_child(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> list[Array]:
    """Return what `run_in_graph` returns, from a child process that imports TensorFlow."""
    return run_in_tensorflow(run_in_graph, model, inputs)


def summarize_in_child(path: Path) -> dict[str, Any]:
    """Return the summary of a file, from a child process that imports TensorFlow."""
    return run_in_tensorflow(_summarize, path)


def _summarize(path: Path) -> dict[str, Any]:
    from pipeline.tf.onnx.summary import summarize_onnx

    return summarize_onnx(source=path)


def list_ops_in_child(model: onnx.ModelProto) -> list[str]:
    """Return the ops of the graph that the importer makes of a model, but for constants."""
    return run_in_tensorflow(_list_ops, model)


def _list_ops(model: onnx.ModelProto) -> list[str]:
    from pipeline.tf.onnx.build_graph import GraphBuilder
    from pipeline.tf.onnx.onnx_model import make_model
    from pipeline.tf.onnx.trace import trace_graph

    function = trace_graph(GraphBuilder(model=make_model(model, "model")))
    silent = ("Const", "Identity", "NoOp", "Placeholder")
    return [node.op for node in function.graph.as_graph_def().node if node.op not in silent]
