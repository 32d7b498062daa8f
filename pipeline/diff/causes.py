"""Causes of a model's changes, from two catalogs and from recipes. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from pipeline.catalog.types import CatalogModel
from pipeline.diff.catalog_reader import ComparedCatalog
from pipeline.diff.change import Cause, CauseKind, Difference, ModelDifference
from pipeline.diff.recipe import Recipe, explain_recipes, explain_tools
from pipeline.engine.receipt import find_changes
from pipeline.proof.judge.value_limits import MANIFEST
from pipeline.text.line import first_line
from pipeline.text.suggest import list_first

Recipes = Callable[[str], tuple[Recipe | None, Recipe | None]]
"""Returns the recipes of a model before and now, by its name; None for an unknown recipe."""

_DIGITS = 8
# The manifest stands before the tools: people look for their own changes first.
_ORDER: tuple[CauseKind, ...] = (
    "failure",
    "source",
    "parameters",
    "tool",
    "pipeline",
    "unknown",
)
_ABOUT = {"value"}
# The one text of the manifest that decides a result: a model is tested and judged by its task.
_TASK = "task"
_UNRECORDED = Cause(
    kind="unknown",
    text="parameters or pipeline; of what the published one was made, nothing is recorded here",
)
_UNEXPLAINED = Cause(
    kind="unknown", text="same source, parameters and tools: a step's code may have changed"
)


def explain_difference(
    difference: Difference, before: ComparedCatalog, after: ComparedCatalog, recipes: Recipes
) -> Difference:
    """Return a difference with the causes of each model's changes.

    Args:
        difference: The difference of the two catalogs.
        before: The earlier catalog.
        after: The later catalog.
        recipes: Returns the recipes of a model.
    """
    models = [
        replace(model, causes=list(_explain(model, before, after, recipes)))
        for model in difference.models
    ]
    return replace(difference, models=models)


def _explain(
    model: ModelDifference, before: ComparedCatalog, after: ComparedCatalog, recipes: Recipes
) -> Iterator[Cause]:
    if model.fate != "changed":
        verb = "has it now" if model.fate == "new" else "does not have it any more"
        yield Cause(kind="parameters", text=f"models.yaml {verb}")
        return
    old, new = before.models[model.name], after.models[model.name]
    if new.status not in ("ok", old.status):
        yield Cause(kind="failure", text=first_line(new.reason) or "no reason given")
    if "failed" in {old.status, new.status}:
        return
    causes = [*_explain_source(old, new)]
    made = [change for change in model.all_changes if change.what not in _ABOUT]
    stated = {change.subject for change in model.all_changes if change.what in _ABOUT}
    was, now = recipes(model.name)
    if was is not None and now is not None:
        causes += explain_recipes(was, now)
    elif made:
        causes += explain_tools(before.zoo.toolchain, after.zoo.toolchain)
        causes += _explain_form(before)
        causes += _explain_stated(model, old, new) if "roles" not in before.absent else ()
    if _TASK in stated:
        texts = find_changes({_TASK: old.task}, {_TASK: new.task})
        causes += [Cause(kind="parameters", text=text) for text in texts]
    if stated - {_TASK}:
        causes.append(Cause(kind="parameters", text="models.yaml describes it in other words"))
    if not causes and new.status == "ok":
        causes.append(_UNRECORDED if was is None or now is None else _UNEXPLAINED)
    yield from sorted(dict.fromkeys(causes), key=lambda cause: _ORDER.index(cause.kind))


def _explain_source(before: CatalogModel, after: CatalogModel) -> Iterator[Cause]:
    old, new = before.source, after.source
    if old.uri != new.uri:
        yield Cause(kind="source", text=f"{old.uri} → {new.uri}")
    if old.sha256 and new.sha256 and old.sha256 != new.sha256:
        digests = " → ".join(f"{side.sha256[:_DIGITS]}…" for side in (old, new) if side.sha256)
        yield Cause(kind="source", text=f"other content: SHA-256 {digests}")
    if old.format != new.format and None not in (old.format, new.format):
        yield Cause(kind="source", text=f"other format: {old.format} → {new.format}")


def _explain_form(before: ComparedCatalog) -> Iterator[Cause]:
    if before.absent:
        fields = ", ".join(sorted(before.absent))
        text = f"an earlier tfjs-zoo made the published one, which tells nothing of {fields}"
        yield Cause(kind="pipeline", text=text)


def _explain_stated(
    model: ModelDifference, before: CatalogModel, after: CatalogModel
) -> Iterator[Cause]:
    """Yield the changes of the manifest that show in the catalogs themselves."""
    if before.source.signature_key != after.source.signature_key:
        text = f"signature {before.source.signature_key} → {after.source.signature_key}"
        yield Cause(kind="parameters", text=text)
    named = [variant.name for variant in model.variants if variant.fate in {"new", "gone"}]
    if named:
        yield Cause(kind="parameters", text=f"models.yaml: variants ({', '.join(named)})")
    roles = before.roles.keys() | after.roles.keys()
    sides = [(before.roles.get(role), after.roles.get(role)) for role in sorted(roles)]
    if any(
        old != new and "manifest" in {side.source for side in (old, new) if side}
        for old, new in sides
    ):
        yield Cause(kind="parameters", text="models.yaml: map")
    old_limits, new_limits = _tolerances(before), _tolerances(after)
    texts = [
        text
        for name in sorted(old_limits.keys() & new_limits.keys())
        if MANIFEST in {old_limits[name]["source"], new_limits[name]["source"]}
        for text in find_changes(old_limits[name], new_limits[name], f"tolerance of {name}")
    ]
    if texts:
        yield Cause(kind="parameters", text=list_first(texts, 1))


def _tolerances(model: CatalogModel) -> dict[str, Any]:
    """Return the tolerance of each output of each variant, by "uint8 scores"."""
    return {
        f"{variant.name} {output}": figures.tolerance.model_dump()
        for variant in model.variants
        for check in variant.checks.values()
        for output, figures in check.outputs.items()
    }
