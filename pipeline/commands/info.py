"""`doit info`: doit's own command, with the causes of a run in the words of `plan`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from doit.cmd_info import Info as DoitInfo
from doit.exceptions import InvalidCommand

from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.commands.selection import expand_names
from pipeline.disk.layout import Layout
from pipeline.engine.quick_check import UpToDate
from pipeline.text.quantity import count

# Steps whose results rest on the outputs of the source.
_JUDGING = frozenset({"card", "reference", "verify"})


class Info(ZooCommand, DoitInfo):  # type: ignore[misc]  # doit has no types
    """Show a task."""

    name = "info"
    doc_purpose = PURPOSES[name]

    def _execute(self, pos_args: Sequence[str], hide_status: bool = False) -> int:  # noqa: FBT001, FBT002  # doit calls it
        names = expand_names({task.name: task for task in self.task_list}, pos_args)
        if len(names) != 1:
            found = count(len(names), "task")
            raise InvalidCommand(f"info: found {found}; expected one, such as convert:handtrack")
        code = int(super()._execute(names, hide_status))
        step, _, model = names[0].partition(":")
        if step in _JUDGING and (form := _read_form(model)):
            self.outstream.write(f"\njudged as  : {form}\n")
        return code

    @staticmethod
    def get_reasons(reasons: Mapping[str, Any]) -> str:
        """Return why a task would run, a line for each cause: " * never built"."""
        if reasons["has_no_dependencies"]:
            return " * it is a group of steps; `tfjs-zoo plan NAME` lists those that would run"
        causes = [
            repr(condition) if isinstance(condition, UpToDate) else "dist/ is not as it is listed"
            for condition, *_ in reasons["uptodate_false"]
        ]
        return "\n".join(f" * {cause}" for cause in causes) or str(DoitInfo.get_reasons(reasons))


def _read_form(model: str) -> str | None:
    """Return the form in which a source ran for its verdicts; None for the file itself."""
    from pipeline.records.contract import Contracts

    folder = Layout(root=Path.cwd()).build / model / "reference"
    return Contracts.load(folder).judged_as if (folder / Contracts.FILE).is_file() else None
