"""The page of a model: its entry in the catalog, and facts derived from it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.catalog.deviation import (
    BACKENDS,
    Deviation,
    deciding_backend,
    sort_backends,
    worst_deviation,
)
from pipeline.catalog.types import CatalogModel, CatalogVariant
from pipeline.proof.judge.task_figures import say_figure
from pipeline.records.verdicts import CatalogCheck
from pipeline.site.chart import Chart, ChartVariant, draw_chart
from pipeline.site.code_tabs import Tab, describe_tabs
from pipeline.site.contract_rows import Fact, describe_contracts
from pipeline.site.role_texts import RoleText, describe_roles
from pipeline.site.trial import Trial, describe_trial

BASE = "base"


@dataclass(frozen=True, kw_only=True)
class BackendRow:
    """A variant on a backend.

    Attributes:
        backend: Its name.
        check: The result of the backend.
        deviation: The largest deviation of an output from the source; None where it was not
            measured.
    """

    backend: str
    check: CatalogCheck
    deviation: Deviation | None


@dataclass(frozen=True, kw_only=True)
class VariantRow:
    """A variant of a model.

    Attributes:
        variant: Its entry in the catalog.
        timing: Its name in timings.json.
        deviation: Its deviation from the source; None where it was not measured.
        backends: Its results on each backend.
        decided_on: The backend whose figures stand for it; None where no backend ran it.
        kept: What is kept of outputs that their task judges: "mask: the areas overlap by 0.98 of
            their union".
    """

    variant: CatalogVariant
    timing: str
    deviation: Deviation | None
    backends: Sequence[BackendRow]
    decided_on: str | None
    kept: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class ModelPage:
    """The page of a model.

    Attributes:
        model: Its entry in the catalog.
        rows: Its variants, the base first.
        published: The variants with files.
        contracts: The facts of each input, by its name.
        backends: All backends of TensorFlow.js, and others on which a variant was run.
        chart: A chart of size and error; None for fewer than two variants.
        roles: Its roles in words.
        trial: What a reader can try; None for a model that is not published.
        tabs: Code that uses it; empty for a model that is not published.
        smallest: The smallest variant that is published, which the code loads.
        base_bytes: Size of the base; None for a base that is not published.
        test_bytes: Size of the test vectors.
        extra: Values of the manifest's `extra`, by key.
    """

    model: CatalogModel
    rows: Sequence[VariantRow]
    published: Sequence[CatalogVariant]
    contracts: dict[str, Sequence[Fact]]
    backends: Sequence[str]
    chart: Chart | None
    roles: Sequence[RoleText]
    trial: Trial | None
    tabs: Sequence[Tab]
    smallest: CatalogVariant | None
    base_bytes: int | None
    test_bytes: int
    extra: dict[str, object]


def describe_model(model: CatalogModel) -> ModelPage:
    """Return the page of a model."""
    rows = [_row(model, number) for number in range(len(model.variants))]
    checked = {one.backend for row in rows for one in row.backends}
    published = [variant for variant in model.variants if variant.status == "ok"]
    smallest = min(published, key=lambda variant: variant.bytes or 0, default=None)
    trial = describe_trial(model) if published else None
    return ModelPage(
        model=model,
        rows=rows,
        published=published,
        contracts=describe_contracts(model),
        backends=sort_backends(sorted({*BACKENDS, *checked})),
        chart=draw_chart(list(_chart_variants(rows))),
        roles=describe_roles(model),
        trial=trial,
        tabs=describe_tabs(model, smallest, trial) if smallest and trial else (),
        smallest=smallest,
        base_bytes=model.variants[0].bytes if model.variants else None,
        test_bytes=sum(file.bytes for file in model.vectors),
        extra=dict(sorted((model.model_extra or {}).items())),
    )


def _row(model: CatalogModel, number: int) -> VariantRow:
    variant = model.variants[number]
    decided_on = deciding_backend(variant, model.variants[0])
    backends = [
        BackendRow(
            backend=name,
            check=variant.checks[name],
            deviation=worst_deviation(variant.checks[name], model.outputs),
        )
        for name in sort_backends(list(variant.checks))
    ]
    return VariantRow(
        variant=variant,
        timing=variant.name if number else BASE,
        deviation=next((one.deviation for one in backends if one.backend == decided_on), None),
        backends=backends,
        decided_on=decided_on,
        kept=_say_kept(model, variant.checks[decided_on]) if decided_on else (),
    )


def _say_kept(model: CatalogModel, check: CatalogCheck) -> list[str]:
    if check.agreement != "close":
        return []
    roles = {output.name: (output.role or "").split(", ") for output in model.outputs}
    said = {
        name: say_figure(roles.get(name, ()), figures.metrics)
        for name, figures in check.outputs.items()
        if figures.gate == "values"
    }
    return [f"{name}: {words}" for name, words in said.items() if words is not None]


def _chart_variants(rows: Sequence[VariantRow]) -> Iterator[ChartVariant]:
    for row in rows:
        if row.deviation is not None and row.variant.status in {"ok", "withheld"}:
            yield ChartVariant(
                name=row.variant.name,
                published=row.variant.status == "ok",
                size_bytes=row.variant.bytes,
                deviation=row.deviation,
            )
