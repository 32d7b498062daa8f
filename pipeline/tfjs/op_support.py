"""Op support: finds the ops of a graph that TensorFlow.js lacks.

The op lists of the tensorflowjs package name the ops that its converter maps
(tfjs-converter/src/operations/op_list/, as JSON). Ops of TensorFlow Decision Forests do not count:
only the package tfjs-tfdf runs them. The package is not imported, because that takes seconds.
"""

import functools
import importlib.util
import json
from collections.abc import Iterable
from pathlib import Path

_OTHER_PACKAGE = "tfdf.json"
# In the converter's list, but without a mapping in TensorFlow.js 4 (ragged.json is left out of its
# bundle), or with inputs of other names than the mapping has.
_NOT_MAPPED = frozenset({"BitwiseAnd", "RaggedGather", "RaggedRange", "RaggedTensorToTensor"})

# Ops that freezing and the converter's optimizer remove: variables, calls, checks, and ops that
# save and restore.
_GONE_AFTER_CONVERSION = frozenset(
    {
        "AssignVariableOp",
        "Assert",
        "CheckNumerics",
        "PartitionedCall",
        "Print",
        "PrintV2",
        "ReadVariableOp",
        "ResourceGather",
        "StatefulPartitionedCall",
        "VarHandleOp",
        "Variable",
        "VariableV2",
        "_Arg",
    }
)


@functools.cache
def mapped_ops() -> frozenset[str] | None:
    """Return the ops that TensorFlow.js maps, None if the package is not installed."""
    spec = importlib.util.find_spec("tensorflowjs")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "op_list"
    lists = (
        json.loads(path.read_bytes())
        for path in sorted(folder.glob("*.json"))
        if path.name != _OTHER_PACKAGE
    )
    return frozenset(str(entry["tfOpName"]) for listed in lists for entry in listed) - _NOT_MAPPED


def find_missing_ops(ops: Iterable[str], *, converted: bool) -> list[str] | None:
    """Return the ops that TensorFlow.js lacks; None if the package is not installed.

    Args:
        ops: Kinds of ops.
        converted: Whether the graph is converted. Before that, ops that the conversion removes
            do not count.
    """
    known = mapped_ops()
    if known is None:
        return None
    gone = frozenset() if converted else _GONE_AFTER_CONVERSION
    return sorted(set(ops) - known - gone)
