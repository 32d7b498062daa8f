"""Records: what a run leaves for people, and for `doit diff`, when it is over."""

import sys
import time
from collections.abc import Sequence

from pipeline.diff.memory import remember_recipes
from pipeline.graph import Graph
from pipeline.report.account import gather_account
from pipeline.report.document import write_report
from pipeline.report.run import RunContext
from pipeline.report.screen import write_text


def leave_records(graph: Graph, context: RunContext, *, selected: Sequence[str], code: int) -> None:
    """Write the report of a run, and remember what its models are made of.

    A disk that takes neither is told, and changes nothing about the run.

    Args:
        graph: The zoo.
        context: The run.
        selected: What was asked for; empty for everything.
        code: Its exit code.
    """
    worked = {event.model for event in context.log.events if event.model is not None}
    account = gather_account(
        context,
        graph.jobs,
        zoo=graph.zoo.name,
        selected=selected,
        finished=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        seconds=time.monotonic() - context.started,
        exit_status=code,
    )
    try:
        remember_recipes(graph, sorted(worked & graph.jobs_of_models().keys()))
        write_report(account, graph.layout.dist)
    except OSError as error:
        where = error.filename or "the report"
        write_text(sys.stderr, f"{where}: {error.strerror}; the build itself is whole\n")
