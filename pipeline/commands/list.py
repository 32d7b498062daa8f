"""`doit list`: doit's own command, with wildcards."""

from collections.abc import Mapping, Sequence
from typing import Any

from doit.cmd_list import List as DoitList

from pipeline.commands.options import ZooCommand
from pipeline.commands.selection import expand_names
from pipeline.steps.wish import ALL, NONE, Wish


class List(ZooCommand, DoitList):  # type: ignore[misc]  # doit has no types
    """List tasks."""

    name = "list"
    doc_purpose = "list the steps, models and tags; names may have wildcards"

    def wish(self, params: Any, args: Sequence[str]) -> Wish:
        """Return that the names of groups need no task of a model."""
        return ALL if args or params["subtasks"] else NONE

    @staticmethod
    def _list_filtered(
        tasks: Mapping[str, Any],
        filter_tasks: Sequence[str],
        include_subtasks: bool,  # noqa: FBT001  # doit calls it
    ) -> list[Any]:
        names = expand_names(tasks, filter_tasks)
        listed: list[Any] = DoitList._list_filtered(tasks, names, include_subtasks)  # noqa: SLF001  # doit's hook
        return listed
