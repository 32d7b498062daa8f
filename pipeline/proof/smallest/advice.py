"""Advice on a variant that is withheld: what passes in its place.

A few mixes are tried in TensorFlow, which takes seconds: those that treat all weights alike, and if
none of these passes a way of mixes by the relative error of each weight. A search of the smallest
mix, which takes longer, is left to `smallest`.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.manifest.variant_section import DTYPES, SMALLEST
from pipeline.proof.judge.verdict import Verdict
from pipeline.records.recipe import Recipe
from pipeline.records.variant import VariantRecord
from pipeline.text.quantity import format_bytes, format_ratio
from pipeline.text.suggest import join_words
from pipeline.tfjs.quantize.forms import Form

# What is no smaller than this share of a variant that passes is no advice.
_SMALLER = 0.95
_SEARCH = f"{SMALLEST!r} among its variants searches the smallest mix that passes"


def advise(
    verdicts: Mapping[str, Verdict],
    folders: Mapping[str, Path],
    *,
    base: str,
    try_quickly: Callable[[], Recipe | None],
) -> str | None:
    """Return advice on the variants that are withheld; None if there is none.

    "uint8 in blocks and float16 would pass: 1.4 MiB, 52% of the base; …" is one.

    Args:
        verdicts: The verdict on each variant.
        folders: Their folders.
        base: Name of the base among them.
        try_quickly: Returns the smallest of a few mixes that pass; None if none can be tried.
    """
    if not any(verdict.status == "withheld" for verdict in verdicts.values()):
        return None
    sizes = {name: VariantRecord.load(folders[name]).bytes for name in verdicts}
    passing = [name for name, verdict in verdicts.items() if verdict.status == "ok"]
    best = min(passing, key=lambda name: sizes[name], default=base)
    known = f"{best} passes: {_describe_size(sizes[best], sizes[base])}"
    if best != base and best not in DTYPES:
        return known
    recipe = try_quickly()
    if recipe is not None and recipe.bytes is not None and recipe.bytes < _SMALLER * sizes[best]:
        size = _describe_size(recipe.bytes, sizes[base])
        return f"{describe_forms(recipe)} would pass: {size}; {_SEARCH}"
    return f"{known}; {_SEARCH}" if best != base else _SEARCH


def describe_forms(recipe: Recipe) -> str:
    """Return the forms of a recipe, the most frequent first: "uint8 per channel and float16"."""
    forms = [
        Form(dtype=form.dtype, channels=form.channels, block=form.block and 1, bits=form.bits)
        for form in recipe.forms.values()
    ]
    counts = Counter(str(form).removesuffix(" of 1") for form in forms)
    return join_words([name for name, _ in counts.most_common()])


def _describe_size(num_bytes: int, base_bytes: int) -> str:
    return f"{format_bytes(num_bytes)}, {format_ratio(num_bytes, base_bytes)} of the base"
