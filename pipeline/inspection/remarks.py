"""Remarks: what someone who wants to run a model should know before, found in its description.

Each is a sentence. It opens no file.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.text.suggest import list_first

_LOST_NAME = re.compile(r"Identity(_\d+)?(:0)?")
_NUM_NAMED = 5


def find_remarks(model: Mapping[str, Any]) -> list[str]:
    """Return the remarks on a model, from its description."""
    return [
        *model.get("faults", ()),
        *_on_weights(model.get("weights") or {}),
        *_on_tensors(model),
        *_on_ops(model),
    ]


def _on_weights(weights: Mapping[str, Any]) -> Iterator[str]:
    broken = weights.get("nonFinite") or ()
    if broken:
        named = list_first([f"{w['name']} ({_count_bad(w)})" for w in broken], _NUM_NAMED)
        yield f"weights that are not finite: {named}"


def _count_bad(weight: Mapping[str, Any]) -> str:
    parts = (("nan", "NaN"), ("infinite", "infinite"))
    return ", ".join(f"{weight[key]:,} {word}" for key, word in parts if weight[key])


def _on_tensors(model: Mapping[str, Any]) -> Iterator[str]:
    for entry in model.get("inputs") or ():
        if entry["jsDtype"] is None and entry["dtype"]:
            yield f"input {entry['name']}: TensorFlow.js has no {entry['dtype']}"
        elif entry["dtype"] == "int64":
            yield f"input {entry['name']} is int64: TensorFlow.js takes int32, and no more than it"
        elif entry["dtype"] != entry["jsDtype"]:
            yield f"input {entry['name']} is {entry['dtype']}: feed it {entry['jsDtype']}"
        if entry["shape"] is None and entry["tensor"]:
            yield f"input {entry['name']}: its shape is unknown, even the number of axes"
    wide = [o["name"] for o in model.get("outputs") or () if o["dtype"] == "int64"]
    if wide:
        yield f"outputs of int64 come as int32: {list_first(wide, _NUM_NAMED)}"
    outputs = model.get("outputs") or ()
    lost = [entry["name"] for entry in outputs if _LOST_NAME.fullmatch(entry["name"])]
    if lost and model["format"] == "tfjs_graph_model":
        yield f"names of outputs were lost in conversion: {list_first(lost, _NUM_NAMED)}"


def _on_ops(model: Mapping[str, Any]) -> Iterator[str]:
    for where, missing in (model.get("missingOps") or {}).items():
        if missing:
            title = "TensorFlow.js" if where == "tensorflow.js" else f"its backend {where}"
            yield f"ops that {title} does not have: {list_first(missing, _NUM_NAMED)}"
    missing = model.get("missingLayers")
    if missing:
        yield f"layers that TensorFlow.js does not have: {list_first(missing, _NUM_NAMED)}"
