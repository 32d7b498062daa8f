"""Reading TensorFlow Lite files: real ones, and what damage makes of them."""

import random
import struct

import pytest
import tflite_models

from pipeline.errors import FormatError

pytestmark = pytest.mark.tensorflow


def read(name: str) -> bytes:
    return (tflite_models.built() / name).read_bytes()


def test_operators_tensors_and_signatures() -> None:
    from pipeline.tf.tflite.tflite_model import parse_tflite

    model = parse_tflite(read("int8.tflite"), "m.tflite")

    graph = model.subgraphs[0]
    names = [operator.name for operator in graph.operators]
    assert names[:2] == ["CONV_2D", "DEPTHWISE_CONV_2D"]
    kernel = graph.tensors[graph.operators[0].inputs[1]]
    assert (kernel.dtype, kernel.shape) == ("int8", (40, 3, 3, 3))
    assert kernel.quantization is not None
    assert len(kernel.quantization.scales) == 40


def test_an_open_size_is_none() -> None:
    from pipeline.tf.tflite.tflite_model import parse_tflite

    model = parse_tflite(read("open.tflite"), "m.tflite")

    assert model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].shape == (None, 4)


def test_numbers_of_4_bits_and_strings_are_unpacked() -> None:
    import numpy as np

    from pipeline.tf.tflite.constants import read_constant
    from pipeline.tf.tflite.flatbuffer import Bytes
    from pipeline.tf.tflite.tflite_model import Tensor

    def constant(dtype: str, content: bytes, *shape: int) -> list[object]:
        tensor = Tensor(
            index=0, name="t", shape=shape, dtype=dtype, quantization=None,
            data=np.frombuffer(content, np.uint8), sparsity=None, is_variable=False, place="t",
        )  # fmt: skip
        values: list[object] = read_constant(tensor, Bytes(content=b"", name="m")).tolist()
        return values

    assert constant("int4", bytes([0x8F, 0x07]), 3) == [-1, -8, 7]
    assert constant("string", struct.pack("<4i", 2, 16, 18, 21) + b"abcde", 2) == [b"ab", b"cde"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "it lacks the identifier TFL3", id="nothing"),
        pytest.param(b"\x10\0\0\0TFL3", "byte 16 is outside of the file", id="a root behind the end"),
        pytest.param(struct.pack("<I", 2**31) + b"TFL3", "is outside of the file", id="far away"),
    ],
)
def test_damage_names_the_place(content: bytes, message: str) -> None:
    from pipeline.tf.tflite.tflite_model import parse_tflite

    with pytest.raises(FormatError, match=rf"m.tflite: damaged at .*{message}"):
        parse_tflite(content, "m.tflite")


@pytest.mark.parametrize("name", ["float32.tflite", "int8.tflite", "signatures.tflite"])
def test_a_damaged_file_is_an_error_of_ours_or_none(name: str) -> None:
    from pipeline.tf.tflite.tflite_model import parse_tflite

    sound, stream = read(name), random.Random(name)
    num_refused = 0
    for _ in range(300):
        content = bytearray(sound)
        for _ in range(stream.randint(1, 8)):
            content[stream.randrange(8, len(content))] = stream.randrange(256)
        del content[stream.choice([len(content), stream.randrange(8, len(content))]):]
        try:
            parse_tflite(bytes(content), name)
        except FormatError as error:
            num_refused += 1
            assert error.message.startswith(f"{name}: damaged at ")
    assert num_refused > 50
