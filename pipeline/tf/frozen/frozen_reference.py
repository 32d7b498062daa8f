"""Reference of a frozen graph: runs the graph in a session, as TensorFlow 1 does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipeline.records.flags import SourceFlags
from pipeline.records.source import Conversion, StatedTensor
from pipeline.tf.frozen.frozen_ends import name_end
from pipeline.tf.frozen.frozen_graph import FrozenGraph, load_frozen_graph
from pipeline.tf.import_graph import import_graph
from pipeline.tf.saved_model.saved_model_reference import write_outputs
from pipeline.tf.saved_model.signatures import describe_shape
from pipeline.tf.saved_model.tables import find_fills
from pipeline.tf.tf_session import run_in_session


def run_frozen_model(
    *,
    source: Path,
    record: Conversion,
    flags: SourceFlags,
    **known: Any,
) -> dict[str, Any]:
    """Run a frozen graph on test vectors; see `write_outputs`.

    Args:
        source: A .pb or .pbtxt file.
        record: The source record, of convert_frozen_model.
        flags: output_node_names and trust are read.
        known: All other arguments of `write_outputs`.

    Raises:
        As `load_frozen_graph` and `write_outputs`.
    """
    loaded = load_frozen_graph(
        source,
        output_node_names=flags.output_node_names,
        trust=flags.trust,
    )
    session = tf.compat.v1.Session(graph=_join(loaded))
    if loaded.initializer is not None:
        session.run(find_fills(loaded.initializer.as_graph_def()))
    inputs, outputs = (
        {name_end(tensor.name): tensor for tensor in side}
        for side in (loaded.inputs, loaded.outputs)
    )
    return write_outputs(
        run_in_session(session, _names(inputs), _names(outputs)),
        source=source,
        record=record,
        **known,
        inputs={
            name: StatedTensor(
                tensor=tensor.name,
                dtype=tensor.dtype.name,
                shape=describe_shape(tensor.shape.as_proto()),
            )
            for name, tensor in inputs.items()
        },
    )


def _names(tensors: Mapping[str, tf.Tensor]) -> dict[str, str]:
    return {name: tensor.name for name, tensor in tensors.items()}


def _join(loaded: FrozenGraph) -> tf.Graph:
    """Return the graph together with the nodes that fill its tables."""
    if loaded.initializer is None:
        return loaded.graph
    joined = loaded.graph.as_graph_def()
    names = {node.name for node in joined.node}
    filling = loaded.initializer.as_graph_def()
    joined.node.extend(node for node in filling.node if node.name not in names)
    return import_graph(joined)
