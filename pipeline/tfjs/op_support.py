"""Op support: which ops of a graph TensorFlow.js does not have.

What its converter maps to operations is listed in the op lists of the tensorflowjs package
(tfjs-converter/src/operations/op_list/, as JSON), without those of TensorFlow Decision
Forests, which only the package tfjs-tfdf runs. The package is not imported: that takes
seconds.
"""

import functools
import importlib.util
import json
from collections.abc import Iterable
from pathlib import Path

_OTHER_PACKAGE = "tfdf.json"
# In the converter's list, but TensorFlow.js 4 has no mapping of theirs (ragged.json is left out
# of its bundle), or reads other names of inputs than the mapping has.
_NOT_MAPPED = frozenset({"BitwiseAnd", "RaggedGather", "RaggedRange", "RaggedTensorToTensor"})

# What freezing and the converter's optimizer leave nothing of: variables, calls, checks that
# are stripped, and what only saves and restores.
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
    """Return the ops that TensorFlow.js maps, None where the package is not installed."""
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
    """Return the ops that TensorFlow.js does not have, None where that cannot be told.

    Args:
        ops: Kinds of ops.
        converted: Whether the graph is TensorFlow.js's own already. Of another the
            conversion removes some.
    """
    known = mapped_ops()
    if known is None:
        return None
    gone = frozenset() if converted else _GONE_AFTER_CONVERSION
    return sorted(set(ops) - known - gone)
