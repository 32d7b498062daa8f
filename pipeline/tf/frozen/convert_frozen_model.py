"""Frozen graph to graph model, as the converter does it, with inputs and outputs told.

The converter writes no inputs, and outputs without dtype or shape.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflowjs.converters import tf_saved_model_conversion_v2 as converter

from pipeline.tf.frozen.frozen_ends import name_end
from pipeline.tf.frozen.frozen_graph import load_frozen_graph
from pipeline.tf.saved_model.freeze import Frozen
from pipeline.tf.saved_model.inline import inline_calls
from pipeline.tf.write_graph_model import write_graph_model


def convert_frozen_model(*, source: Path, folder: Path, flags: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a frozen graph and return the source record.

    Args:
        source: A .pb or .pbtxt file.
        folder: Where to write model.json and shards.
        flags: By the manifest's names, JSON values; absent or null is the converter's default:
            output_node_names (absent: found), skip_op_check, strip_debug_ops, experiments,
            weight_shard_size_bytes, trust.

    Returns:
        format; signature_key, tags and signatures, null; inputs and outputs with their
        tensors, named as their nodes; repairs.

    Raises:
        FormatError: It is no frozen graph, or cut off.
        SignatureError: An output is not there, or the graph leaves a doubt.
        UntrustedSourceError: The graph touches the machine, and `trust` is not set.
        ConversionError: It is not frozen, or the converter cannot convert it.
    """
    loaded = load_frozen_graph(
        source,
        output_node_names=flags.get("output_node_names"),
        trust=bool(flags.get("trust")),
    )
    names = [tensor.name for tensor in loaded.outputs]
    graph = inline_calls(loaded.graph, names)
    frozen = Frozen(
        graph=graph,
        inputs=loaded.inputs,
        outputs=loaded.outputs,
        tensorflow_version=tf.version.VERSION,
        initializer_graph=loaded.initializer,
        resource_ids=None,
    )
    written = write_graph_model(
        frozen,
        inputs=[(name_end(tensor.name), tensor.name) for tensor in loaded.inputs],
        outputs=[(name_end(name), name) for name in names],
        # Without inputs, as the converter calls its optimizer.
        signature=converter._build_signature_def(graph, [], names),  # noqa: SLF001
        source=source,
        folder=folder,
        flags=flags,
    )
    return {
        "format": "tf_frozen_model",
        "signature_key": None,
        "tags": None,
        "signatures": None,
        **written,
        "repairs": [*loaded.repairs, *written["repairs"]],
    }
