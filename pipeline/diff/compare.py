"""Comparing two catalogs: models that are new, gone or changed. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipeline.catalog.types import CatalogModel
from pipeline.diff.catalog_reader import ComparedCatalog
from pipeline.diff.change import Change, Difference, Mark, ModelDifference, VariantDifference
from pipeline.diff.interface import compare_interface
from pipeline.diff.manifest_fields import compare_graph, compare_manifest_fields
from pipeline.diff.variant_changes import compare_variants
from pipeline.text.line import first_line


def compare_catalogs(before: ComparedCatalog, after: ComparedCatalog) -> Difference:
    """Return the difference of two catalogs, without causes."""
    absent = before.absent | after.absent
    old, new = before.models, after.models
    found = [
        *(_new(new[name]) for name in new.keys() - old.keys()),
        *(_gone(old[name]) for name in old.keys() - new.keys()),
        *(_changed(old[name], new[name], absent) for name in old.keys() & new.keys()),
    ]
    models = [model for model in found if model.all_changes]
    tools = {
        tool: (version, after.zoo.toolchain[tool])
        for tool, version in sorted(before.zoo.toolchain.items())
        if after.zoo.toolchain.get(tool, version) != version
    }
    return Difference(
        before=before.shown,
        after=after.shown,
        is_first=not old and not before.num_same,
        toolchain=tools,
        models=sorted(models, key=lambda model: model.name),
        unchanged=len(found) - len(models) + before.num_same,
    )


def _new(model: CatalogModel) -> ModelDifference:
    status = "" if model.status == "ok" else f", {_why(model)}"
    return ModelDifference(
        name=model.name,
        fate="new",
        before=None,
        after=model.status,
        changes=[_change("new", None, model.status, f"new{status}")],
        variants=_silence(compare_variants(None, model, absent=frozenset())),
    )


def _gone(model: CatalogModel) -> ModelDifference:
    marks: Sequence[Mark] = ("breaking",) if model.model_path else ()
    loss = "" if model.model_path else ", of which nothing was offered"
    return ModelDifference(
        name=model.name,
        fate="gone",
        before=model.status,
        after=None,
        changes=[_change("gone", model.status, None, f"gone{loss}", *marks)],
        variants=_silence(compare_variants(model, None, absent=frozenset())),
    )


def _silence(variants: Sequence[VariantDifference]) -> list[VariantDifference]:
    """Return variants without changes: that their model is new or gone says everything."""
    return [replace(variant, changes=()) for variant in variants]


def _changed(before: CatalogModel, after: CatalogModel, absent: frozenset[str]) -> ModelDifference:
    changes = [*_compare_status(before, after)]
    variants: Sequence[VariantDifference] = ()
    if before.status == "failed" or after.status == "failed":
        # Nothing is known about a failed model, so its outputs and variants do not count as gone.
        if after.status != "failed":
            variants = _silence(compare_variants(None, after, absent=absent))
    else:
        changes += compare_interface(before, after, absent=absent)
        changes += compare_graph(before, after, absent=absent)
        variants = compare_variants(before, after, absent=absent)
        if "provisional" not in absent:
            changes += _compare_provisional(before, after)
    changes += compare_manifest_fields(before, after, absent=absent)
    return ModelDifference(
        name=before.name,
        fate="changed",
        before=before.status,
        after=after.status,
        changes=changes,
        variants=variants,
    )


def _compare_status(before: CatalogModel, after: CatalogModel) -> Iterator[Change]:
    if before.status == after.status:
        return
    marks: Sequence[Mark] = ()
    if after.status == "ok":
        text, marks = "works again" if before.stale_since else "works now", ("improvement",)
    elif after.status == "stale":
        text = "stale: it failed, and what was built before is offered"
        marks = ("improvement",) if before.status == "failed" else ("regression",)
    else:
        text = "failed, with nothing to offer; what is published of it stays"
        marks = ("regression",)
    yield _change("status", before.status, after.status, text, *marks)


def _compare_provisional(before: CatalogModel, after: CatalogModel) -> Iterator[Change]:
    old, new = before.provisional, after.provisional
    marks: Sequence[Mark] = ()
    if old == new:
        return
    if new is None:
        text, marks = "verdicts are no longer provisional", ("improvement",)
    elif old is None:
        text, marks = f"verdicts are provisional: {first_line(new)}", ("regression",)
    else:
        text = f"verdicts are provisional for another reason: {first_line(new)}"
    yield _change("provisional", old, new, text, *marks)


def _why(model: CatalogModel) -> str:
    reason = first_line(model.reason)
    return f"{model.status}: {reason}" if reason else model.status


def _change(what: str, before: str | None, after: str | None, text: str, *marks: Mark) -> Change:
    return Change(
        subject="model", what=what, before=before, after=after, text=text, marks=tuple(marks)
    )
