"""Narrows constants beyond TensorFlow.js' numbers, if no reader computes another result.

Integers of TensorFlow.js are int32, its floats float32. The end of a slice at 2^63 - 1 means the
same as an end at 2^31 - 1, since no axis is longer, and an upper limit above all int32 cuts off
nothing. Keras chooses 2^63 - 1 for a masked token (keras/src/layers/preprocessing/index_lookup.py),
which is beyond every size that it is compared with, and so is 2^31 - 1. These constants become the
nearest number in range. If a reader could compute another result, the constant stays, and
check_narrowing refuses it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

_INT32 = np.iinfo(np.int32)
_WIDE = (tf.int64.as_datatype_enum, tf.float64.as_datatype_enum)
_FLOAT32_MAX = float(np.finfo(np.float32).max)
# Ops that pass on the values of their first inputs.
_PASSING = {"ExpandDims", "Identity", "Reshape", "Snapshot", "Squeeze", "StopGradient"}
_CHOOSING = {"Select", "SelectV2"}
_INT64_MAX = np.iinfo(np.int64).max
_PUTTING_TOGETHER = {"ConcatV2", "Pack"}

Side = Literal["both", "above", "below"]
Array = npt.NDArray[Any]

# Readers that compute the same, by op and number of the input: whether for values beyond either
# end, or only above the greatest or below the least number.
_LIMITS: Mapping[str, Mapping[int, Side]] = {
    "Minimum": {0: "both", 1: "both"},
    "Maximum": {0: "both", 1: "both"},
    "ClipByValue": {1: "both", 2: "both"},
}
_WHOLE: Mapping[str, Mapping[int, Side]] = {
    # Begins, ends and steps are cut to the length of the axis.
    "StridedSlice": {1: "both", 2: "both", 3: "both"},
    # The other operand is int32 itself: all its values are at most 2^31 - 1, and at least -2^31.
    "LessEqual": {0: "below", 1: "above"},
    "GreaterEqual": {0: "above", 1: "below"},
    "Less": {0: "above", 1: "below"},
    "Greater": {0: "below", 1: "above"},
}


@dataclass(frozen=True, kw_only=True)
class _Constant:
    """A constant with values that TensorFlow.js does not have."""

    node: NodeDef
    values: Array
    narrowed: Array


def narrow_constants(graph_def: GraphDef, *, keep: Collection[str]) -> list[str]:
    """Narrow constants in place if their readers compute the same; return sentences on changes.

    Args:
        graph_def: An optimized graph and its function library.
        keep: Names of the graph's results, which readers outside see.
    """
    count = _narrow_body(graph_def.node, set(keep))
    for function in graph_def.library.function:
        returned = {_node_of(name) for name in function.ret.values()}
        count += _narrow_body(function.node_def, returned)
    if not count:
        return []
    reason = "a constant that is a bound or a mark became the nearest number that TensorFlow.js has"
    return [f"{reason} ({count} in this graph)"]


def _narrow_body(nodes: Iterable[NodeDef], returned: Collection[str]) -> int:
    readers: dict[str, list[tuple[NodeDef, int]]] = {}
    for node in nodes:
        for i, name in enumerate(node.input):
            if not name.startswith("^"):
                readers.setdefault(_node_of(name), []).append((node, i))
    count = 0
    for constant in _find_lost(nodes):
        if _is_unseen(constant, constant.node.name, readers, returned):
            tensor = tf.make_tensor_proto(constant.narrowed)
            constant.node.attr["value"].tensor.CopyFrom(tensor)
            count += 1
    return count


def _find_lost(nodes: Iterable[NodeDef]) -> Iterator[_Constant]:
    """Yield the constants with values that narrowing would change."""
    for node in nodes:
        if node.op != "Const" or node.attr["dtype"].type not in _WIDE:
            continue
        values = tf.make_ndarray(node.attr["value"].tensor)
        if values.dtype == np.int64:
            narrowed = np.clip(values, _INT32.min, _INT32.max)
        else:
            beyond = np.isfinite(values) & (np.abs(values) > _FLOAT32_MAX)
            narrowed = np.where(beyond, np.copysign(np.inf, values), values)
        if not np.array_equal(values, narrowed, equal_nan=True):
            yield _Constant(node=node, values=values, narrowed=narrowed)


def _is_unseen(
    constant: _Constant,
    name: str,
    readers: Mapping[str, list[tuple[NodeDef, int]]],
    returned: Collection[str],
) -> bool:
    """Return whether no reader of a constant computes another result after narrowing."""
    if name in returned:
        return False
    for reader, index in readers.get(name, ()):
        if _hands_on(reader, index):
            if not _is_unseen(constant, reader.name, readers, returned):
                return False
        elif not _is_blind(constant, reader, index):
            return False
    return True


def _hands_on(reader: NodeDef, index: int) -> bool:
    if reader.op in _PUTTING_TOGETHER:
        return index < int(reader.attr["N"].i)
    return reader.op in _PASSING and index == 0


def _is_blind(constant: _Constant, reader: NodeDef, index: int) -> bool:
    side = _LIMITS.get(reader.op, {}).get(index)
    if constant.values.dtype == np.int64:
        side = side or _WHOLE.get(reader.op, {}).get(index)
        if reader.op in _CHOOSING and index > 0:
            lost = constant.values[constant.values != constant.narrowed]
            side = "both" if (lost == _INT64_MAX).all() else None
    above = (constant.values > constant.narrowed)[constant.values != constant.narrowed]
    match side:
        case "both":
            return True
        case "above":
            return bool(above.all())
        case "below":
            return not bool(above.any())
        case None:
            return False


def _node_of(reference: str) -> str:
    return reference.partition(":")[0]
