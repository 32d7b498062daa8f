"""The manifest's texts about a model, and facts about its graph, compared. Pure.

None of these changes the results of a model; another licence may change who can use it.
"""

import json
from collections.abc import Iterator
from typing import Any

from pipeline.catalog.types import CatalogModel
from pipeline.diff.change import Change
from pipeline.text.line import crop_text
from pipeline.text.quantity import count, format_parameters

_STATED = ("license", "licenseUrl", "title", "description", "task", "tags", "homepage")
_MAX_VALUE = 60


def compare_manifest_fields(
    before: CatalogModel, after: CatalogModel, *, absent: frozenset[str]
) -> Iterator[Change]:
    """Yield the changes of the manifest's texts about a model.

    Args:
        before: The model before.
        after: The model now.
        absent: Names of fields that one of the catalogs lacks.
    """
    old, new = (side.model_dump(by_alias=True) for side in (before, after))
    extra = sorted({*(before.model_extra or {}), *(after.model_extra or {})})
    for key in (*_STATED, *extra):
        if key not in absent and old.get(key) != new.get(key):
            yield Change(
                subject=key,
                what="value",
                before=old.get(key),
                after=new.get(key),
                text=f"{key}: {_brief(old.get(key))} → {_brief(new.get(key))}",
            )
    for key in ("uri", "format", "signatureKey"):
        yield from _compare_source(key, old["source"][key], new["source"][key])


def _compare_source(key: str, before: Any, after: Any) -> Iterator[Change]:
    if before != after and None not in (before, after):
        text = f"source: {key} {_brief(before)} → {_brief(after)}"
        yield Change(subject="source", what=key, before=before, after=after, text=text)


def compare_graph(
    before: CatalogModel, after: CatalogModel, *, absent: frozenset[str]
) -> Iterator[Change]:
    """Yield the changes of facts about the graph."""
    if before.parameters != after.parameters and None not in (before.parameters, after.parameters):
        sizes = [format_parameters(side.parameters or 0) for side in (before, after)]
        text = f"graph: {' → '.join(sizes)} parameters"
        yield _graph_change("parameters", before.parameters, after.parameters, text)
    if before.ops != after.ops and "ops" not in absent:
        ops = sorted(before.ops.keys() | after.ops.keys())
        differing = {op: after.ops.get(op, 0) - before.ops.get(op, 0) for op in ops}
        parts = [f"{number:+,} {op}" for op, number in differing.items() if number]
        text = f"graph: ops {crop_text(', '.join(parts), _MAX_VALUE)}"
        yield _graph_change("ops", before.ops, after.ops, text)
    if before.repairs != after.repairs and "repairs" not in absent:
        numbers = " → ".join(count(len(side.repairs), "repair") for side in (before, after))
        yield _graph_change("repairs", before.repairs, after.repairs, f"graph: {numbers}")
    old, new = ([file.sha256 for file in side.vectors] for side in (before, after))
    if old != new and "vectors" not in absent:
        yield _graph_change(
            "vectors", old, new, "test vectors: others, which errors are measured on"
        )


def _graph_change(what: str, before: Any, after: Any, text: str) -> Change:
    return Change(subject="model", what=what, before=before, after=after, text=text)


def _brief(value: Any) -> str:
    if value is None or value == []:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return crop_text(text, _MAX_VALUE)
