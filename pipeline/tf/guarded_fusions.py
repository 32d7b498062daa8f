"""The fusions of the converter, kept away from values that something else reads, too.

tensorflowjs 4.22 puts an activation into the convolution before it (`fuse_depthwise_conv2d.py`,
`fuse_prelu.py`) without a look at what else reads the convolution: with `relu(y) - a * relu(-y)`
both sides then get `relu(y)`. It also negates the slope of a PReLU in place, whoever reads it.
Here such values stand behind an Identity while the fusions run, so that none matches. Grappler
looks for itself.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator

from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflowjs.converters import fuse_depthwise_conv2d, fuse_prelu

_PASSES = (
    (fuse_prelu, "fuse_ops_for_prelu"),
    (fuse_depthwise_conv2d, "fuse_depthwise_conv2d"),
    (fuse_prelu, "fuse_prelu_with_fused_conv2d_or_matmul"),
)
_GUARDED = frozenset(
    {
        "_FusedConv2D", "_FusedMatMul", "BiasAdd", "Const", "DepthwiseConv2dNative",
        "FusedDepthwiseConv2dNative", "Mul", "Neg", "Prelu", "Relu",
    }
)  # fmt: skip
_ENDING = "/read_by_several"

_Pass = Callable[[GraphDef], GraphDef]


@contextlib.contextmanager
def guard_fusions(*, keep: Collection[str]) -> Iterator[None]:
    """Have the converter's fusions leave values alone that have several readers.

    Args:
        keep: Names of the results of the graph, which their caller reads.
    """
    original = [(module, name, getattr(module, name)) for module, name in _PASSES]
    for module, name, fuse in original:
        setattr(module, name, _guard(fuse, keep))
    try:
        yield
    finally:
        for module, name, fuse in original:
            setattr(module, name, fuse)


def _guard(fuse: _Pass, keep: Collection[str]) -> _Pass:
    def guarded(graph_def: GraphDef) -> GraphDef:
        _hide(graph_def, keep)
        fused = fuse(graph_def)
        _show(fused)
        return fused

    return guarded


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
