"""Losses by weights: how far each node of a quantized graph is from the same node of its base.

Both graphs run in TensorFlow. A node's own loss is that of its weights alone: the node of the
quantized graph computes from the inputs that it has in the base. It runs in a child process.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.proof.vector_files import load_vectors
from pipeline.tf.tfjs_graph.graph_reference import open_graph
from pipeline.tf.tfjs_graph.node_values import read_tensors
from pipeline.tfjs.model.weights import Array

# Most nodes in memory at a time.
_CUT = 16


def measure_losses(  # noqa: PLR0913  # two graphs, and what to ask of them
    *,
    base: Path,
    source: Path,
    given: Path,
    fed: Sequence[str],
    nodes: Mapping[str, Sequence[str]],
    folder: Path,  # noqa: ARG001  # of every job; this one writes nothing
    trust: bool,
) -> dict[str, dict[str, float | None]]:
    """Return the losses of some nodes.

    Args:
        base: Folder of the base's model.json.
        source: Folder of the quantized graph.
        given: Folder with vectors; the inputs of the first are those of the graph, by tensor.
        fed: Names of these tensors.
        nodes: The tensors that each node reads and that depend on the inputs, by its own tensor.
        folder: Folder that may be written.
        trust: Whether the graph may have ops that touch the machine.

    Returns:
        By tensor `before`, the largest error of its inputs, `behind`, its error, and `own`, its
        error from the inputs of the base: root of the mean square, as a share of the base's
        values. None where a tensor is not of floats, or has other shapes, or is 0.

    Raises:
        ConversionError: TensorFlow cannot run a graph.
        UntrustedSourceError: A graph might touch the machine, and `trust` is not set.
    """
    values = load_vectors(given).vectors[0].inputs
    sessions = [open_graph(path, trust=trust) for path in (base, source)]
    inputs = {tensor: values[tensor] for tensor in fed}
    losses: dict[str, dict[str, float | None]] = {}
    tensors = list(nodes)
    for start in range(0, len(tensors), _CUT):
        cut = tensors[start : start + _CUT]
        wanted = list(dict.fromkeys([*cut, *(name for one in cut for name in nodes[one])]))
        expected, found = (read_tensors(session, inputs, wanted) for session in sessions)
        for tensor in cut:
            if not expected.keys() >= {tensor, *nodes[tensor]}:
                continue
            feeds = inputs | {name: expected[name] for name in nodes[tensor]}
            alone = read_tensors(sessions[1], feeds, [tensor])
            before = [_loss(expected[name], found[name]) for name in nodes[tensor]]
            losses[tensor] = {
                "before": max((one for one in before if one is not None), default=None),
                "behind": _loss(expected[tensor], found[tensor]),
                "own": _loss(expected[tensor], alone[tensor]),
            }
    return losses


def _loss(expected: Array, found: Array) -> float | None:
    if expected.dtype.kind != "f" or expected.shape != found.shape:
        return None
    size = np.linalg.norm(expected.astype(np.float64))
    error = np.linalg.norm(found.astype(np.float64) - expected)
    return float(error / size) if size and np.isfinite(error / size) else None
