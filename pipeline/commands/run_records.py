"""Records of a finished run, for people and for `doit diff`."""

import sys
import time
import traceback
from collections.abc import Callable, Sequence

from pipeline.diff.recipe_store import remember_recipes
from pipeline.disk.clock import utc_now
from pipeline.disk.machine_faults import machine_error
from pipeline.engine.receipt import MAX_REASON
from pipeline.report.html_report import write_report
from pipeline.report.run_account import gather_account
from pipeline.report.run_context import RunContext
from pipeline.report.terminal import write_text
from pipeline.steps.graph import Graph
from pipeline.text.printable import printable


def leave_records(graph: Graph, context: RunContext, *, selected: Sequence[str], code: int) -> None:
    """Write the report of a run, and store the recipes of its models.

    A record that cannot be written is reported, and changes nothing about the run.

    Args:
        graph: The zoo.
        context: The run.
        selected: The tasks requested; empty for all.
        code: Its exit code.
    """
    worked = {event.model for event in context.log.events if event.model is not None}
    built = sorted(worked & graph.models.keys())
    _leave(graph, "the recipes of the models", lambda: remember_recipes(graph, built))

    def report() -> None:
        account = gather_account(
            context,
            graph.jobs,
            num_jobs=graph.count_wanted(),
            zoo=graph.zoo.name,
            selected=selected,
            finished=utc_now(),
            seconds=time.monotonic() - context.started,
            exit_status=code,
        )
        write_report(account, graph.layout.dist)

    _leave(graph, "the report of this run", report)


def _leave(graph: Graph, record: str, write: Callable[[], None]) -> None:
    """Write a record, and report in a sentence why it cannot be written."""
    try:
        write()
    except (OSError, MemoryError) as error:
        reason = machine_error(error, root=graph.layout.root).message
    except Exception as error:  # noqa: BLE001  # the build is done; its report is no part of it
        reason = printable(traceback.format_exception_only(error)[-1].strip(), limit=MAX_REASON)
    else:
        return
    write_text(sys.stderr, f"{record} could not be kept: {reason}; the build itself is whole\n")
