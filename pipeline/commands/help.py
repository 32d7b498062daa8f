"""`tfjs-zoo help`: lists the commands, or shows the options of one."""

import sys
from collections.abc import Mapping
from typing import Any

from doit.cmd_base import Command
from doit.cmd_help import Help as DoitHelp
from doit.plugin import PluginDict, PluginEntry

from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES

_WIDTH = 16


class _Commands(PluginDict):  # type: ignore[misc]  # doit has no types
    """The commands by name, each imported when it is asked for; doit's help asks for all."""

    def __getitem__(self, name: str) -> type[Command]:
        found = super().__getitem__(name)
        command: type[Command] = found.get() if isinstance(found, PluginEntry) else found
        return command

    def to_dict(self) -> "_Commands":
        """Return the commands themselves."""
        return self


class Help(ZooCommand, DoitHelp):  # type: ignore[misc]  # doit has no types
    """List the commands."""

    name = "help"
    doc_purpose = PURPOSES[name]
    doc_usage = "[COMMAND]"

    def __init__(self, cmds: PluginDict, **others: Any) -> None:
        super().__init__(cmds=_Commands(cmds), **others)

    def print_usage(self, cmds: Mapping[str, type[Command]]) -> None:
        """Print all commands, a line each."""
        names = sorted(cmds)
        purposes = [PURPOSES.get(name) or cmds[name].doc_purpose for name in names]
        lines = [f"  {name:{_WIDTH}}  {text}" for name, text in zip(names, purposes, strict=True)]
        text = [
            f"{self.bin_name}: builds the TensorFlow.js model zoo of a models.yaml, with doit",
            "",
            *lines,
            "",
            f"`{self.bin_name}` alone builds the zoo; `{self.bin_name} help COMMAND` shows options",
        ]
        sys.stdout.write("\n".join(text) + "\n")
