"""`doit info`: doit's own command, with a message for an unknown task."""

from collections.abc import Sequence

from doit.cmd_info import Info as DoitInfo

from pipeline.commands.options import ZooCommand
from pipeline.commands.selection import expand_names


class Info(ZooCommand, DoitInfo):  # type: ignore[misc]  # doit has no types
    """Show a task."""

    name = "info"
    doc_purpose = "show a step, and why it would run"

    def _execute(self, pos_args: Sequence[str], hide_status: bool = False) -> int:  # noqa: FBT001, FBT002  # doit calls it
        expand_names({task.name: task for task in self.task_list}, pos_args)
        return int(super()._execute(pos_args, hide_status))
