"""Op check: reports the ops of a graph that TensorFlow.js lacks, with their layers and advice.

The ops of TensorFlow.js are those of the converter's own list (op_list/*.json of the tensorflowjs
package), which is that of its executor.
"""

from collections.abc import Iterable

from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.errors import ConversionError
from pipeline.text.suggest import list_first
from pipeline.tf.nodes import all_nodes
from pipeline.tf.untrusted.op_advice import advise
from pipeline.tfjs.op_support import mapped_ops
from pipeline.tfjs.text_ops import TEXT_OPS

# Ops that `strip_debug_ops` removes, or that never run.
_DEBUG_OPS = {"Assert", "CheckNumerics", "Print"}
_NUM_SCOPES = 3
# Scopes that TensorFlow adds around the author's.
_WRAPPERS = ("StatefulPartitionedCall/", "PartitionedCall/")


def check_ops(
    graph_defs: Iterable[GraphDef], *, skip_op_check: bool, strip_debug_ops: bool
) -> None:
    """Raise for ops that TensorFlow.js cannot load or run.

    Args:
        graph_defs: The graph and its initializer, if it has one.
        skip_op_check: Let other ops pass, for a front end that registers them.
        strip_debug_ops: Whether the converter removes debug ops.

    Raises:
        ConversionError: The message lists the ops, sorted, each with its number and scopes.
    """
    nodes = [node for graph_def in graph_defs for node in all_nodes(graph_def)]
    _check_hopeless(nodes)
    known = (mapped_ops() or frozenset()) | (_DEBUG_OPS if strip_debug_ops else set()) | TEXT_OPS
    scopes: dict[str, list[str]] = {}
    for node in nodes:
        if node.op not in known:
            scopes.setdefault(node.op, []).append(_format_scope(node.name))
    if not scopes or skip_op_check:
        return
    listed = "; ".join(_describe(op, names) for op, names in sorted(scopes.items()))
    raise ConversionError(
        f"TensorFlow.js does not have these ops: {listed}",
        hint="\n  ".join(
            [
                *advise(sorted(scopes)),
                "`skip_op_check: true` converts all the same, for a front end that registers them",
            ]
        ),
    )


def _check_hopeless(nodes: Iterable[NodeDef]) -> None:
    """Raise for ops that the converter accepts and TensorFlow.js never runs.

    The converter writes an asset's path on this machine into the weights, and accepts the ops
    of Decision Forests, which need a package of their own where they are not replaced.
    """
    for node in nodes:
        refuse_forests([node.op])
        if node.op.startswith("InitializeTableFromTextFile"):
            raise ConversionError(
                f"a lookup table is filled from a file ('{_format_scope(node.name)}'), "
                "which TensorFlow.js cannot do",
                hint="fill it with tf.lookup.KeyValueTensorInitializer and save the model again",
            )


def refuse_forests(ops: Iterable[str]) -> None:
    """Raise for ops of TensorFlow Decision Forests that are not replaced."""
    named = sorted({op for op in ops if op.startswith("SimpleML")})
    if named:
        raise ConversionError(
            f"TensorFlow.js has no op of TensorFlow Decision Forests: {', '.join(named)}",
            hint="a SavedModel whose signature returns the predictions of a forest among its "
            "assets can be converted: ydf's `model.to_tensorflow_saved_model(path, mode='tf')`",
        )


def _format_scope(name: str) -> str:
    """Return a node's scope of layers, which its author knows: "encoder/attention"."""
    shown = True
    while shown:
        shown = False
        for wrapper in _WRAPPERS:
            if name.startswith(wrapper):
                name, shown = name.removeprefix(wrapper), True
    return name


def _describe(op: str, scopes: list[str]) -> str:
    count = f" {len(scopes)} times" if len(scopes) > 1 else ""
    return f"{op}{count} ({list_first(scopes, _NUM_SCOPES)})"
