"""What a published graph leaves out, against the op definitions of TensorFlow."""

import json
import subprocess
import sys
from typing import Any

import pytest

from pipeline.tfjs.model.short_graph import (
    DEFAULTS,
    INDEX_TYPES,
    OWN_TYPES,
    VALUE_TYPES,
    is_default,
)
from pipeline.tfjs.op_support import read_attrs

pytestmark = pytest.mark.tensorflow

DESCRIBE = """
import json, sys
from google.protobuf.json_format import MessageToDict
from tensorflow.python.framework import op_def_registry
found = {name: op_def_registry.get(name) for name in json.load(sys.stdin)}
print(json.dumps({name: MessageToDict(op)["attr"] for name, op in found.items() if op and op.attr}))
"""


def describe_ops() -> dict[str, list[dict[str, Any]]]:
    """Return the attributes of the ops that TensorFlow.js maps, as TensorFlow defines them."""
    names = json.dumps(sorted(read_attrs() or ()))
    done = subprocess.run(
        [sys.executable, "-c", DESCRIBE], input=names, capture_output=True, text=True, check=True
    )
    described: dict[str, list[dict[str, Any]]] = json.loads(done.stdout.splitlines()[-1])
    return described


def test_what_is_left_out_is_what_tensorflow_takes_for_it() -> None:
    known = read_attrs()
    assert known is not None
    wrong, num_checked = [], 0
    for op, attrs in describe_ops().items():
        for attr in attrs:
            name, default = attr["name"], attr.get("defaultValue")
            read = known[op].get(name)
            if read is None and name in (*VALUE_TYPES, *INDEX_TYPES) and attr["type"] == "type":
                # Without a default, `build_graph_def` adds the type.
                left_out = {"type": "DT_INT32" if name in INDEX_TYPES else "DT_FLOAT"}
                allowed = attr.get("allowedValues", {}).get("list", {}).get("type", ())
                if allowed and left_out["type"] not in allowed:
                    continue
                fine = default in (None, left_out) or (op, name) in OWN_TYPES
            elif name in DEFAULTS and (read is None or is_default(DEFAULTS[name], read)):
                allowed = attr.get("allowedValues", {}).get("list", {}).get("s", ())
                if allowed and DEFAULTS[name].get("s") not in allowed:
                    continue
                fine = default == DEFAULTS[name]
            else:
                continue
            num_checked += 1
            if not fine:
                wrong.append(f"{op}.{name}: {default}")

    assert wrong == []
    assert num_checked > 200
