"""Recipes: writes down what a search found. It opens no file."""

from collections.abc import Collection

from pipeline.proof.smallest.mix_search import Search, Trial
from pipeline.proof.smallest.mixes import Mix
from pipeline.records.recipe import Recipe, RecipeForm, TriedMix
from pipeline.text.quantity import format_bytes


def write_recipe(
    search: Search, best: Trial | None, base_bytes: int, fitted: Collection[str] = ()
) -> Recipe:
    """Return the recipe of a search.

    Args:
        search: The search.
        best: The mix that is taken; None if none passes.
        base_bytes: Size of the base's files.
        fitted: Weights whose rounding with scales is fitted to inputs.
    """
    saved = base_bytes - search.base_bytes
    tried = [
        TriedMix(bytes=saved + one.num_bytes, share=one.share, strain=one.strain, passes=one.passes)
        for one in search.trials
    ]
    return Recipe(
        forms={} if best is None else _forms(best.mix),
        fitted=() if best is None else tuple(name for name in fitted if best.mix[name].is_scaled),
        reason=None if best is not None else _explain(search, saved),
        bytes=None if best is None else saved + best.num_bytes,
        share=None if best is None else best.share,
        what="of the range" if best is None else best.what,
        base_bytes=base_bytes,
        tried=tuple(tried),
        cut=search.cut,
    )


def no_recipe(reason: str) -> Recipe:
    """Return the recipe of a model that cannot be searched."""
    return Recipe(
        forms={}, reason=reason, bytes=None, share=None, what="", base_bytes=0, tried=(), cut=False
    )


def _forms(mix: Mix) -> dict[str, RecipeForm]:
    return {
        name: RecipeForm(dtype=form.dtype, channels=form.channels, block=form.block, bits=form.bits)
        for name, form in sorted(mix.items())
        if form.dtype != "float32"
    }


def _explain(search: Search, left_bytes: int) -> str:
    """Return why no mix passes, with what the nearest would have had."""
    if not search.choices:
        return "none of its weights can be stored in fewer bytes"
    nearest = min(
        (one for one in search.trials if one.strain is not None),
        key=lambda one: (one.strain, one.num_bytes),
        default=None,
    )
    if nearest is None:
        return f"none of {len(search.trials):,} mixes that were tried passes"
    size = format_bytes(left_bytes + nearest.num_bytes)
    return f"no mix passes; the nearest, of {size}: {nearest.reason}"
