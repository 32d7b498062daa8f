"""Constants of OpenVINO in each type, as arrays."""

from typing import Any

import ml_dtypes
import numpy as np
import openvino
import pytest
from openvino.op import Constant

from pipeline.tf.openvino.element_types import dtype_name, to_array


def make(element_type: str, numbers: list[Any]) -> Constant:
    return Constant(getattr(openvino.Type, element_type), openvino.Shape([len(numbers)]), numbers)


@pytest.mark.parametrize(
    ("element_type", "numbers", "dtype"),
    [
        ("f16", [1.5, -2.0], "float16"),
        ("bf16", [1.5, -2.0, 3.0], "bfloat16"),
        ("f64", [1.25], "float64"),
        ("boolean", [1, 0, 1], "bool"),
        ("i8", [-128, 127], "int8"),
        ("u64", [2**63], "uint64"),
        ("i4", [1, -8, 7], "int4"),
        ("u4", [15, 0, 9, 4], "uint4"),
        ("f8e4m3", [0.5, -448.0], "float8_e4m3fn"),
        ("f8e5m2", [0.25, 57344.0], "float8_e5m2"),
        ("f8e8m0", [1.0, 4.0], "float8_e8m0fnu"),
    ],
)
def test_numbers_come_in_the_type_of_the_file(
    element_type: str, numbers: list[Any], dtype: str
) -> None:
    array = to_array(make(element_type, numbers))

    assert array.dtype == np.dtype(dtype)
    assert dtype_name(element_type) == dtype
    np.testing.assert_array_equal(array.astype(np.float64), np.array(numbers, np.float64))


def test_half_bytes_lie_low_half_first() -> None:
    packed = Constant(openvino.Type.u4, openvino.Shape([2, 2]), [1, 2, 3, 4])

    assert packed.data.tobytes() == bytes([0x21, 0x43])
    assert to_array(packed).astype(int).tolist() == [[1, 2], [3, 4]]


def test_normal_floats_are_looked_up() -> None:
    array = to_array(make("nf4", [-1.0, 0.0, 1.0, 0.33]))

    # The code nearest to 0.33 stands for 0.3379…
    np.testing.assert_allclose(array, [-1.0, 0.0, 1.0, 0.33791524], rtol=1e-6)


def test_floats_of_4_bits_are_decoded() -> None:
    array = to_array(make("f4e2m1", [6.0, -0.5, 1.5]))

    assert array.dtype == ml_dtypes.float4_e2m1fn
    assert array.astype(float).tolist() == [6.0, -0.5, 1.5]


def test_texts_are_read() -> None:
    constant = Constant(openvino.Tensor(np.array([["a", "bc"]])))

    assert to_array(constant).tolist() == [["a", "bc"]]
