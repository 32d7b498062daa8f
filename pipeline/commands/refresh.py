"""`doit refresh`: asks again for sources that may have changed at their address.

Exact versions and sources with a `sha256` never change; other URLs are asked by ETag. An unchanged
source leaves its outcome as it was, so that no step after it runs.
"""

import functools
from collections.abc import Sequence
from typing import Any

from pipeline.commands.purposes import PURPOSES
from pipeline.commands.run import Run
from pipeline.commands.selection import select_steps
from pipeline.steps.graph import Graph
from pipeline.steps.wish import Wish


class Refresh(Run):
    """Ask again for sources that may have changed."""

    name = "refresh"
    doc_purpose = PURPOSES[name]
    doc_usage = "[TASK ...]"

    def wish(self, _params: Any, args: Sequence[str]) -> Wish:
        """Return that it needs the tasks of the models whose source may change."""
        return Wish(kind="named", names=tuple(args)) if args else Wish(kind="refreshable")

    @functools.wraps(Run._execute)  # noqa: SLF001  # doit reads the options from its signature
    def _execute(self, outfile: Any, **options: Any) -> int:
        graph: Graph = self.loader.namespace["GRAPH"]
        tasks = {task.name: task for task in self.task_list}
        named: list[str] = ["fetch", "texts"] if self.sel_default_tasks else self.sel_tasks
        selected = select_steps(tasks, named, graph)
        self.sel_tasks = [name for name in selected if name in graph.refreshable]
        if not self.sel_tasks:
            self.outstream.write("Nothing to refresh: every source is final\n")
            return 0
        graph.session.refresh = True
        return super()._execute(outfile, **{**options, "always": True})
