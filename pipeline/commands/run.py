"""`doit run`: doit's own command with what a long build of many models needs beside it.

One run at a time per zoo; SIGTERM ends it as Ctrl-C does; child processes end with it;
the exit code tells what happened: 0 all good, 1 a model failed, 2 a bug of ours, 3 nothing
could start, 130 interrupted.
"""

import contextlib
import functools
import gc
import json
import shutil
import signal
from collections.abc import Collection, Iterator, Mapping
from types import FrameType
from typing import Any, NoReturn

from doit.cmd_run import Run as DoitRun
from doit.exceptions import InvalidCommand

from pipeline.errors import PipelineError
from pipeline.graph import Graph
from pipeline.lock import hold_lock
from pipeline.report.run import OUR_BUG, RunContext, exit_status, use_context


class Run(DoitRun):  # type: ignore[misc]  # doit has no types
    """Build what is out of date."""

    name = "run"

    # doit reads the names of its options from the signature, which wraps() keeps.
    @functools.wraps(DoitRun._execute)  # noqa: SLF001  # the hook that doit means for this
    def _execute(self, outfile: Any, **options: Any) -> int:
        graph = self.loader.namespace.get("GRAPH")
        if not isinstance(graph, Graph):
            return int(super()._execute(outfile, **options) or 0)
        graph.session.force = options["always"]
        context = RunContext(
            root=graph.layout.root,
            load_cards=functools.partial(_load_cards, graph),
            catalog=f"{graph.layout.output}/models.json",
        )
        with _alone(graph), _terminable(), use_context(context):
            # The graph stays as it is to the end: the collector need not look at it again.
            gc.freeze()
            gc.enable()
            try:
                status = super()._execute(outfile, **options)
            except KeyboardInterrupt:
                return exit_status(context.log.events, interrupted=True)
            finally:
                graph.session.close()
        bugs = status == OUR_BUG or bool(graph.session.bugs)
        return exit_status(context.log.events, bugs=bugs)


@contextlib.contextmanager
def _alone(graph: Graph) -> Iterator[None]:
    """Hold the zoo's lock, and sweep what a killed run left behind."""
    try:
        with hold_lock(graph.layout.lock):
            shutil.rmtree(graph.layout.temporary, ignore_errors=True)
            yield
    except PipelineError as error:
        raise InvalidCommand(error.describe()) from None


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM interrupt the run, so that what is done is kept."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _load_cards(graph: Graph, names: Collection[str]) -> list[Mapping[str, Any]]:
    """Return the catalog's entries of models, in order; those not in it yet are left out."""
    try:
        catalog = json.loads((graph.layout.state / "catalog" / "models.json").read_bytes())
    except FileNotFoundError:
        return []
    entries = {model["name"]: model for model in catalog["models"]}
    return [entries[name] for name in names if name in entries]
