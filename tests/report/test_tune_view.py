"""The view of a search: as text, as a page, and as lines for models.yaml."""

from pathlib import Path
from typing import Any

import yaml

from pipeline.manifest.variant_section import Variant
from pipeline.records.recipe import Recipe, RecipeForm, TriedMix
from pipeline.report.tune_view import format_page, format_tuning, format_yaml
from pipeline.text.line import plain_text

FIELDS: dict[str, Any] = {
    "quantize_float16": True,
    "quantize_uint8": ["*/kernel"],
    "per_channel": ["a/kernel"],
    "block": {"size": 32, "weights": ["b/kernel"]},
    "four_bits": ["a/kernel"],
}


def tried(size: int, share: float | None, *, passes: bool) -> TriedMix:
    return TriedMix(bytes=size, share=share, strain=None, passes=passes)


FOUND = Recipe(
    forms={"a/kernel": RecipeForm(dtype="uint8")},
    reason=None,
    bytes=400_000,
    share=0.008,
    what="of the range",
    base_bytes=2_000_000,
    tried=(
        tried(200_000, 0.9, passes=False),
        tried(300_000, 0.04, passes=False),
        tried(400_000, 0.008, passes=True),
        tried(1_000_000, 0.001, passes=True),
        tried(350_000, None, passes=False),
    ),
    cut=False,
)
NOTHING = FOUND.model_copy(
    update={
        "forms": {},
        "reason": "no mix passes; the nearest, of 9 KiB: y: too far",
        "bytes": None,
    }
)
TEXT = """\
hand  base 1.9 MiB, 5 mixes tried
    100 % ·



     10 %
                 ·

      1 %
                         ◆


    0.1 %                                                            o
          195 KiB                                              977 KiB
          ◆ smallest that passes   o passes   · does not
smallest: 391 KiB, 20% of the base; at most 0.8 % of the range off
variants:
- name: smallest
  quantize_float16: true
  quantize_uint8: ['*/kernel']
  per_channel: [a/kernel]
  block:
    size: 32
    weights: [b/kernel]
  four_bits: [a/kernel]
page: .zoo/tune/hand.html

"""


def view(recipe: Recipe, fields: dict[str, Any]) -> str:
    page = Path(".zoo/tune/hand.html")
    return plain_text(format_tuning("hand", recipe, fields, page=page, width=100))


def test_size_and_error_are_drawn_above_the_lines_for_the_manifest() -> None:
    assert view(FOUND, FIELDS) == TEXT


def test_where_nothing_passes_the_nearest_is_told() -> None:
    text = view(NOTHING, {})

    assert "no mix passes; the nearest, of 9 KiB: y: too far" in text
    assert "variants:" not in text


def test_a_search_that_time_cut_short_says_so() -> None:
    assert "--seconds gives more" in view(FOUND.model_copy(update={"cut": True}), FIELDS)


def test_the_lines_are_a_variant_of_a_manifest() -> None:
    [entry] = yaml.safe_load(format_yaml(FIELDS))["variants"]

    variant = Variant.model_validate(entry)
    assert (variant.per_channel, variant.four_bits) == (("a/kernel",), ("a/kernel",))
    assert variant.quantize == {"float16": ("*",), "uint8": ("*/kernel",)}


def test_the_page_draws_each_mix_and_shows_names_as_text() -> None:
    page = format_page("<b>hand</b>", FOUND, FIELDS)

    assert [page.count(f'<circle class="{kind}"') for kind in ("fails", "passes", "best")] == [
        2,
        1,
        1,
    ]
    assert "&lt;b&gt;hand" in page
    assert "<b>" not in page
    assert "four_bits: [a/kernel]" in page
    assert "<svg" not in format_page("hand", NOTHING.model_copy(update={"tried": ()}), {})
