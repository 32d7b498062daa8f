"""`doit list`: doit's own command, with wildcards."""

from collections.abc import Mapping, Sequence
from typing import Any

from doit.cmd_list import List as DoitList

from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.commands.selection import expand_names
from pipeline.steps.wish import ALL, GROUPS, NONE, Wish


class List(ZooCommand, DoitList):  # type: ignore[misc]  # doit has no types
    """List tasks."""

    name = "list"
    doc_purpose = PURPOSES[name]

    def wish(self, params: Any, args: Sequence[str]) -> Wish:
        """Return that groups need no task of a model, and their names alone no manifest."""
        if args or params["subtasks"]:
            return ALL
        return NONE if params["status"] or params["list_deps"] else GROUPS

    @staticmethod
    def _list_filtered(
        tasks: Mapping[str, Any],
        filter_tasks: Sequence[str],
        include_subtasks: bool,  # noqa: FBT001  # doit calls it
    ) -> list[Any]:
        names = expand_names(tasks, filter_tasks)
        listed: list[Any] = DoitList._list_filtered(tasks, names, include_subtasks)  # noqa: SLF001  # doit's hook
        return listed
