"""Stored: the weights of a TensorFlow.js model, counted and looked through.

Sizes come from the weight manifest; values are read only for what they alone can tell:
numbers that are infinite or none, and the few integers that sizes are computed from.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import FormatError
from pipeline.inspection.facts import MAX_VALUES, Fact
from pipeline.tfjs.model.dtypes import ITEM_SIZES
from pipeline.tfjs.model.model_json import ModelJson
from pipeline.tfjs.model.weight_manifest import WeightSpec
from pipeline.tfjs.model.weights import walk_weights

NUM_LARGEST = 8

# Values that are looked at at once, so that a large weight is not copied as a whole.
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the values of weights say.

    Attributes:
        facts: Shape of every weight, and the values of small integer ones, by name.
        non_finite: Weights with values that are infinite or no numbers, with what and how many.
        string_bytes: Bytes of each weight of strings.
        fault: Why the shards cannot be read, None where they can.
    """

    facts: Mapping[str, Fact]
    non_finite: Sequence[Mapping[str, Any]]
    string_bytes: Mapping[str, int]
    fault: str | None


def read_values(model_json: ModelJson, folder: Path) -> Reading:
    """Read the shards of a model once through; a model without its shards is still described."""
    facts = {spec.name: Fact(shape=spec.shape) for spec in model_json.weights}
    non_finite: list[Mapping[str, Any]] = []
    strings: dict[str, int] = {}
    fault = None
    try:
        for weight in walk_weights(model_json, folder):
            spec = weight.spec
            if spec.dtype == "string":
                strings[spec.name] = weight.num_bytes
            elif spec.dtype == "int32" and spec.size <= MAX_VALUES:
                values = tuple(int(value) for value in weight.read().reshape(-1))
                facts[spec.name] = Fact(shape=spec.shape, values=values)
            elif spec.stored_dtype in ("float32", "float16"):
                non_finite += _find_non_finite(spec, weight.read_stored())
    except FormatError as error:
        fault = error.message
    return Reading(facts=facts, non_finite=non_finite, string_bytes=strings, fault=fault)


def summarize_weights(specs: Iterable[WeightSpec], reading: Reading) -> dict[str, Any]:
    """Return the counts of weights: JSON values, as the command prints them.

    Returns:
        `count`; `bytes` in the shards; `tfjsBytes`, which is what TensorFlow.js keeps once it
        has dequantized them; `byDtype`, the `count`, `values` and `bytes` in each stored dtype;
        `quantized`, the number of weights in each dtype that they were quantized to;
        `largest`; `nonFinite`.
    """
    listed = [_describe(spec, reading) for spec in specs]
    dtypes = sorted({entry["storedDtype"] for entry in listed})
    grouped = {
        dtype: [entry for entry in listed if entry["storedDtype"] == dtype] for dtype in dtypes
    }
    largest = sorted(listed, key=lambda entry: (-entry["bytes"], entry["name"]))
    return {
        "count": len(listed),
        "bytes": sum(entry["bytes"] for entry in listed),
        "tfjsBytes": sum(_loaded_bytes(entry) for entry in listed),
        "byDtype": {
            dtype: {
                "count": len(entries),
                "values": sum(math.prod(entry["shape"]) for entry in entries),
                "bytes": sum(entry["bytes"] for entry in entries),
            }
            for dtype, entries in grouped.items()
        },
        "quantized": dict(Counter(e["storedDtype"] for e in listed if e["quantized"])),
        "largest": largest[:NUM_LARGEST],
        "nonFinite": list(reading.non_finite),
    }


def _describe(spec: WeightSpec, reading: Reading) -> dict[str, Any]:
    size = spec.num_bytes
    return {
        "name": spec.name,
        "shape": list(spec.shape),
        "dtype": spec.dtype,
        "storedDtype": spec.stored_dtype,
        "quantized": spec.quantization is not None,
        "bytes": reading.string_bytes.get(spec.name, 0) if size is None else size,
    }


def _loaded_bytes(entry: Mapping[str, Any]) -> int:
    item_size = ITEM_SIZES.get(entry["dtype"])
    return int(entry["bytes"] if item_size is None else math.prod(entry["shape"]) * item_size)


def _find_non_finite(spec: WeightSpec, values: Any) -> list[dict[str, Any]]:
    flat = values.reshape(-1)
    nan = infinite = 0
    for start in range(0, flat.size, _CHUNK):
        part = flat[start : start + _CHUNK]
        if not np.isfinite(part).all():
            nan += int(np.isnan(part).sum())
            infinite += int(np.isinf(part).sum())
    return [{"name": spec.name, "nan": nan, "infinite": infinite}] if nan or infinite else []
