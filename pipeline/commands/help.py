"""`tfjs-zoo help`: lists the commands, or shows the options of one."""

import sys
from collections.abc import Mapping

from doit.cmd_base import Command
from doit.cmd_help import Help as DoitHelp

from pipeline.commands.options import ZooCommand

_WIDTH = 16


class Help(ZooCommand, DoitHelp):  # type: ignore[misc]  # doit has no types
    """List the commands."""

    name = "help"
    doc_purpose = "list the commands, or show the options of one"
    doc_usage = "[COMMAND]"

    def print_usage(self, cmds: Mapping[str, type[Command]]) -> None:
        """Print all commands, a line each."""
        lines = [f"  {name:{_WIDTH}}  {cmds[name].doc_purpose}" for name in sorted(cmds)]
        text = [
            f"{self.bin_name}: builds the TensorFlow.js model zoo of a models.yaml, with doit",
            "",
            *lines,
            "",
            f"`{self.bin_name}` alone builds the zoo; `{self.bin_name} help COMMAND` shows options",
        ]
        sys.stdout.write("\n".join(text) + "\n")
