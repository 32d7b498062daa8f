"""Sizes: which are tried for open shapes, and in which order."""

import math

import pytest

from pipeline.proof.inputs.input_shapes import (
    KnownShape,
    list_sizes,
    name_axes,
    resolve_shape,
    state_sizes,
)
from pipeline.proof.inputs.size_growth import MAX_BYTES
from pipeline.records.contract import InputContract
from pipeline.records.signature import TensorSpec

Shape = tuple[int | None, ...]


def tensor(shape: Shape | None, name: str = "x", dtype: str = "float32") -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=shape)


def try_shapes(spec: TensorSpec, task: str | None = None) -> list[KnownShape]:
    """Return the shapes of an input in the order in which they are tried."""
    tried = list_sizes([spec], task=task, contracts={})
    return [resolve_shape(spec, sizes, task=task) for sizes in tried]


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        pytest.param((None, None, 4), lambda s: s[1] >= 10_001, id="10,001 letters"),
        pytest.param((None, None, 4), lambda s: s[1] % 1000 == 0, id="thousands"),
        pytest.param((None, None, 80), lambda s: s[1] % 32 == 1, id="2^k + 1 frames"),
        pytest.param((None, None), lambda s: s[1] >= 1_000_000, id="a million numbers"),
        pytest.param((None, 4, None), lambda s: s[2] >= 5000, id="channels first"),
        pytest.param((None, None, None, 3), lambda s: s[1] % 32 == 1, id="2^k + 1 pixels"),
        pytest.param((None, None, None, 3), lambda s: s[1] % 1024 == 0, id="1,024 pixels"),
        pytest.param((None, None, 1, 4), lambda s: s[1] >= 10_001, id="letters as a picture"),
    ],
)
def test_sizes_grow_until_the_model_runs(shape: Shape, wanted: object) -> None:
    assert callable(wanted)
    tried = try_shapes(tensor(shape))
    found = [one for one in tried if wanted(one)]

    assert found
    assert all(size in (None, got) for size, got in zip(shape, found[0], strict=True))
    assert len(tried) < 120


@pytest.mark.parametrize("shape", [(None, None), (None, None, 80), (None, 4, None)])
def test_growth_ends_at_a_limit_of_bytes(shape: Shape) -> None:
    sizes = [4 * math.prod(one) for one in try_shapes(tensor(shape))]

    assert MAX_BYTES / 8 < max(sizes) <= MAX_BYTES


def test_usual_sizes_come_before_others() -> None:
    tried = try_shapes(tensor((None, None)))

    assert tried[0] == (1, 16)
    assert tried.index((1, 512)) < tried.index((1, 1024)) < tried.index((1, 16384))
    assert tried.index((1, 16384)) < tried.index((1, 10_000)) < tried.index((8, 16))


@pytest.mark.parametrize(
    ("shape", "name", "first", "later"),
    [
        ((None, None, 4), "dna", (1, 16, 4), (224, 224, 4)),
        ((None, None, 4), "image", (224, 224, 4), (1, 16, 4)),
        ((None, None, 3), "x", (224, 224, 3), (1, 16, 3)),
    ],
)
def test_a_shape_with_two_meanings_is_tried_in_both(
    shape: Shape, name: str, first: KnownShape, later: KnownShape
) -> None:
    tried = try_shapes(tensor(shape, name))

    assert tried[0] == first
    assert later in tried


def test_inputs_of_one_model_have_the_same_meaning() -> None:
    specs = [tensor((None, None, 4), name) for name in ("a", "b")]
    for sizes in list_sizes(specs, task=None, contracts={}):
        first, second = (resolve_shape(spec, sizes, task=None) for spec in specs)
        assert first == second


def test_sizes_that_a_contract_states_are_the_only_ones() -> None:
    (spec,) = state_sizes([tensor((None, None, 4))], {"x": InputContract(sizes=[1, 10240, 4])})

    assert spec.shape == (None, 10240, 4)
    assert "batch" in name_axes(spec, task=None)
    assert {shape[1:] for shape in try_shapes(spec)} == {(10240, 4)}


@pytest.mark.parametrize(
    ("shape", "sizes", "result"),
    [
        (None, [1, 16, 16, 3], (1, 16, 16, 3)),
        ((None, None), [8, 16], (8, 16)),
        ((1, None), [1, 16], (1, 16)),
        ((), [], ()),
    ],
)
def test_stated_sizes_fill_open_ones(
    shape: Shape | None, sizes: list[int], result: KnownShape
) -> None:
    (spec,) = state_sizes([tensor(shape)], {"x": InputContract(sizes=sizes)})

    assert spec.shape == result
