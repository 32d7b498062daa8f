"""Variants that were searched: writes a variant with the forms of a recipe."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import DamagedFileError
from pipeline.records.recipe import Recipe
from pipeline.records.signature import Signature
from pipeline.records.variant import VariantRecord
from pipeline.tfjs.model.model_json import ModelJson
from pipeline.tfjs.quantize.choice import DEFAULT_BLOCK, possible_forms
from pipeline.tfjs.quantize.form_files import write_forms
from pipeline.tfjs.quantize.forms import Array, Form
from pipeline.tfjs.quantize.recipe_fields import format_recipe
from pipeline.tfjs.quantize.variant_files import open_base


def write_found_variant(  # noqa: PLR0913  # a variant, and where it goes
    *,
    base: Path,
    signature: Signature | None,
    name: str,
    recipe: Recipe,
    fit: Callable[[Mapping[str, Form]], Mapping[str, Array]],
    shard_size_bytes: int,
    folder: Path,
) -> VariantRecord:
    """Write a variant with the forms of a recipe: model.json and its shards.

    Args:
        base: Folder of the base, with model.json.
        signature: Names and order for a graph model; None changes nothing.
        name: Name of the variant.
        recipe: What the search found.
        fit: See `write_variant`; for a recipe that says `calibrate`.
        shard_size_bytes: Size of a shard.
        folder: An empty folder to write to.

    Returns:
        Its record, with the recipe as fields of models.yaml.

    Raises:
        DamagedFileError: The recipe is not for this base.
        VariantNotSmaller: The variant is not smaller than the base; `folder` stays empty.
        FormatError: The base is damaged.
    """
    model_json = open_base(base, signature)
    forms = read_forms(model_json, recipe)
    record = write_forms(
        model_json=model_json,
        base=base,
        name=name,
        forms=forms,
        numbers=fit(forms) if recipe.calibrate else None,
        shard_size_bytes=shard_size_bytes,
        folder=folder,
    )
    fields = _format_fields(model_json, forms, calibrate=recipe.calibrate)
    return record.model_copy(update={"recipe": fields})


def recipe_fields(base: Path, signature: Signature | None, recipe: Recipe) -> dict[str, Any]:
    """Return a recipe for a base as fields of a variant in models.yaml.

    Raises:
        DamagedFileError: The recipe is not for this base.
    """
    model_json = open_base(base, signature)
    forms = read_forms(model_json, recipe)
    return _format_fields(model_json, forms, calibrate=recipe.calibrate)


def read_forms(model_json: ModelJson, recipe: Recipe) -> dict[str, Form]:
    """Return the forms of a recipe.

    Args:
        model_json: What `open_base` returns.
        recipe: The recipe.

    Raises:
        DamagedFileError: The recipe is not for this base.
    """
    possible = possible_forms(model_json)
    forms = {
        weight: Form(dtype=form.dtype, channels=form.channels, block=form.block, bits=form.bits)
        for weight, form in recipe.forms.items()
    }
    for weight, form in forms.items():
        if form not in possible.get(weight, ()):
            raise DamagedFileError(f"{Recipe.FILE}: {weight} has no form {form} in this base")
    return forms


def _format_fields(
    model_json: ModelJson, forms: Mapping[str, Form], *, calibrate: bool
) -> dict[str, Any]:
    fields = format_recipe(forms, list(possible_forms(model_json)), block=DEFAULT_BLOCK)
    return {**fields, "calibrate": True} if calibrate else fields
