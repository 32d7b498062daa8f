"""Random numbers whose seed is a variable that each run changes.

`tf.random.Generator` and the seed generators of Keras 3 (dropout in training, augmentation) count
on in a variable, and draw from what it holds. Such numbers differ from run to run, so an op that
draws its own serves as well; the variable is then read by nobody, and is dropped.
"""

from collections import Counter
from collections.abc import Collection, Mapping

from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.framework.types_pb2 import DataType
from tensorflow.python.framework import op_def_registry
from tensorflow.python.framework.tensor_util import make_tensor_proto

from pipeline.tf.untrusted.reach import node_of

_OF_WHOLE = "RandomUniformInt"
_OF_CLASSES = "Multinomial"
_OF_ROWS = "RandomShuffle"
_OF_ALL_BITS = "NonDeterministicInts"
_OF_PARAMETER = {"RandomGamma", "RandomPoissonV2"}
_DRAWS = {
    "StatelessMultinomial": _OF_CLASSES,
    "StatelessRandomGammaV2": "RandomGamma",
    "StatelessRandomGammaV3": "RandomGamma",
    "StatelessRandomNormal": "RandomStandardNormal",
    "StatelessRandomNormalV2": "RandomStandardNormal",
    "StatelessRandomPoisson": "RandomPoissonV2",
    "StatelessRandomUniform": "RandomUniform",
    "StatelessRandomUniformFullInt": _OF_ALL_BITS,
    "StatelessRandomUniformFullIntV2": _OF_ALL_BITS,
    "StatelessRandomUniformInt": _OF_WHOLE,
    "StatelessRandomUniformIntV2": _OF_WHOLE,
    "StatelessRandomUniformV2": "RandomUniform",
    "StatelessShuffle": _OF_ROWS,
    "StatelessTruncatedNormal": "TruncatedNormal",
    "StatelessTruncatedNormalV2": "TruncatedNormal",
}
_SHAPE_TYPES = ("Tshape", "shape_dtype", "T")
"""Attributes for the type of the shape, the newest first."""


def draw_anew(graph: GraphDef, variables: Collection[str]) -> list[str]:
    """Replace random ops whose seed depends on variables by ops that need none, in place.

    Args:
        graph: A graph without calls.
        variables: Names of the arguments that are variables which the graph assigns.

    Returns:
        A sentence for each op that was replaced, with its number.
    """
    nodes = {node.name: node for node in graph.node}
    chosen = [
        node
        for node in graph.node
        if node.op in _DRAWS and _depends(nodes, node.input[_seeds(node)], variables)
    ]
    counts = Counter(node.op for node in chosen)
    # All are found before the first is replaced: a seed may itself be drawn from a variable.
    graph.node.extend([made for node in chosen for made in _replace(node, _DRAWS[node.op])])
    return [
        f"{op} became {_DRAWS[op]}, which draws other numbers in each run: "
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


def _seeds(node: NodeDef) -> slice:
    """Return where the inputs are that seed an op: a seed, or a key, a counter and an algorithm."""
    names = [given.name for given in op_def_registry.get(node.op).input_arg]
    places = [i for i, name in enumerate(names) if name in {"seed", "key", "counter", "alg"}]
    return slice(places[0], places[-1] + 1)


def _types(node: NodeDef) -> dict[str, int]:
    """Return the attributes that are types; a SavedModel leaves out those of their defaults."""
    attributes = op_def_registry.get(node.op).attr
    defaults = {attr.name: attr.default_value.type for attr in attributes if attr.type == "type"}
    return {
        name: node.attr[name].type if name in node.attr else defaults[name] for name in defaults
    }


def _replace(node: NodeDef, op: str) -> list[NodeDef]:
    """Turn a node into one without a seed, in place; return the nodes that it needs beside."""
    types = _types(node)
    del node.input[_seeds(node)]
    node.op = op
    node.attr.pop("Tseed", None)
    if op in {_OF_CLASSES, _OF_ROWS}:
        return []
    node.attr.clear()
    shape_type = next(types[name] for name in _SHAPE_TYPES if name in types)
    if op in _OF_PARAMETER:
        return _spread(node, shape_type, types)
    node.attr["Tout" if op == _OF_WHOLE else "dtype"].type = types["dtype"]
    node.attr["shape_dtype" if op == _OF_ALL_BITS else "T"].type = shape_type
    return []


def _spread(node: NodeDef, shape_type: int, types: Mapping[str, int]) -> list[NodeDef]:
    """Give an op a parameter of the whole shape: it draws a shape for each parameter."""
    shape, parameter, *waits = node.input
    name = f"{node.name}/spread"
    spread = NodeDef(name=name, op="BroadcastTo", input=[parameter, shape])
    spread.attr["T"].type = types.get("Rtype", types["dtype"])
    spread.attr["Tidx"].type = shape_type
    one = NodeDef(name=f"{node.name}/one", op="Const")
    one.attr["dtype"].type = DataType.DT_INT32
    one.attr["value"].tensor.CopyFrom(make_tensor_proto([], "int32", [0]))
    node.input[:] = [one.name, spread.name, *waits]
    node.attr["S"].type = DataType.DT_INT32
    node.attr["T" if node.op == "RandomGamma" else "R"].type = spread.attr["T"].type
    if node.op != "RandomGamma":
        node.attr["dtype"].type = types["dtype"]
    return [one, spread]
