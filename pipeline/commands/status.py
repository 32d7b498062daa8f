"""`tfjs-zoo status`: the models, failures and verdicts that the last run left."""

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from doit.cmd_base import DoitCmdBase
from doit.exceptions import InvalidCommand

from pipeline.commands.arguments import options_first
from pipeline.commands.entries import load_entries
from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.disk.layout import REPORT_PAGE
from pipeline.engine.outcome import load_outcome
from pipeline.report.step_line import task_title
from pipeline.report.terminal import open_screen
from pipeline.steps.graph import Graph
from pipeline.steps.wish import NONE, Wish
from pipeline.text.line import BLANK, Line, first_line, wrap_text
from pipeline.text.quantity import count
from pipeline.text.suggest import did_you_mean, find_similar

if TYPE_CHECKING:
    from pipeline.catalog.types import CatalogModel

_OPTION_WITHHELD = {
    "name": "withheld",
    "short": "",
    "long": "withheld",
    "type": bool,
    "default": False,
    "help": "tell why each variant is withheld or fails, and what would pass in its place",
}


class Status(ZooCommand, DoitCmdBase):  # type: ignore[misc]  # doit has no types
    """Show what the zoo holds."""

    name = "status"
    doc_purpose = PURPOSES[name]
    doc_usage = "[MODEL ...]"
    doc_description = "It runs nothing; `plan` lists what a run would do."
    cmd_options = (_OPTION_WITHHELD,)

    def wish(self, _params: Any, _args: Any) -> Wish:
        """Return that it needs no task of a model."""
        return NONE

    def parse_execute(self, in_args: Sequence[str]) -> Any:
        """Accept options after the models."""
        return super().parse_execute(options_first(in_args, with_value=("-d", "--dir")))

    def _execute(self, withheld: bool, pos_args: list[str]) -> int:  # noqa: FBT001  # doit calls it
        graph: Graph = self.loader.namespace["GRAPH"]
        names = _choose(graph, pos_args)
        built = [name for name in names if graph.jobs[f"card:{name}"].outcome_file.exists()]
        models = load_entries(graph, built)
        screen = open_screen(sys.stdout, os.environ)
        if withheld:
            from pipeline.report.withheld import format_reasons

            screen.show(format_reasons(models, width=screen.width))
        else:
            screen.show(list(_format(graph, names, models, screen.width)))
        screen.close()
        return 0


def _choose(graph: Graph, named: Sequence[str]) -> list[str]:
    """Return the names of the chosen models, of all if none is named.

    Raises:
        InvalidCommand: The zoo has no such model.
    """
    known = [model.name for model in graph.zoo.models]
    for name in named:
        if name not in known:
            meant = did_you_mean(find_similar(name, known))
            raise InvalidCommand(f"status: '{name}' is not a model of models.yaml{meant}")
    return list(dict.fromkeys(named)) or known


def _format(
    graph: Graph, names: Sequence[str], models: Sequence["CatalogModel"], width: int | None
) -> Iterator[Line]:
    """Yield the table of models, then failures and withheld variants, and last the numbers."""
    from pipeline.catalog.model_table import format_models_table
    from pipeline.catalog.verdict_words import count_verdicts
    from pipeline.report.withheld import format_withheld

    failures = _find_failures(graph, names)
    failed = [
        line
        for task, reason in failures.items()
        for line in wrap_text(f"✗ {task_title(task)}: {reason}", "bad", indent="", width=width)
    ]
    parts = (
        format_models_table(models, width=width, reasons=False),
        failed,
        format_withheld(models, width=width),
    )
    for part in filter(None, parts):
        yield from (*part, BLANK)
    verdicts = count_verdicts(models)
    if variants := verdicts.describe_variants():
        yield from wrap_text(f"Variants: {variants}", "dim", indent="", width=width)
    if provisional := verdicts.describe_provisional():
        text = f"Provisional: verdicts on {provisional}; the catalog says why"
        yield from wrap_text(text, "warn", indent="", width=width)
    if (graph.layout.dist / REPORT_PAGE).is_file():
        yield ((f"Report of the last run: {graph.layout.output}/{REPORT_PAGE}", "dim"),)
    yield from wrap_text(_count(names, models), "bold", indent="", width=width)


def _find_failures(graph: Graph, names: Sequence[str]) -> Mapping[str, str]:
    """Return the reasons of the steps that failed, by task; the skipped follow from them."""
    jobs = (job for job in graph.jobs.values() if job.model is None or job.model in names)
    outcomes = ((job.task, load_outcome(job.outcome_file)) for job in jobs)
    return {
        task: first_line(outcome.reason) or "no reason given"
        for task, outcome in outcomes
        if outcome is not None and outcome.status == "failed"
    }


def _count(names: Sequence[str], models: Sequence["CatalogModel"]) -> str:
    """Return the number of models by status: "29 models: 27 ok, 1 failed, 1 not built"."""
    statuses: Mapping[str, Any] = Counter(model.status for model in models)
    told = [f"{number:,} {status}" for status, number in sorted(statuses.items(), reverse=True)]
    if missing := len(names) - len(models):
        told.append(f"{missing:,} not built: `tfjs-zoo plan` tells what a run would do")
    return f"{count(len(names), 'model')}: {', '.join(told)}"
