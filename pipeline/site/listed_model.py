"""The part of a model that files of the zoo as a whole show: its list, index and types. Pure.

It is kept with the model's page, so that these files can be written without a look at the entries
of models that have not changed.
"""

from collections.abc import Sequence

from pipeline.catalog.deviation import sort_backends
from pipeline.catalog.index import IndexModel, index_model
from pipeline.catalog.phrases import format_sizes
from pipeline.catalog.types import CatalogModel, CatalogTensor
from pipeline.catalog.verdict_words import ModelVerdicts, judge_model
from pipeline.records.record import Part
from pipeline.site.role_texts import sort_roles
from pipeline.site.typescript import format_model

_MOST_INPUTS = 2
_MOST_RESULTS = 5


class ListedModel(Part):
    """A model as the files of the zoo as a whole show it."""

    index: IndexModel
    """Its line in the index."""
    types: str
    """Its part of the loader's types; "" if it is not published."""
    verdicts: ModelVerdicts
    """How its variants were judged."""
    reason: str | None
    """Why it is not `ok`."""
    stale_since: str | None
    """When it first failed, in UTC; None unless it is stale."""
    takes: str
    """Its inputs: "320 x 320 x 3", "text"."""
    gives: tuple[str, ...]
    """Its outputs, by role, or by name for a model without roles."""
    has_roles: bool
    """Whether `gives` are roles."""
    more: int
    """Number of outputs that `gives` leaves out."""
    sizes: tuple[int, ...]
    """Size of each published variant in bytes."""
    backends: tuple[str, ...]
    """Backends on which a published variant is proved."""
    provisional: str | None
    """Why its verdicts say little; None where they hold."""


def list_model(model: CatalogModel) -> ListedModel:
    """Return the part of a model that files of the zoo as a whole show."""
    published = [variant for variant in model.variants if variant.status == "ok"]
    proved = {
        backend
        for variant in published
        for backend, check in variant.checks.items()
        if check.status == "ok"
    }
    gives = sort_roles(model) or [output.name for output in model.outputs]
    return ListedModel(
        index=index_model(model),
        types=format_model(model),
        verdicts=judge_model(model),
        reason=model.reason,
        stale_since=model.stale_since,
        takes=_describe_inputs(model.inputs),
        gives=tuple(gives[:_MOST_RESULTS]),
        has_roles=bool(model.map),
        more=max(max(len(model.outputs), len(gives)) - _MOST_RESULTS, 0),
        sizes=tuple(variant.bytes or 0 for variant in published),
        backends=tuple(sort_backends(sorted(proved))),
        provisional=model.provisional if model.variants else None,
    )


def _describe_inputs(inputs: Sequence[CatalogTensor]) -> str:
    if len(inputs) > _MOST_INPUTS:
        return f"{len(inputs)} inputs"
    return ", ".join(_describe_input(one) for one in inputs)


def _describe_input(tensor: CatalogTensor) -> str:
    sizes = format_sizes(tensor.shape)
    if tensor.js_dtype == "string":
        return f"text {sizes}".rstrip()
    return sizes or "1"
