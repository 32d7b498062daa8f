"""Stored: the weights of a TensorFlow.js model, counted and looked through.

Sizes come from the weight manifest. Values are read only for facts that no other place has:
values that are infinite or no numbers, and the few integers that sizes are computed from.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import FormatError
from pipeline.inspection.description import DtypeSum, NonFinite, Weight, Weights
from pipeline.tfjs.model.dtypes import ITEM_SIZES
from pipeline.tfjs.model.model_json import ModelJson
from pipeline.tfjs.model.weight_manifest import WeightSpec
from pipeline.tfjs.model.weights import walk_weights
from pipeline.tfjs.shapes.facts import MAX_VALUES, Fact

NUM_LARGEST = 8

# Values that are looked at at once, so that a large weight is not copied as a whole.
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Facts from the values of weights.

    Attributes:
        facts: Shape of every weight, and the values of small integer ones, by name.
        non_finite: Weights with values that are infinite or no numbers.
        string_bytes: Bytes of each weight of strings.
        fault: Why the shards cannot be read, None if they can.
    """

    facts: Mapping[str, Fact]
    non_finite: Sequence[NonFinite]
    string_bytes: Mapping[str, int]
    fault: str | None


def read_values(model_json: ModelJson, folder: Path) -> Reading:
    """Read the shards of a model once through; a model without its shards is still described."""
    facts = {spec.name: Fact(shape=spec.shape) for spec in model_json.weights}
    non_finite: list[NonFinite] = []
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


def describe_weights(specs: Iterable[WeightSpec], reading: Reading) -> Weights:
    """Count the weights that a manifest lists."""
    weights = [_describe(spec, reading) for spec in specs]
    return count_weights(
        weights, tfjs_bytes=sum(map(_loaded_bytes, weights)), non_finite=reading.non_finite
    )


def count_weights(
    weights: Sequence[Weight], *, tfjs_bytes: int, non_finite: Sequence[NonFinite]
) -> Weights:
    """Count weights, in all and by the dtype that they are stored in."""
    grouped: dict[str, list[Weight]] = {}
    for weight in weights:
        grouped.setdefault(weight.stored_dtype, []).append(weight)
    largest = sorted(weights, key=lambda weight: (-weight.bytes, weight.name))
    return Weights(
        count=len(weights),
        bytes=sum(weight.bytes for weight in weights),
        tfjs_bytes=tfjs_bytes,
        by_dtype={
            dtype: DtypeSum(
                count=len(members),
                values=sum(math.prod(weight.shape) for weight in members),
                bytes=sum(weight.bytes for weight in members),
            )
            for dtype, members in grouped.items()
        },
        quantized=Counter(weight.stored_dtype for weight in weights if weight.quantized),
        largest=largest[:NUM_LARGEST],
        non_finite=list(non_finite),
    )


def _describe(spec: WeightSpec, reading: Reading) -> Weight:
    size = spec.num_bytes
    return Weight(
        name=spec.name,
        shape=spec.shape,
        dtype=spec.dtype,
        stored_dtype=spec.stored_dtype,
        quantized=spec.quantization is not None,
        bytes=reading.string_bytes.get(spec.name, 0) if size is None else size,
    )


def _loaded_bytes(weight: Weight) -> int:
    item_size = ITEM_SIZES.get(weight.dtype)
    return weight.bytes if item_size is None else math.prod(weight.shape) * item_size


def _find_non_finite(spec: WeightSpec, values: Any) -> list[NonFinite]:
    flat = values.reshape(-1)
    nan = infinite = 0
    for start in range(0, flat.size, _CHUNK):
        part = flat[start : start + _CHUNK]
        if not np.isfinite(part).all():
            nan += int(np.isnan(part).sum())
            infinite += int(np.isinf(part).sum())
    broken = NonFinite(name=spec.name, nan=nan, infinite=infinite)
    return [broken] if nan or infinite else []
