"""The judge of mixes: stricter than that of `verify`, by a margin and in its groups."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from pipeline.proof.judge.check import Candidate
from pipeline.proof.judge.model_under_test import ModelUnderTest
from pipeline.proof.smallest.judge_mix import MixJudge, deciding_vectors, mix_dtype
from pipeline.proof.smallest.mixes import Array
from pipeline.proof.vector_files import Vector, Vectors
from pipeline.tfjs.quantize.forms import AS_IN_BASE, Form

BYTE = {"w": Form(dtype="uint8")}
Y = np.linspace(0, 1, 40, dtype=np.float32).reshape(1, 40)


def vector(values: Array = Y, **others: str) -> Vector:
    return Vector(inputs={"x": values}, outputs={"y": values}, **others)  # type: ignore[arg-type]


def judge(vectors: Sequence[Vector], base: Sequence[Mapping[str, Array]] | None = None) -> MixJudge:
    return MixJudge(
        model=ModelUnderTest(
            outputs=["y"],
            roles={},
            selection={},
            vectors=Vectors(vectors=vectors, seed="", runtime=""),
        ),
        candidate=Candidate(name="smallest"),
        base=base or [one.outputs for one in vectors],
        outputs=["y"],
    )


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        pytest.param(0.008, True, id="well within 1 %"),
        pytest.param(0.0095, False, id="within 1 %, but not with the margin"),
        pytest.param(0.02, False, id="beyond"),
    ],
)
def test_a_mix_passes_with_a_margin(error: float, passes: bool) -> None:
    judging = judge([vector()])
    found = {0: {"y": Y + np.float32(error)}}
    trial = judging.judge(BYTE, 10, found, judging.base_groups())

    assert trial.passes == passes
    assert trial.failing == (set() if passes else {0})
    # What is told is the error itself.
    assert trial.share == pytest.approx(error, rel=0.05)
    assert trial.strain == pytest.approx(error / 0.01, rel=0.05)


def test_a_mix_has_to_be_right_on_each_group_on_which_the_base_is() -> None:
    groups = [vector(group="0..1"), vector(255 * Y, group="0..255")]
    wrong = {"y": 255 * Y + np.float32(9)}
    both = judge(groups)
    one = judge(groups, [groups[0].outputs, {"y": 255 * Y + np.float32(99)}])

    assert set(both.base_groups()) == {"0..1", "0..255"}
    assert set(one.base_groups()) == {"0..1"}
    for judging, passes in ((both, False), (one, True)):
        trial = judging.judge(BYTE, 10, {0: {"y": Y}, 1: wrong}, judging.base_groups())
        assert trial.passes == passes


def test_a_base_that_tensorflow_gets_wrong_has_no_groups() -> None:
    assert not judge([vector()], [{"y": Y + np.float32(1)}]).base_groups()


def test_nan_never_passes() -> None:
    judging = judge([vector()])
    found = {0: {"y": np.where(Y > 0.5, np.float32(np.nan), Y)}}

    assert not judging.judge(BYTE, 10, found, judging.base_groups()).passes


def test_extreme_values_do_not_decide() -> None:
    assert deciding_vectors(judge([vector(), vector(kind="edge")]).model) == [0]
    assert deciding_vectors(judge([vector(kind="edge")]).model) == [0]


@pytest.mark.parametrize(
    ("forms", "dtype"),
    [
        pytest.param([AS_IN_BASE], "float32", id="the base"),
        pytest.param([AS_IN_BASE, Form(dtype="float16")], "float16", id="float16"),
        pytest.param([Form(dtype="float16"), Form(dtype="uint8")], "uint8", id="the loosest"),
    ],
)
def test_the_loosest_dtype_of_a_mix_has_its_limit(forms: list[Form], dtype: str) -> None:
    assert mix_dtype({str(i): form for i, form in enumerate(forms)}) == dtype
