"""Reading TensorFlow Lite files: real ones, and what damage makes of them."""

import importlib
import random
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tflite_models

from pipeline.errors import FormatError

pytestmark = pytest.mark.tensorflow

Parse = Callable[[bytes, str], Any]


@pytest.fixture(scope="module")
def parse_tflite() -> Parse:
    # TensorFlow is imported when these tests run, not when they are collected.
    parse: Parse = importlib.import_module("pipeline.tf.tflite.read_tflite").parse_tflite
    return parse


def read(name: str) -> bytes:
    return (tflite_models.built() / name).read_bytes()


def test_operators_tensors_and_signatures(parse_tflite: Parse) -> None:
    model = parse_tflite(read("int8.tflite"), "m.tflite")

    graph = model.subgraphs[0]
    names = [operator.name for operator in graph.operators]
    assert names[:2] == ["CONV_2D", "DEPTHWISE_CONV_2D"]
    kernel = graph.tensors[graph.operators[0].inputs[1]]
    assert (kernel.dtype, kernel.shape) == ("int8", (40, 3, 3, 3))
    assert kernel.quantization is not None
    assert len(kernel.quantization.scales) == 40


def test_an_open_size_is_none(parse_tflite: Parse) -> None:
    model = parse_tflite(read("open.tflite"), "m.tflite")

    assert model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].shape == (None, 4)


def test_numbers_of_4_bits_and_strings_are_unpacked() -> None:
    reading = importlib.import_module("pipeline.tf.tflite.constants")
    model = importlib.import_module("pipeline.tf.tflite.tflite_model")

    def constant(dtype: str, content: bytes, *shape: int) -> Any:
        tensor = model.Tensor(
            index=0, name="t", shape=shape, dtype=dtype, quantization=None,
            data=np.frombuffer(content, np.uint8), sparsity=None, is_variable=False, place="t",
        )  # fmt: skip
        return reading.read_constant(tensor, model.Bytes(content=b"", name="m")).tolist()

    assert constant("int4", bytes([0x8F, 0x07]), 3) == [-1, -8, 7]
    assert constant("string", struct.pack("<4i", 2, 16, 18, 21) + b"abcde", 2) == [b"ab", b"cde"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "it lacks the identifier TFL3", id="nothing"),
        pytest.param(
            b"\x10\0\0\0TFL3", "byte 16 is outside of the file", id="a root behind the end"
        ),
        pytest.param(struct.pack("<I", 2**31) + b"TFL3", "is outside of the file", id="far away"),
    ],
)
def test_damage_names_the_place(parse_tflite: Parse, content: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=rf"m.tflite: damaged at .*{message}"):
        parse_tflite(content, "m.tflite")


def find_fault(parse_tflite: Parse, content: bytes, name: str) -> str | None:
    try:
        parse_tflite(content, name)
    except FormatError as error:
        return error.message
    return None


@pytest.mark.parametrize("name", ["float32.tflite", "int8.tflite", "signatures.tflite"])
def test_a_damaged_file_is_an_error_of_ours_or_none(parse_tflite: Parse, name: str) -> None:
    sound, stream = read(name), random.Random(name)
    faults = []
    for _ in range(300):
        content = bytearray(sound)
        for _ in range(stream.randint(1, 8)):
            content[stream.randrange(8, len(content))] = stream.randrange(256)
        end = stream.choice([len(content), stream.randrange(8, len(content))])
        faults.append(find_fault(parse_tflite, bytes(content[:end]), name))

    found = [fault for fault in faults if fault]
    assert len(found) > 50
    assert all(fault.startswith(f"{name}: damaged at ") for fault in found)
