"""The fusions of the converter, kept away from values that something else reads, too.

tensorflowjs 4.22 puts an activation into the convolution before it (`fuse_depthwise_conv2d.py`,
`fuse_prelu.py`) without a look at what else reads the convolution: with `relu(y) - a * relu(-y)`
both sides then get `relu(y)`. It also negates the slope of a PReLU in place, whoever reads it.
Here such values stand behind an Identity while the fusions run, so that none matches. Grappler
looks for itself.
"""

from collections import Counter
from collections.abc import Callable, Collection

from tensorflow.core.framework.graph_pb2 import GraphDef

_GUARDED = frozenset(
    {
        "_FusedConv2D", "_FusedMatMul", "BiasAdd", "Const", "DepthwiseConv2dNative",
        "FusedDepthwiseConv2dNative", "Mul", "Neg", "Prelu", "Relu",
    }
)  # fmt: skip
_ENDING = "/read_by_several"

_Fusion = Callable[[GraphDef], GraphDef]


def guard(fuse: _Fusion, graph_def: GraphDef, *, keep: Collection[str]) -> GraphDef:
    """Return the result of a fusion that leaves values alone that have several readers.

    Args:
        fuse: A fusion of the converter.
        graph_def: The graph, which is changed.
        keep: Names of the results of the graph, which their caller reads.
    """
    _hide(graph_def, keep)
    fused = fuse(graph_def)
    _show(fused)
    return fused


def _hide(graph_def: GraphDef, keep: Collection[str]) -> None:
    """Put an Identity behind each value with several readers, in place."""
    readers = Counter(_node(name) for node in graph_def.node for name in node.input)
    shared = {
        node.name
        for node in graph_def.node
        if node.op in _GUARDED and readers[node.name] + (node.name in keep) > 1
    }
    for node in graph_def.node:
        node.input[:] = [
            f"{name}{_ENDING}" if name in shared else name
            for name in (each.removesuffix(":0") for each in node.input)
        ]
    for name in sorted(shared):
        graph_def.node.add(name=f"{name}{_ENDING}", op="Identity", input=[name])


def _show(graph_def: GraphDef) -> None:
    """Take those Identities out again, in place."""
    behind = {node.name: node.input[0] for node in graph_def.node if node.name.endswith(_ENDING)}
    kept = GraphDef()
    for node in graph_def.node:
        if node.name not in behind:
            kept.node.add().CopyFrom(node)
            kept.node[-1].input[:] = [behind.get(name, name) for name in node.input]
    del graph_def.node[:]
    graph_def.node.extend(kept.node)


def _node(name: str) -> str:
    return name.removeprefix("^").partition(":")[0]
