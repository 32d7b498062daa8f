"""Summary of a Keras model, for its inspection: its call as a graph, its layers, its weights."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef

from pipeline.tf.call_summary import summarize_call
from pipeline.tf.keras.convert_to_graph import find_application_contracts
from pipeline.tf.keras.keras_call import CALL_KEY, trace_model
from pipeline.tf.keras.keras_source import load_keras_model


def summarize_keras(*, source: Path) -> dict[str, Any]:
    """Return what a model computes when it is called, and what it is built of.

    Raises:
        FormatError: The file is no Keras model, is damaged, or holds weights only.
        UntrustedSourceError: The model would run code.
        ConversionError: Its layers are unknown, or Keras cannot build or call it.
    """
    loaded = load_keras_model(source, trust=False)
    concrete = trace_model(loaded).get_concrete_function()
    names = list(loaded.input_names)
    # TensorFlow flattens a dict in the order of its keys.
    results = dict(zip(sorted(concrete.structured_outputs), concrete.outputs, strict=True))
    order = [name for name in loaded.output_names if name in results]
    order += [name for name in results if name not in order]
    graph = _name_variables(concrete)
    return {
        "graphs": [
            summarize_call(
                graph,
                CALL_KEY,
                dict(zip(names, concrete.inputs[: len(names)], strict=True)),
                {name: results[name] for name in order},
            )
        ],
        "variables": [],
        "producer": f"Keras {loaded.file.version or 1}",
        "layers": dict(sorted(Counter(_list_layers(loaded.model)).items())),
        "contracts": {
            name: contract.to_json()
            for name, contract in (find_application_contracts(loaded) or {}).items()
        },
        "remarks": list(loaded.repairs),
    }


def _name_variables(concrete: Any) -> GraphDef:
    """Return the graph of a call, with a VarHandleOp for each variable that it takes."""
    variables = {id(variable.handle): variable for variable in concrete.graph.variables}
    named: dict[str, tuple[str, Any]] = {}
    for outer, inner in concrete.graph.captures:
        variable = variables.get(id(outer))
        if variable is not None:
            taken = {name for name, _ in named.values()}
            named[inner.op.name] = (_free(variable.name.partition(":")[0], taken), variable)
    graph: GraphDef = concrete.graph.as_graph_def()
    for node in graph.node:
        for i, name in enumerate(node.input):
            if name in named:
                node.input[i] = named[name][0]
        if node.name in named:
            node.name, variable = named[node.name]
            node.op = "VarHandleOp"
            node.ClearField("attr")
            node.attr["shape"].shape.CopyFrom(variable.shape.as_proto())
            node.attr["dtype"].type = tf.dtypes.as_dtype(variable.dtype).as_datatype_enum
    return graph


def _free(name: str, taken: set[str]) -> str:
    """Return a name that no other variable has: "kernel_1"."""
    number, free = 0, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _list_layers(model: Any) -> Iterator[str]:
    """Yield the class of each layer, those in nested models too."""
    for layer in model.layers:
        if getattr(layer, "layers", None):
            yield from _list_layers(layer)
        else:
            yield type(layer).__name__
