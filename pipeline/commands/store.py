"""`doit store`: shows the size and age of the results in the shared store, or fills it."""

import os
import sys
from collections.abc import Iterator

from doit.cmd_base import DoitCmdBase
from doit.exceptions import InvalidCommand

from pipeline.commands.locked import zoo_lock
from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.commands.store_options import (
    NONE_CHOSEN,
    OPTION_STORE,
    choose_store,
    choose_store_files,
)
from pipeline.engine.shared_results import fill_store
from pipeline.report.terminal import open_screen
from pipeline.steps.graph import Graph
from pipeline.steps.table import STEPS
from pipeline.store.eviction import Survey, survey_store
from pipeline.text.line import Cell, Line
from pipeline.text.quantity import count, format_age, format_bytes
from pipeline.text.table import format_rows

_OPTION_FILL = {
    "name": "fill",
    "short": "",
    "long": "fill",
    "type": bool,
    "default": False,
    "help": "put the results there that this zoo has; a run puts what it makes there by itself",
}


class StoreCommand(ZooCommand, DoitCmdBase):  # type: ignore[misc]  # doit has no types
    """Show what the shared store holds."""

    name = "store"
    doc_purpose = PURPOSES[name]
    cmd_options = (OPTION_STORE, _OPTION_FILL)

    def _execute(self, store: str, fill: bool) -> int:  # noqa: FBT001  # doit calls it
        graph: Graph = self.loader.namespace["GRAPH"]
        if fill:
            return self._fill(graph, store)
        files = choose_store_files(graph, store, os.environ)
        if files is None:
            raise InvalidCommand(f"store: {NONE_CHOSEN}")
        screen = open_screen(sys.stdout, os.environ)
        screen.show(list(format_survey(survey_store(files), shown=files.shown)))
        screen.close()
        return 0

    def _fill(self, graph: Graph, option: str) -> int:
        """Put the results of the zoo there; return the exit code."""
        store = choose_store(graph, {"store": option, "store_read_only": False}, os.environ)
        if store is None:
            raise InvalidCommand(f"store: {NONE_CHOSEN}")
        if store.read_only:
            raise InvalidCommand(f"store: {store.shown} is read-only here")
        with zoo_lock(graph):
            fill_store(store, graph.jobs.values())
        self.outstream.write(f"{store.describe() or 'There is no result to put there'}\n")
        return 1 if store.take_notices() else 0


def format_survey(survey: Survey, *, shown: str) -> Iterator[Line]:
    """Yield the table of steps, then "s3://zoo: 243 results, 1.2 GiB in 812 files"."""
    order = {step.name: number for number, step in enumerate(STEPS)}
    steps = sorted(survey.steps.items(), key=lambda item: (order.get(item[0], len(order)), item))
    rows: list[list[Cell]] = [
        [(name, ""), (f"{use.num_results:,}", ""), (_ago(use.newest), ""), (_ago(use.oldest), "")]
        for name, use in steps
    ]
    if rows:
        titles = ("step", "results", "last used", "the oldest")
        rows.insert(0, [(title, "dim") for title in titles])
        yield from format_rows(rows, right={1})
    results = count(sum(use.num_results for use in survey.steps.values()), "result")
    size = format_bytes(survey.num_bytes)
    yield ((f"{shown}: {results}, {size} in {count(survey.num_files, 'file')}", "bold"),)


def _ago(seconds: float | None) -> str:
    return "unknown" if seconds is None else format_age(seconds)
