"""Summary of a frozen graph, for its inspection: plain values, nothing of it runs."""

from pathlib import Path
from typing import Any

from pipeline.errors import SignatureError
from pipeline.tf.call_summary import summarize_call
from pipeline.tf.frozen.frozen_ends import list_outputs, name_end
from pipeline.tf.frozen.frozen_graph import load_frozen_graph, read_graph

GRAPH_KEY = "graph"
"""The key of the only signature of a frozen graph, which has no signatures of its own."""


def summarize_frozen_graph(*, source: Path) -> dict[str, Any]:
    """Return the graph behind a file's outputs; where they are ambiguous, behind all of them.

    Raises:
        FormatError: The file is no frozen graph, or is cut off.
        UntrustedSourceError: The graph touches the machine.
        ConversionError: The graph is not frozen, or TensorFlow cannot read it.
    """
    possible: list[str] = []
    try:
        loaded = load_frozen_graph(source, output_node_names=None, trust=False)
    except SignatureError:
        possible = list_outputs(read_graph(source))
        if not possible:
            raise
        loaded = load_frozen_graph(source, output_node_names=possible, trust=False)
    summary = summarize_call(
        loaded.graph.as_graph_def(),
        GRAPH_KEY,
        {name_end(tensor.name): tensor for tensor in loaded.inputs},
        {name_end(tensor.name): tensor for tensor in loaded.outputs},
    )
    return {
        "graphs": [summary],
        "variables": [],
        "remarks": list(loaded.repairs),
        "possible_outputs": possible,
    }
