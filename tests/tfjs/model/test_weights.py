"""Weights and shards: the values that come out are those that went in."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from graph_models import write_graph_model

from pipeline.errors import FormatError
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.shards import ShardReader, ShardWriter
from pipeline.tfjs.model.weights import walk_weights

Array = npt.NDArray[Any]


def random_weights(rng: np.random.Generator) -> dict[str, Array]:
    """Return weights of all dtypes, some of them empty or scalars."""
    weights: dict[str, Array] = {}
    for number in range(rng.integers(1, 12)):
        shape = tuple(rng.integers(0, 6, size=rng.integers(0, 4)))
        size = int(np.prod(shape))
        match rng.choice(["float32", "int32", "bool", "complex64", "string"]):
            case "string":
                values = np.empty(size, object)
                values[:] = [rng.bytes(rng.integers(0, 20)) for _ in range(size)]
            case "complex64":
                parts = rng.normal(size=(2, size))
                values = (parts[0] + 1j * parts[1]).astype(np.complex64)
            case dtype:
                values = (rng.normal(size=size) * 100).astype(dtype)
        weights[f"w{number}"] = values.reshape(shape)
    return weights


@pytest.mark.parametrize("seed", range(40))
def test_weights_of_any_dtype_and_any_cut(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = random_weights(rng)
    cut = int(rng.integers(0, len(weights) + 1))
    names = list(weights)
    path = write_graph_model(
        tmp_path,
        weights=weights,
        shard_size_bytes=int(rng.integers(1, 64)),
        groups=[names[:cut], names[cut:]],
    )

    read = {
        weight.spec.name: weight.read() for weight in walk_weights(load_model_json(path), tmp_path)
    }
    assert list(read) == names
    for name, values in weights.items():
        assert read[name].dtype == values.dtype
        assert read[name].shape == values.shape
        assert read[name].tolist() == values.tolist()


def test_a_quantized_weight_is_read_both_ways(tmp_path: Path) -> None:
    values = np.array([0, 0.5, 1], np.float32)
    path = write_graph_model(tmp_path, weights={"w": values}, stored={"w": "uint8"})

    for weight in walk_weights(load_model_json(path), tmp_path):
        assert weight.read_stored().tolist() == [0, 128, 255]
        assert weight.read().tolist() == pytest.approx([0, 128 / 255, 1])


def test_each_weight_belongs_to_its_reader_alone(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path)
    for weight in walk_weights(load_model_json(path), tmp_path):
        values = weight.read()
        values[...] = 0

        assert weight.read().any()
        assert weight.read_bytes() == weight.read().tobytes()


def test_a_shard_that_shrinks_while_it_is_read_is_found(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    reader = ShardReader(tmp_path, ["a"])
    (tmp_path / "a").write_bytes(b"12")

    with pytest.raises(FormatError, match="shard 'a' became shorter"):
        reader.read(0, 5)


def test_reading_beyond_the_shards_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    with pytest.raises(FormatError, match="end at byte 5, before byte 6"):
        ShardReader(tmp_path, ["a"]).read(4, 2)


def test_shards_are_cut_named_and_kept_in_order(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, group=2, shard_size_bytes=3)
    for part in (b"", b"ab", b"cdefgh", b"i" * 25):
        writer.write(part)
    names = writer.finish()

    assert writer.size == 33
    assert names == tuple(f"group2-shard{i}of11.bin" for i in range(1, 12))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert [(tmp_path / name).read_bytes() for name in names[:3]] == [b"abc", b"def", b"ghi"]
    reader = ShardReader(tmp_path, names)
    assert reader.read(0, 33) == b"abcdefgh" + b"i" * 25
    assert reader.read(2, 5) == b"cdefg"


def test_nothing_written_is_no_shard(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, group=1, shard_size_bytes=3)

    assert writer.finish() == ()
    assert list(tmp_path.iterdir()) == []


def test_discarded_shards_are_gone(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, group=1, shard_size_bytes=3)
    writer.write(b"abcdef")
    writer.discard()

    assert list(tmp_path.iterdir()) == []
