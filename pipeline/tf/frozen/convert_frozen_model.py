"""Converts a frozen graph to a graph model, and names its inputs and outputs.

The converter itself writes no inputs, and outputs without dtype or shape.
"""

from pathlib import Path

import tensorflow as tf
from tensorflowjs.converters import tf_saved_model_conversion_v2 as converter

from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion, Tie
from pipeline.tf.frozen.frozen_ends import name_end
from pipeline.tf.frozen.frozen_graph import load_frozen_graph
from pipeline.tf.saved_model.freeze import Frozen
from pipeline.tf.saved_model.inline import inline_calls
from pipeline.tf.write_graph_model import write_graph_model


def convert_frozen_model(*, source: Path, folder: Path, flags: ConversionFlags) -> Conversion:
    """Convert a frozen graph.

    Args:
        source: A .pb or .pbtxt file.
        folder: The folder for model.json and shards.
        flags: output_node_names, skip_op_check, strip_debug_ops, experiments,
            weight_shard_size_bytes and trust are read.

    Returns:
        Inputs and outputs with their tensors, named as their nodes; repairs.

    Raises:
        FormatError: The file is no frozen graph, or is cut off.
        SignatureError: An output does not exist, or the outputs are ambiguous.
        UntrustedSourceError: The graph touches the machine, and `trust` is not set.
        ConversionError: The graph is not frozen, or the converter cannot convert it.
    """
    loaded = load_frozen_graph(
        source,
        output_node_names=flags.output_node_names,
        trust=flags.trust,
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
        inputs=[Tie(name=name_end(end.name), tensor=end.name) for end in loaded.inputs],
        outputs=[Tie(name=name_end(name), tensor=name) for name in names],
        # Without inputs, as the converter calls its optimizer.
        signature=converter._build_signature_def(graph, [], names),  # noqa: SLF001  # the pinned converter has no other way
        source=source,
        folder=folder,
        flags=flags,
    )
    return written.model_copy(update={"repairs": [*loaded.repairs, *written.repairs]})
