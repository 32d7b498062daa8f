"""Values of a Keras config in the form that TensorFlow.js reads: plain numbers, names and lists.

Keras 3 writes other values as an object of their class: dtype policies, tuples, arrays, functions.
TensorFlow.js takes names of functions and dtypes. It fails on an initializer, regularizer or
constraint that it does not know, although only training needs it. This module opens no file.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.tfjs.model.dtypes import js_dtype

Json = dict[str, Any]

_BOOKKEEPING = ("module", "registered_name", "build_config", "compile_config", "shared_object_id")
_TRAINING = ("_initializer", "_regularizer", "_constraint")
_WITHOUT_USE = frozenset({"activity_regularizer", "lora_rank", "lora_alpha", "quantization_config"})

# initializers.ts, regularizers.ts and constraints.ts of TensorFlow.js 4.22.
_KNOWN = frozenset(
    """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LeCunNormal LeCunUniform Ones
    Orthogonal RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros L1L2
    MaxNorm MinMaxNorm NonNeg UnitNorm
    """.split()  # noqa: SIM905  # shorter to read
)


def plain_config(config: Mapping[str, Any]) -> Json:
    """Return a layer's config with plain values, without options that only Keras reads."""
    made: Json = {}
    for key, value in config.items():
        if key in _BOOKKEEPING or key in _WITHOUT_USE:
            continue
        if key.endswith(_TRAINING):
            known = _plain_training(value)
            if known is not None:
                made[key] = known
        elif key == "dtype":
            made[key] = plain_dtype(value)
        else:
            made[key] = plain_value(value)
    return made


def plain_value(value: Any) -> Any:
    """Return a value with Keras' own objects replaced: arrays and tuples become lists."""
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    match value.get("class_name"), value.get("config"):
        case "__tuple__", _:
            return [plain_value(item) for item in value.get("items") or ()]
        case "__numpy__" | "__tensor__", Mapping() as config:
            return config.get("value")
        case "TypeSpec" | "TensorShape", _:
            return plain_value(value.get("items") or value.get("serialized"))
    return {key: plain_value(item) for key, item in value.items() if key not in _BOOKKEEPING}


def plain_dtype(value: Any) -> str:
    """Return the dtype in which TensorFlow.js computes: "float32", also for a policy of Keras."""
    if isinstance(value, Mapping):
        value = (value.get("config") or {}).get("name")
    dtype = str(value or "float32").removeprefix("mixed_")
    return {"bfloat16": "float32"}.get(dtype, js_dtype(dtype) or dtype)


def function_name(value: Any) -> str | None:
    """Return the name of a function, such as "relu"; None if it is no plain function."""
    if value is None:
        return "linear"
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        name = value.get("class_name")
        # Keras 3 writes {"class_name": "function", "config": "relu"}.
        inner = value.get("config")
        return inner if name == "function" and isinstance(inner, str) else None
    return None


def _plain_training(value: Any) -> Any:
    """Return an initializer, regularizer or constraint that TensorFlow.js knows, else None."""
    if not isinstance(value, Mapping):
        return None
    name, config = value.get("class_name"), value.get("config")
    settings = plain_value(config) if isinstance(config, Mapping) else {}
    if name in {"L1", "L2"}:
        settings = {"l1": 0.0, "l2": 0.0} | {k: v for k, v in settings.items() if k in {"l1", "l2"}}
        name = "L1L2"
    settings.pop("dtype", None)
    return {"class_name": name, "config": settings} if name in _KNOWN else None
