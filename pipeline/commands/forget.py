"""`doit forget`: doit's own command, which also forgets receipts, with wildcards and groups.

The next run makes the results of a forgotten step again, in any case.
"""

import functools
from typing import Any

from doit.cmd_forget import Forget as DoitForget

from pipeline.commands.locked import zoo_lock
from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.commands.selection import select_steps
from pipeline.engine.receipt import RECEIPT
from pipeline.steps.graph import Graph


class Forget(ZooCommand, DoitForget):  # type: ignore[misc]  # doit has no types
    """Forget the results of steps."""

    name = "forget"
    doc_purpose = PURPOSES[name]

    @functools.wraps(DoitForget._execute)  # noqa: SLF001  # doit reads the options from its signature
    def _execute(
        self,
        forget_sub: bool,  # noqa: FBT001  # doit calls it
        forget_disable_default: bool,  # noqa: FBT001  # doit calls it
        forget_all: bool,  # noqa: FBT001  # doit calls it
    ) -> Any:
        graph = self.loader.namespace.get("GRAPH")
        if not isinstance(graph, Graph):
            return super()._execute(forget_sub, forget_disable_default, forget_all)
        if self.sel_default_tasks and forget_disable_default and not forget_all:
            return super()._execute(forget_sub, forget_disable_default, forget_all)
        tasks = {task.name: task for task in self.task_list}
        names = tasks if forget_all else self.sel_tasks
        selected = select_steps(tasks, names, graph)
        with zoo_lock(graph):
            for name in _with_reads(graph, selected) if forget_sub else selected:
                if name in graph.jobs:
                    job = graph.jobs[name]
                    for folder in (job.folder, job.failed_folder):
                        (folder / RECEIPT).unlink(missing_ok=True)
                self.dep_manager.remove(name)
                self.outstream.write(f"forgetting {name}\n")
            self.dep_manager.close()
        return None


def _with_reads(graph: Graph, selected: list[str]) -> list[str]:
    """Add the steps whose results the selected steps read, directly or not."""
    found: dict[str, None] = {}
    pending = list(selected)
    while pending:
        name = pending.pop(0)
        if name not in found:
            found[name] = None
            if name in graph.jobs:
                pending += [read.task for read in graph.jobs[name].reads.values()]
    return list(found)
