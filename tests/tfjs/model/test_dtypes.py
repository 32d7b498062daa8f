"""Dtypes: three spellings of one thing."""

from typing import Any

import pytest

from pipeline.tfjs.model.dtypes import format_dtype, js_dtype, parse_dtype


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        ("DT_FLOAT", "float32"),
        (1, "float32"),
        ("DT_HALF", "float16"),
        (19, "float16"),
        ("DT_UINT8", "uint8"),
        (20, "resource"),
        ("DT_INVALID", None),
        (0, None),
        (101, None),
        (True, None),
        (1.0, None),
        (None, None),
        ("float32", None),
        (["DT_FLOAT"], None),
    ],
)
def test_protobufs_spelling(wire: Any, name: str | None) -> None:
    assert parse_dtype(wire) == name


@pytest.mark.parametrize("number", range(1, 24))
def test_each_dtype_goes_there_and_back(number: int) -> None:
    name = parse_dtype(number)

    assert name is not None
    assert parse_dtype(format_dtype(name)) == name


@pytest.mark.parametrize(
    ("dtype", "computed"),
    [("uint8", "int32"), ("int64", "int32"), ("float16", "float32"), ("resource", None)],
)
def test_what_tensorflowjs_computes_in(dtype: str, computed: str | None) -> None:
    assert js_dtype(dtype) == computed
