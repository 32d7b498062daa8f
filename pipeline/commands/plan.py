"""`doit plan`: prints the steps that a run would do, and why, without doing them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from doit.cmd_base import DoitCmdBase

from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.commands.selection import select_steps
from pipeline.disk.layout import Layout
from pipeline.engine.outcome import load_outcome
from pipeline.engine.receipt import NEVER_BUILT, load_receipt
from pipeline.errors import DamagedFileError
from pipeline.steps.dist import find_fault, load_placed, load_projection
from pipeline.steps.graph import Graph
from pipeline.steps.wanted import leave_out_sealed
from pipeline.steps.wish import ALL, NONE, Wish
from pipeline.text.printable import printable
from pipeline.text.suggest import list_first

_OPTION_JSON = {
    "name": "as_json",
    "short": "",
    "long": "json",
    "type": bool,
    "default": False,
    "help": "print one JSON object: {task: cause}",
}


class Plan(ZooCommand, DoitCmdBase):  # type: ignore[misc]  # doit has no types
    """Print the steps that a run would do."""

    name = "plan"
    doc_purpose = PURPOSES[name]
    doc_usage = "[TASK ...]"
    doc_description = (
        "Staleness is followed down the graph: a step is listed when its own parameters, "
        "tools, inputs or outputs changed, or when a step that it reads would run first."
    )
    cmd_options = (_OPTION_JSON,)

    def wish(self, _params: Any, args: Sequence[str]) -> Wish:
        """Return that the plan of a whole zoo needs no tasks, only the graph."""
        return ALL if args else NONE

    def _execute(self, as_json: bool, pos_args: list[str]) -> int:  # noqa: FBT001  # doit calls it
        graph: Graph = self.loader.namespace["GRAPH"]
        leave_out_sealed(graph)
        causes = plan_causes(graph)
        if pos_args:
            tasks = {task.name: task for task in self.task_list}
            selected = select_steps(tasks, pos_args, graph)
            causes = _only(graph, causes, selected)
        text = _format_json(causes) if as_json else _format(graph, causes)
        self.outstream.write(printable(text))
        return 0


def plan_causes(graph: Graph) -> dict[str, str]:
    """Return the tasks that a run would do, in its order, each with the cause."""
    causes: dict[str, str] = {}
    for job in graph.each_wanted():
        first = [read.task for read in job.reads.values() if read.task in causes]
        if first:
            fresh = load_receipt(job.folder) is None
            causes[job.task] = NEVER_BUILT if fresh else f"after {_brief(first)}"
            continue
        standing = job.standing()
        if standing.cause is not None:
            causes[job.task] = standing.cause
        elif standing.outcome != load_outcome(job.outcome_file):
            causes[job.task] = "an earlier result is taken up again"
    after = next((step for step in ("catalog", "site") if step in causes), None)
    dist = f"after {after}" if after else _explain_dist(graph.layout)
    if dist is not None:
        causes["dist"] = dist
    return causes


def _count_steps(graph: Graph) -> int:
    """Return the number of all steps; that of dist/ is no job."""
    return sum(graph.sealed.values()) + graph.count_wanted() + 1


def _explain_dist(layout: Layout) -> str | None:
    try:
        projection = load_projection(layout.projections)
    except DamagedFileError as error:
        return error.message
    return find_fault(projection, load_placed(layout.dist_state), layout.dist)


def _only(graph: Graph, causes: Mapping[str, str], selected: list[str]) -> dict[str, str]:
    """Keep the selected steps and the steps that they read."""
    wanted = set()
    pending = list(selected)
    while pending:
        name = pending.pop()
        if name not in wanted:
            wanted.add(name)
            reads = graph.jobs[name].reads.values() if name in graph.jobs else ()
            pending += [read.task for read in reads]
    return {task: cause for task, cause in causes.items() if task in wanted}


def _brief(names: list[str]) -> str:
    return list_first(names, 1)


def _format_json(causes: Mapping[str, Any]) -> str:
    return json.dumps(causes, ensure_ascii=False, indent=2) + "\n"


def _format(graph: Graph, causes: Mapping[str, str]) -> str:
    failures = _remembered(graph, causes)
    failed = [f"{task}  {reason}" for task, reason in failures.items()]
    failed = ["", "Failed before, and would run only after a change:", *failed] if failed else []
    if not causes:
        rest = _count_steps(graph) - len(failures)
        return "\n".join([f"Nothing would run: {rest} steps are up to date", *failed]) + "\n"
    width = max(len(task) for task in causes)
    lines = [f"{task:<{width}}  {cause}" for task, cause in causes.items()]
    rest = _count_steps(graph) - len(causes)
    summary = f"{len(causes)} steps would run, {rest} would not"
    return "\n".join([*lines, "", summary, *failed]) + "\n"


def _remembered(graph: Graph, causes: Mapping[str, str]) -> dict[str, str]:
    """Return the failures that a run would report without repeating them, with their reasons."""
    standings = {job.task: job.standing() for job in graph.each_wanted() if job.task not in causes}
    return {
        task: standing.failure.reason
        for task, standing in standings.items()
        if standing.failure is not None and standing.failure.status == "failed"
    }
