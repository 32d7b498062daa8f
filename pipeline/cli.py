"""`tfjs-zoo`: doit with the packaged graph, in any folder that holds a models.yaml."""

import inspect
import os
import sys
from collections.abc import Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from doit.cmd_base import NamespaceTaskLoader, opt_cwd
from doit.cmd_help import Help as DoitHelp
from doit.doit_cmd import DoitMain
from doit.exceptions import InvalidDodoFile

from pipeline.commands.help import Help
from pipeline.commands.options import zoo_command
from pipeline.disk.versions import installed_version

INTERRUPTED = 130
WRONG_COMMAND_LINE = 3
_BESIDE = ("doit", "tensorflow", "tensorflowjs")
_PACKAGE = Path(__file__).parent
# In a wheel the graph lies in the package, in a checkout beside it.
_DODO = next(path for path in (_PACKAGE / "dodo.py", _PACKAGE.parent / "dodo.py") if path.exists())


class ZooLoader(NamespaceTaskLoader):  # type: ignore[misc]  # doit has no types
    """Loads the graph of the zoo in the current folder, or in that of `-d`."""

    cmd_options = (opt_cwd,)

    def setup(self, opt_values: Mapping[str, Any]) -> None:
        """Load the graph; commands that need none never come here."""
        folder = opt_values["cwdPath"]
        if folder:
            try:
                os.chdir(folder)
            except OSError as error:
                raise InvalidDodoFile(f"cannot enter {folder}: {error.strerror}") from None
        spec = spec_from_file_location("dodo", _DODO)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        self.namespace = dict(inspect.getmembers(module))


class ZooMain(DoitMain):  # type: ignore[misc]  # doit has no types
    """The program of doit, with clear messages for its own commands too."""

    DOIT_CMDS = tuple(
        Help if command is DoitHelp else zoo_command(command) for command in DoitMain.DOIT_CMDS
    )

    @staticmethod
    def print_version() -> None:
        """Print the version of tfjs-zoo, and those of the programs on which results depend."""
        beside = {name: installed_version(name) for name in _BESIDE}
        listed = ", ".join(
            f"{name} {found or 'is not installed'}" for name, found in beside.items()
        )
        sys.stdout.write(f"tfjs-zoo {installed_version('tfjs-zoo')} ({listed})\n")


def main() -> int:
    """Run a command line and return the exit code."""
    arguments = sys.argv[1:]
    if "" in arguments:
        # doit looks at the first character of each.
        place = arguments.index("") + 1
        sys.stderr.write(f"ERROR: argument {place} is empty; is a variable of the shell not set?\n")
        return WRONG_COMMAND_LINE
    try:
        return int(ZooMain(ZooLoader(), config_filenames=()).run(arguments) or 0)
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
