"""`doit clean`: doit's own command, which takes models too, but never while a run is at work."""

import functools
from typing import Any

from doit.cmd_clean import Clean as DoitClean

from pipeline.commands.locked import zoo_lock
from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.commands.selection import expand_names
from pipeline.steps.graph import Graph


class Clean(ZooCommand, DoitClean):  # type: ignore[misc]  # doit has no types
    """Remove the results of steps."""

    name = "clean"
    doc_purpose = PURPOSES[name]

    @functools.wraps(DoitClean._execute)  # noqa: SLF001  # doit reads the options from its signature
    def _execute(self, *arguments: Any, **options: Any) -> Any:
        graph = self.loader.namespace.get("GRAPH")
        if not isinstance(graph, Graph):
            return super()._execute(*arguments, **options)
        if options.get("pos_args"):
            tasks = {task.name: task for task in self.task_list}
            options["pos_args"] = expand_names(tasks, options["pos_args"])
        with zoo_lock(graph):
            return super()._execute(*arguments, **options)
