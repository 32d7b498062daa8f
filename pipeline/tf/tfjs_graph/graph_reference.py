"""Reference of a graph model: its graph, which no repair of ours has touched, in TensorFlow.

TensorFlow runs a graph 10 to 100 times faster than the cpu backend of TensorFlow.js, and shares
no kernel with it. oneDNN, whose result is off by 57 % on one model, and Grappler are off.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef

from pipeline.errors import ConversionError
from pipeline.records.flags import SourceFlags
from pipeline.records.source import Conversion
from pipeline.tf.import_graph import import_graph
from pipeline.tf.reasons import format_reason
from pipeline.tf.saved_model.saved_model_reference import write_outputs
from pipeline.tf.tf_session import plain_config, run_in_session
from pipeline.tf.tfjs_graph.graph_of_model import build_graph_def
from pipeline.tf.untrusted.refuse import check_trusted_graph
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature_def import parse_signature_def
from pipeline.tfjs.model.weights import Array, walk_weights


def run_graph_model(
    *, source: Path, record: Conversion, flags: SourceFlags, **known: Any
) -> dict[str, Any]:
    """Run a graph model on test vectors; see `write_outputs`.

    Args:
        source: Folder of its model.json, as it came, but with a complete signature.
        record: Facts of the source.
        flags: trust is read.
        known: All else that `write_outputs` takes.

    Raises:
        ConversionError: TensorFlow cannot run the graph; else as `write_outputs`.
        UntrustedSourceError: The graph might touch the machine, and `trust` is not set.
    """
    session = open_graph(source, trust=flags.trust)
    signature = parse_signature_def(load_model_json(source / "model.json").content)
    return write_outputs(
        run_in_session(
            session,
            {info.key: name_tensor(info.tensor) for info in signature.inputs},
            {info.key: name_tensor(info.tensor) for info in signature.outputs},
        ),
        source=source,
        record=record,
        **known,
    )


def open_graph(
    source: Path, *, trust: bool, change: Callable[[str, Array], Array] = lambda _, values: values
) -> tf.compat.v1.Session:
    """Return a session of a graph model, its weights as constants.

    Args:
        source: Folder of its model.json.
        trust: Whether the graph may have ops that touch the machine.
        change: Takes name and values of each weight, and returns the values that the graph gets.

    Raises:
        ConversionError: TensorFlow cannot run the graph.
        UntrustedSourceError: The graph might touch the machine, and `trust` is not set.
    """
    model_json = load_model_json(source / "model.json")
    parts = walk_weights(model_json, source)
    weights = {part.spec.name: change(part.spec.name, part.read()) for part in parts}
    return open_content(model_json.content, weights, trust=trust)


def open_content(
    content: Mapping[str, Any],
    weights: Mapping[str, Array],
    *,
    trust: bool,
    change: Callable[[GraphDef], None] = lambda _: None,
) -> tf.compat.v1.Session:
    """Return a session of the content of a model.json; see `open_graph`.

    Args:
        content: The content.
        weights: The values of its constants, by name.
        trust: Whether the graph may have ops that touch the machine.
        change: Changes the graph before it runs.
    """
    if content.get("modelInitializer"):
        raise ConversionError("the graph has tables, which TensorFlow.js fills")
    graph_def = build_graph_def(content["modelTopology"], weights)
    if not trust:
        check_trusted_graph(graph_def)
    change(graph_def)
    try:
        graph = import_graph(graph_def)
    except Exception as error:
        raise ConversionError(f"TensorFlow cannot read it: {format_reason(error)}") from error
    return tf.compat.v1.Session(graph=graph, config=plain_config())


def name_tensor(tensor: str) -> str:
    """Return the name of a tensor as TensorFlow wants it: "node:0" of "node"."""
    return tensor if ":" in tensor else f"{tensor}:0"
