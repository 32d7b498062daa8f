"""Types of elements of OpenVINO, and its constants as arrays.

Names: https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets.html ,
"Supported element types".
"""

from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from openvino.op import Constant

_DTYPES: Mapping[str, str] = {
    "bf16": "bfloat16", "boolean": "bool", "f16": "float16", "f32": "float32", "f64": "float64",
    "f4e2m1": "float4_e2m1fn", "f8e4m3": "float8_e4m3fn", "f8e5m2": "float8_e5m2",
    "f8e8m0": "float8_e8m0fnu", "i4": "int4", "i8": "int8", "i16": "int16", "i32": "int32",
    "i64": "int64", "string": "str", "u4": "uint4", "u8": "uint8", "u16": "uint16",
    "u32": "uint32", "u64": "uint64",
}  # fmt: skip
HALVES = frozenset({"bfloat16", "float16"})
"""Dtypes that are computed as float32."""

_HALF_BYTES = {"int4", "uint4", "float4_e2m1fn"}
_EIGHT_BITS = {"float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu"}
# The numbers that the 16 codes of NormalFloat stand for: Dettmers et al., "QLoRA", appendix E.
_NORMAL_FLOATS = np.array(
    [
        -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
        -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
        0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
        0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
    ],
    np.float32,
)  # fmt: skip


def dtype_name(element_type: str) -> str | None:
    """Return the name that numpy or ml_dtypes has for a type; None for one that has none."""
    return _DTYPES.get(element_type)


def computed_dtype(element_type: str) -> str | None:
    """Return the dtype in which a type is computed with the inference precision f32.

    OpenVINO does not round to float16 between operations then, not even a product of constants.
    """
    name = dtype_name(element_type)
    return "float32" if name in HALVES else name


def onnx_type(dtype: str) -> int:
    """Return the number that ONNX has for a dtype: 1 for "float32"."""
    if dtype == "str":
        return int(onnx.TensorProto.STRING)
    return int(onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def to_array(node: Constant) -> Any:
    """Return the numbers of a constant, in the dtype of the file.

    Numbers of 4 bits lie two in a byte, the first in the low half; NormalFloats come as float32,
    as nothing but a table knows them.
    """
    element_type = node.get_element_type().get_type_name()
    shape = tuple(node.get_output_shape(0))
    if element_type == "string":
        return np.array(node.get_value_strings(), object).reshape(shape)
    if element_type == "nf4":
        return _NORMAL_FLOATS[_unpack(node.data, shape)]
    dtype = _DTYPES.get(element_type, element_type)
    if dtype in _HALF_BYTES:
        codes = _unpack(node.data, shape)
        if dtype == "float4_e2m1fn":
            return codes.astype(np.uint8).view(ml_dtypes.float4_e2m1fn)
        signed = np.where(codes > 7, codes - 16, codes) if dtype == "int4" else codes  # noqa: PLR2004  # bits
        return signed.astype(dtype)
    array = np.array(node.data)
    if dtype == "bfloat16" or dtype in _EIGHT_BITS:
        array = array.view(dtype)
    return array.reshape(shape)


def _unpack(packed: Any, shape: tuple[int, ...]) -> Any:
    """Return the halves of bytes as numbers from 0 to 15."""
    halves = np.array(packed).view(np.uint8).reshape(-1)
    codes = np.stack([halves & 15, halves >> 4], axis=-1).reshape(-1)
    return codes[: int(np.prod(shape))].reshape(shape).astype(np.int32)
