"""Op check: what a graph needs that TensorFlow.js does not have, where it stands, what to do.

What TensorFlow.js has is the converter's own list (op_list/*.json of the tensorflowjs package),
which is that of its executor.
"""

from collections.abc import Iterable

from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.errors import ConversionError
from pipeline.text.suggest import list_first
from pipeline.tf.nodes import all_nodes
from pipeline.tf.untrusted.op_advice import advise
from pipeline.tfjs.op_support import mapped_ops

# Of these `strip_debug_ops` gets rid, or nobody runs them.
_DEBUG_OPS = {"Assert", "CheckNumerics", "Print"}
_NUM_PLACES = 3
# Scopes that TensorFlow adds around what the author wrote.
_WRAPPERS = ("StatefulPartitionedCall/", "PartitionedCall/")


def check_ops(
    graph_defs: Iterable[GraphDef], *, skip_op_check: bool, strip_debug_ops: bool
) -> None:
    """Raise for what TensorFlow.js cannot load or run.

    Args:
        graph_defs: The graph and, where there is one, its initializer.
        skip_op_check: Let other ops pass, for a front end that registers them.
        strip_debug_ops: Whether the converter takes debug ops out.

    Raises:
        ConversionError: The message lists the ops, sorted, each with its number and places.
    """
    nodes = [node for graph_def in graph_defs for node in all_nodes(graph_def)]
    _check_hopeless(nodes)
    known = (mapped_ops() or frozenset()) | (_DEBUG_OPS if strip_debug_ops else set())
    places: dict[str, list[str]] = {}
    for node in nodes:
        if node.op not in known:
            places.setdefault(node.op, []).append(_format_place(node.name))
    if not places or skip_op_check:
        return
    listed = "; ".join(_describe(op, names) for op, names in sorted(places.items()))
    raise ConversionError(
        f"TensorFlow.js does not have these ops: {listed}",
        hint="\n  ".join(
            [
                *advise(sorted(places)),
                "`skip_op_check: true` converts all the same, for a front end that registers them",
            ]
        ),
    )


def _check_hopeless(nodes: Iterable[NodeDef]) -> None:
    """Raise for what would be written all the same, and never run.

    The converter writes the path that an asset has on this machine into the weights, and takes
    the ops of Decision Forests, which a package of their own runs.
    """
    for node in nodes:
        refuse_forests([node.op])
        if node.op.startswith("InitializeTableFromTextFile"):
            raise ConversionError(
                f"a lookup table is filled from a file ('{_format_place(node.name)}'), "
                "which TensorFlow.js cannot do",
                hint="fill it with tf.lookup.KeyValueTensorInitializer and save the model again",
            )


def refuse_forests(ops: Iterable[str]) -> None:
    """Raise for ops of a model of Decision Forests."""
    if any(op.startswith("SimpleML") for op in ops):
        raise ConversionError(
            "a model of TensorFlow Decision Forests: TensorFlow.js alone has none of its ops",
            hint="it runs in the package tfjs-tfdf only, which this zoo does not support",
        )


def _format_place(name: str) -> str:
    """Return a node's name as its author knows it: the scope of layers that it stands in."""
    shown = True
    while shown:
        shown = False
        for wrapper in _WRAPPERS:
            if name.startswith(wrapper):
                name, shown = name.removeprefix(wrapper), True
    return name


def _describe(op: str, places: list[str]) -> str:
    count = f" {len(places)} times" if len(places) > 1 else ""
    return f"{op}{count} ({list_first(places, _NUM_PLACES)})"
