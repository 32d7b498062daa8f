"""Dtypes: their names in TensorFlow, in protobuf JSON and in TensorFlow.js, and their sizes.

Our code uses the names of numpy and TensorFlow ("float32", "uint8", "string"). A model.json has
the names of protobuf: an enum name ("DT_FLOAT") or, from older writers, its number. TensorFlow.js
computes in five dtypes and turns the others into them. This module opens no file.
"""

from typing import Any

# tensorflow/core/framework/types.proto, without the references (DT_FLOAT_REF, 101 and up).
_TYPES: dict[str, tuple[int, str]] = {
    "DT_FLOAT": (1, "float32"),
    "DT_DOUBLE": (2, "float64"),
    "DT_INT32": (3, "int32"),
    "DT_UINT8": (4, "uint8"),
    "DT_INT16": (5, "int16"),
    "DT_INT8": (6, "int8"),
    "DT_STRING": (7, "string"),
    "DT_COMPLEX64": (8, "complex64"),
    "DT_INT64": (9, "int64"),
    "DT_BOOL": (10, "bool"),
    "DT_QINT8": (11, "qint8"),
    "DT_QUINT8": (12, "quint8"),
    "DT_QINT32": (13, "qint32"),
    "DT_BFLOAT16": (14, "bfloat16"),
    "DT_QINT16": (15, "qint16"),
    "DT_QUINT16": (16, "quint16"),
    "DT_UINT16": (17, "uint16"),
    "DT_COMPLEX128": (18, "complex128"),
    "DT_HALF": (19, "float16"),
    "DT_RESOURCE": (20, "resource"),
    "DT_VARIANT": (21, "variant"),
    "DT_UINT32": (22, "uint32"),
    "DT_UINT64": (23, "uint64"),
}

_NAMES = {enum: name for enum, (_, name) in _TYPES.items()}
_NUMBERS = dict(_TYPES.values())
_ENUMS = {name: enum for enum, name in _NAMES.items()}

# parseDtypeParam in tfjs-converter/src/operations/operation_mapper.ts. Of int16, uint16 and
# bfloat16 it knows nothing: inputs may have them, whose values it then takes as they come.
_JS_DTYPES = {
    "float32": "float32",
    "float16": "float32",
    "bfloat16": "float32",
    "float64": "float32",
    "int32": "int32",
    "int64": "int32",
    "int16": "int32",
    "int8": "int32",
    "uint16": "int32",
    "uint8": "int32",
    "bool": "bool",
    "string": "string",
    "complex64": "complex64",
    "complex128": "complex64",
}

# Bytes per value of the dtypes that a weight of a TensorFlow.js model can have; a string has
# no fixed size (tfjs-core/src/io/types.ts, DTYPE_VALUE_SIZE_MAP).
ITEM_SIZES = {"float32": 4, "int32": 4, "bool": 1, "complex64": 8}

NUM_PARTS = 2
"""The real and the imaginary part of a complex number."""

# Bytes per value of the dtypes that store quantized weights.
QUANTIZED_ITEM_SIZES = {"float16": 2, "uint8": 1, "uint16": 2}


def parse_dtype(wire: Any) -> str | None:
    """Return the name of a dtype in protobuf JSON: "float32" for "DT_FLOAT" or 1; else None."""
    if isinstance(wire, str):
        return _NAMES.get(wire)
    if isinstance(wire, int) and not isinstance(wire, bool):
        return _NUMBERS.get(wire)
    return None


def format_dtype(dtype: str) -> str:
    """Return the enum name of a dtype: "DT_FLOAT" for "float32"."""
    return _ENUMS[dtype]


def js_dtype(dtype: str) -> str | None:
    """Return the dtype in which TensorFlow.js computes: "int32" for "uint8"; None if unknown."""
    return _JS_DTYPES.get(dtype)


def is_complex(dtype: str | None) -> bool:
    """Return whether a dtype is one of complex numbers."""
    return dtype in ("complex64", "complex128")
