"""Advice on variants that are withheld."""

from pathlib import Path

import pytest

from pipeline.proof.judge.verdict import Verdict
from pipeline.proof.smallest.advice import advise, describe_forms
from pipeline.records.recipe import Recipe, RecipeForm
from pipeline.records.variant import VariantRecord

SEARCH = "'smallest' among its variants searches the smallest mix that passes"
CHANNELS = RecipeForm(dtype="uint8", channels=(1,))
HALF = RecipeForm(dtype="float16")
MIX = {"a": CHANNELS, "b": CHANNELS, "c": HALF}


def recipe(num_bytes: int | None, forms: dict[str, RecipeForm] = MIX) -> Recipe:
    return Recipe(
        forms={} if num_bytes is None else forms,
        reason="no mix passes" if num_bytes is None else None,
        bytes=num_bytes,
        share=0.001,
        what="of the range",
        base_bytes=1000,
        tried=(),
        cut=False,
    )


def advice(tmp_path: Path, found: Recipe | None, **variants: tuple[str, int]) -> str | None:
    """Return the advice on variants, each with its status and size."""
    folders = {name: tmp_path / name for name in variants}
    for name, (_, size) in variants.items():
        folders[name].mkdir(exist_ok=True)
        VariantRecord(name=name, bytes=size, weights={}, kept_float32=[]).save(folders[name])
    verdicts = {
        name: Verdict(status=status, reason=None, checks={})  # type: ignore[arg-type]
        for name, (status, _) in variants.items()
    }
    return advise(verdicts, folders, base="base", try_quickly=lambda: found)


@pytest.mark.parametrize(
    ("found", "float16", "expected"),
    [
        pytest.param(
            recipe(300),
            "ok",
            f"uint8 per channel and float16 would pass: 300 B, 30% of the base; {SEARCH}",
            id="smaller than what passes",
        ),
        pytest.param(
            recipe(495), "ok", f"float16 passes: 500 B, 50% of the base; {SEARCH}", id="hardly"
        ),
        pytest.param(
            recipe(None), "ok", f"float16 passes: 500 B, 50% of the base; {SEARCH}", id="nothing"
        ),
        pytest.param(recipe(None), "withheld", SEARCH, id="neither"),
        pytest.param(None, "withheld", SEARCH, id="untried"),
    ],
)
def test_what_would_pass_is_told(
    tmp_path: Path, found: Recipe | None, float16: str, expected: str
) -> None:
    known = {"base": ("ok", 1000), "float16": (float16, 500), "uint8": ("withheld", 250)}

    assert advice(tmp_path, found, **known) == expected


def test_a_searched_variant_that_passes_needs_no_trial(tmp_path: Path) -> None:
    known = {"base": ("ok", 1000), "smallest": ("ok", 280), "uint8": ("withheld", 250)}

    assert advice(tmp_path, recipe(1), **known) == "smallest passes: 280 B, 28% of the base"


def test_where_all_pass_there_is_no_advice(tmp_path: Path) -> None:
    assert advice(tmp_path, recipe(1), base=("ok", 1000), uint8=("ok", 250)) is None


def test_forms_are_told_by_how_many_weights_have_them() -> None:
    blocks = [RecipeForm(dtype="uint8", channels=(0,), block=block) for block in (16, 32)]
    packed = RecipeForm(dtype="uint8", channels=(1,), bits=4)
    forms = dict(enumerate([HALF, packed, packed, packed, *blocks]))
    told = describe_forms(recipe(1, {str(i): form for i, form in forms.items()}))

    assert told == "4 bits per channel, uint8 in blocks and float16"
