"""Localizations: where a graph goes wrong, and the sentences that say so. It opens no file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.proof.localize.node_deviation import Deviation

Cause = Literal["backend", "rounding", "graph", "source", "none"]
"""TensorFlow.js computes a node wrongly; no node is wrong, but rounding errors grow; the graph
differs from the graph of its source; its outputs differ from the source's, whose graph has no
node of the same name; no output is wrong."""

_SHOWN_AXES = 6


@dataclass(frozen=True, kw_only=True)
class ReadTensor:
    """A tensor that a node reads.

    Attributes:
        tensor: Its name, as `node:index`.
        dtype: Its dtype in TensorFlow.js.
        shape: Size of each axis.
        low: Its least finite value; None for text, and without finite values.
        high: Its largest finite value.
    """

    tensor: str
    dtype: str
    shape: tuple[int, ...]
    low: float | None
    high: float | None

    def describe(self) -> str:
        """Return it in words: "conv:0 float32 (1, 8, 8, 3) from -1.5 to 6"."""
        text = f"{self.tensor} {self.dtype} {_shape(self.shape)}"
        return text if self.low is None else f"{text} from {self.low:.6g} to {self.high:.6g}"


@dataclass(frozen=True, kw_only=True)
class Step:
    """A tensor on the way to the outputs.

    Attributes:
        tensor: Its name, as `node:index`.
        op: The op of its node.
        deviation: How far it is from its reference.
    """

    tensor: str
    op: str
    deviation: Deviation


@dataclass(frozen=True, kw_only=True)
class WrongNode:
    """A node whose value is wrong.

    Attributes:
        tensor: The wrong tensor, as `node:index`.
        op: Its op.
        inputs: The tensors that it reads, as the wrong run computed them.
        deviation: How far it is from its reference.
        alone: The same when the reference computes this node from the inputs of the wrong run;
            None if the graphs differ, so that there is no such node.
        known_fault: The fault of TensorFlow.js that explains it, or None.
    """

    tensor: str
    op: str
    inputs: Sequence[ReadTensor]
    deviation: Deviation
    alone: Deviation | None = None
    known_fault: str | None = None

    @property
    def name(self) -> str:
        """Op and tensor: "Cast 'ToBool'"; the index is left out where it is 0."""
        return f"{self.op} '{self.tensor.removesuffix(':0')}'"


@dataclass(frozen=True, kw_only=True)
class Localization:
    """Where a variant goes wrong.

    Attributes:
        variant: Name of the variant.
        backend: The backend of TensorFlow.js.
        vector: Number of the test vector.
        cause: What is wrong.
        node: The first node that is wrong; of `rounding` the node with the largest error of its
            own; None if there is none.
        path: Tensors that were measured around that node, in the order of the graph.
    """

    variant: str
    backend: str
    vector: int
    cause: Cause
    node: WrongNode | None = None
    path: Sequence[Step] = ()

    def sentence(self) -> str:
        """Return the verdict in a sentence or two."""
        match self.cause, self.node:
            case "none", _:
                return (
                    f"{self.backend} computes what TensorFlow does: on vector {self.vector} every "
                    f"output is within {self._largest_multiple():.2g} times what rounding explains"
                )
            case "source", _:
                return (
                    "the converted graph differs from the source before TensorFlow.js runs it: "
                    f"{self.backend} computes the graph as TensorFlow does"
                )
            case "graph", WrongNode() as node:
                values = describe_values(node.deviation, "it", "that graph")
                return (
                    "the graph differs from the graph that it was made of, before TensorFlow.js "
                    f"runs it, first at {node.name}: {values}"
                )
            case "backend", WrongNode() as node:
                fault = f"; known fault: {node.known_fault}" if node.known_fault else ""
                values = describe_values(node.alone or node.deviation, self.backend)
                return f"first wrong on {self.backend} at {node.name}: {values}{fault}"
            case _, WrongNode() as node:
                alone = node.alone or node.deviation
                return (
                    f"no node is wrong on {self.backend}, but rounding errors grow in this graph; "
                    f"the largest is made by {node.name}, {alone.error:.1g} of its values"
                )
        raise AssertionError(self.cause)

    def _largest_multiple(self) -> float:
        return max((step.deviation.multiple for step in self.path), default=0.0)


def describe_values(deviation: Deviation, runner: str, reference: str = "TensorFlow") -> str:
    """Return both values where they are farthest apart: "wasm has 0 at [3], TensorFlow has 1"."""
    expected, found = deviation.shapes
    if deviation.worst is None:
        return f"{runner} has the shape {_shape(found)}, {reference} has {_shape(expected)}"
    worst = deviation.worst
    values = [
        repr(value) if isinstance(value, str) else f"{value:.6g}"
        for value in (worst.found, worst.expected)
    ]
    where = f" at {list(worst.position)}" if worst.position else ""
    return f"{runner} has {values[0]}{where}, {reference} has {values[1]}"


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))})"
