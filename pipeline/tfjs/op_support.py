"""Op support: finds the ops of a graph that TensorFlow.js lacks.

The op lists of the tensorflowjs package name the ops that its converter maps
(tfjs-converter/src/operations/op_list/, as JSON). Ops of TensorFlow Decision Forests do not count:
only the package tfjs-tfdf runs them. The package is not imported, because that takes seconds.
"""

import functools
import importlib.util
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_OTHER_PACKAGE = "tfdf.json"
# In the converter's list, but without a mapping in TensorFlow.js 4 (ragged.json is left out of its
# bundle), or with inputs of other names than the mapping has.
_NOT_MAPPED = frozenset({"BitwiseAnd", "RaggedGather", "RaggedRange", "RaggedTensorToTensor"})

GONE_AFTER_CONVERSION = frozenset(
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
"""Ops that freezing and the converter's optimizer remove: variables, calls and checks."""


@dataclass(frozen=True, kw_only=True)
class ReadAttr:
    """An attribute that TensorFlow.js reads.

    Attributes:
        kind: How its value is read: "bool", "number", "string", "number[]", ...
        default: The value that stands for an absent attribute; None where there is none.
    """

    kind: str
    default: Any


@functools.cache
def mapped_ops() -> frozenset[str] | None:
    """Return the ops that TensorFlow.js maps, None if the package is not installed."""
    entries = _op_lists()
    return None if entries is None else frozenset(entries) - _NOT_MAPPED


@functools.cache
def read_attrs() -> Mapping[str, Mapping[str, ReadAttr]] | None:
    """Return the attributes that TensorFlow.js reads, by op and name; None without the package."""
    entries = _op_lists()
    if entries is None:
        return None
    return {
        op: {
            str(name): ReadAttr(kind=str(attr["type"]), default=attr.get("defaultValue"))
            for attr in entry.get("attrs", ())
            if not attr.get("notSupported")
            for name in (attr["tfName"], attr.get("tfDeprecatedName"))
            if name
        }
        for op, entry in entries.items()
    }


@functools.cache
def _op_lists() -> Mapping[str, Mapping[str, Any]] | None:
    spec = importlib.util.find_spec("tensorflowjs")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "op_list"
    paths = [path for path in sorted(folder.glob("*.json")) if path.name != _OTHER_PACKAGE]
    listed = [entry for path in paths for entry in json.loads(path.read_bytes())]
    return {str(entry["tfOpName"]): entry for entry in listed}


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
    gone = frozenset() if converted else GONE_AFTER_CONVERSION
    return sorted(set(ops) - known - gone)
