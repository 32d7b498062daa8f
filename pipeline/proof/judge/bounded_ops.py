"""Bounded ops: outputs that a sigmoid or a softmax makes.

Runtimes compute these from numbers near 1, so that a result near 0 is a multiple of the unit in the
last place of 1, 2^-23, in one and exact in another: ONNX Runtime has 2.4e-7 for the sigmoid of
-15.9 where TensorFlow.js has 1.2e-7. Rounding the weights moves such a result less. This module
opens no file.
"""

from collections.abc import Iterable, Mapping, Sequence

from pipeline.records.noise_floor import OutputFloor
from pipeline.tfjs.model.topology import Topology, split_tensor_name

UNIT = 2.0**-23
"""The unit in the last place of 1 in float32."""

_BOUNDED = frozenset({"Sigmoid", "Softmax", "Tanh"})
# Ops that pass on the values of their first input.
_PASSING = frozenset(
    {"ExpandDims", "Identity", "Reshape", "Squeeze", "StridedSlice", "Slice", "Transpose"}
)


def outputs_of_bounded_ops(topology: Topology, outputs: Iterable[str]) -> set[str]:
    """Return the outputs whose values a bounded op makes.

    Args:
        topology: The graph.
        outputs: Names of tensors, as `node:index`.
    """
    return {output for output in outputs if _find_maker(topology, output) in _BOUNDED}


def _find_maker(topology: Topology, tensor: str) -> str | None:
    """Return the op that makes the values of a tensor."""
    seen: set[str] = set()
    while True:
        name = split_tensor_name(tensor)[0]
        node = topology.nodes.get(name)
        if node is None or name in seen:
            return None
        if node.op not in _PASSING or not node.data_inputs:
            return node.op
        seen.add(name)
        tensor = node.data_inputs[0]


def raise_floors(
    floors: Mapping[str, Sequence[OutputFloor]], bounded: Iterable[str]
) -> dict[str, list[OutputFloor]]:
    """Return floors with those of bounded outputs at least a unit in the last place of 1.

    Args:
        floors: By output, one for each vector.
        bounded: Names of the outputs that a bounded op makes.
    """
    names = set(bounded)
    return {
        name: [
            floor
            if name not in names
            else floor.model_copy(
                update={"error": max(floor.error, UNIT), "rms": max(floor.rms, UNIT / 2)}
            )
            for floor in one
        ]
        for name, one in floors.items()
    }
