"""Random numbers whose seed is a variable that each run changes.

`tf.random.Generator` and the seed generators of Keras 3 (dropout in training, augmentation) count
on in a variable, and draw from what it holds. Such numbers differ from run to run, so an op that
draws its own serves as well; the variable is then read by nobody, and is dropped.
"""

from collections.abc import Collection, Mapping

from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.tf.untrusted.reach import node_of

_OF_WHOLE = "RandomUniformInt"
_OF_CLASSES = "Multinomial"
_DRAWS = {
    "StatelessMultinomial": _OF_CLASSES,
    "StatelessRandomNormal": "RandomStandardNormal",
    "StatelessRandomUniform": "RandomUniform",
    "StatelessRandomUniformInt": _OF_WHOLE,
    "StatelessTruncatedNormal": "TruncatedNormal",
}
_NEWER = "V2"


def draw_anew(graph: GraphDef, variables: Collection[str]) -> list[str]:
    """Replace random ops whose seed depends on variables by ops that need none, in place.

    Args:
        graph: A graph without calls.
        variables: Names of the arguments that are variables which the graph assigns.

    Returns:
        A sentence for each op that was replaced, with its number.
    """
    nodes = {node.name: node for node in graph.node}
    counts: dict[str, int] = {}
    for node in graph.node:
        drawn = _DRAWS.get(node.op.removesuffix(_NEWER))
        if drawn is None or not _depends(nodes, node.input[1:], variables):
            continue
        counts[node.op] = counts.get(node.op, 0) + 1
        _replace(node, drawn)
    return [
        f"{op} became {_DRAWS[op.removesuffix(_NEWER)]}, which draws other numbers in each run: "
        f"the variable that seeds it changes with each run, too ({count} in this graph)"
        for op, count in sorted(counts.items())
    ]


def _depends(
    nodes: Mapping[str, NodeDef], inputs: Collection[str], variables: Collection[str]
) -> bool:
    """Return whether tensors are computed from variables."""
    waiting, seen = list(inputs), set[str]()
    while waiting:
        reference = waiting.pop()
        name = node_of(reference)
        if reference.startswith("^") or name in seen or name not in nodes:
            continue
        if name in variables:
            return True
        seen.add(name)
        waiting += nodes[name].input
    return False


def _replace(node: NodeDef, op: str) -> None:
    """Turn a node into one that has the shape, and the bounds of whole numbers, for inputs."""
    if op == _OF_CLASSES:  # its inputs are the same, without the seed
        node.op = op
        del node.input[2]
        node.attr.pop("Tseed", None)
        return
    shape_type = node.attr["Tshape" if node.op.endswith(_NEWER) else "T"].type
    dtype = node.attr["dtype"].type
    values = [name for name in node.input if not name.startswith("^")]
    waits = node.input[len(values) :]
    bounds = values[-2:] if op == _OF_WHOLE else []
    node.op = op
    node.input[:] = [values[0], *bounds, *waits]
    node.attr.clear()
    node.attr["Tout" if op == _OF_WHOLE else "dtype"].type = dtype
    node.attr["T"].type = shape_type
