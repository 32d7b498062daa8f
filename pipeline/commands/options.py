"""The base of all commands: `--help`, and clear messages for wrong options and failing disks.

For a wrong option doit alone would list its parser's objects, and for a full disk show a traceback.
This module opens no file.
"""

import os
import sys
from collections.abc import Sequence
from getopt import GetoptError
from pathlib import Path
from typing import Any

from doit.cmd_base import Command
from doit.cmdparse import CmdOption, CmdParse, CmdParseError
from doit.exceptions import InvalidCommand, InvalidDodoFile

from pipeline.disk.machine_faults import machine_error
from pipeline.errors import PipelineError
from pipeline.steps.wish import ALL, Wish, wishing
from pipeline.text.suggest import find_similar
from pipeline.text.typed_command import name_typed

_HELP = ("help", "h")
# Options of doit that the zoo sets itself: doit's help states defaults that do not hold here.
_SET_BY_THE_ZOO = frozenset({"dep_file", "backend", "check_file_uptodate"})
_EXPECTED = {int: "a whole number", float: "a number"}


class ZooCommand(Command):  # type: ignore[misc]  # doit has no types
    """A command with `--help` and clear messages; derive from it before doit's own class."""

    def execute(self, params: Any, args: Any) -> Any:
        """Load the tasks that the command needs, and run it."""
        with wishing(self.wish(params, args)):
            return super().execute(params, args)

    def wish(self, _params: Any, _args: Sequence[str]) -> Wish:
        """Return the tasks that the command needs, from its options and arguments."""
        return ALL

    def parse_execute(self, in_args: Sequence[str]) -> Any:
        """Run the command, or show its help if `--help` is given.

        Raises:
            CmdParseError: An option is wrong; the message names it and the nearest known option.
            InvalidCommand: This machine failed (a disk, memory), or the zoo is damaged.
        """
        result: Any = 0
        try:
            result = super().parse_execute(in_args)
            self._report_lost_database()
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader has seen enough, as `head` has; nobody is left to read more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (OSError, MemoryError, ImportError) as error:
            text = machine_error(error, root=_current_folder()).describe()
            raise InvalidCommand(f"{self.name}: {name_typed(text)}") from None
        except PipelineError as error:
            raise InvalidCommand(f"{self.name}: {name_typed(error.describe())}") from None
        except (InvalidCommand, InvalidDodoFile) as error:
            error.args = tuple(name_typed(str(each)) for each in error.args)
            raise
        except CmdParseError as error:
            cause = error.__context__
            if isinstance(cause, GetoptError) and cause.opt in _HELP:
                sys.stdout.write(self.help() + "\n")
                return 0
            fault = _describe_fault(error, self.cmdparser.options, self.name)
            raise CmdParseError(fault) from None
        return result

    def help(self) -> str:
        """Return the text of `--help`, without the options that the zoo sets itself."""
        whole = self.cmdparser
        shown = [
            each
            for each in whole.options
            if each.name not in _SET_BY_THE_ZOO and (each.short or each.long)
        ]
        self._cmdparser = CmdParse(shown)
        try:
            return str(super().help())
        finally:
            self._cmdparser = whole

    def _report_lost_database(self) -> None:
        """Print why doit's database could not be written, which makes the next run check more."""
        database = getattr(getattr(self, "dep_manager", None), "backend", None)
        fault = getattr(database, "fault", None)
        if fault is not None:
            sys.stderr.write(
                f"{fault.message}; the next run looks again at what is up to date\n  {fault.hint}\n"
            )


def _current_folder() -> Path | None:
    """Return the folder of the zoo, where doit went; None if it has been removed."""
    try:
        return Path.cwd()
    except OSError:
        return None


def zoo_command(command: type[Command]) -> type[Command]:
    """Return one of doit's commands with our `--help` and messages."""
    return type(command.__name__, (ZooCommand, command), {"name": command.get_name()})


def _describe_fault(error: CmdParseError, options: Sequence[CmdOption], command: str) -> str:
    cause = error.__context__
    if isinstance(cause, GetoptError):
        return f"{command}: {_describe_unknown(cause, options, command)}"
    # doit names the option between the first quotes, and the reason after its type.
    name = str(error).split("'")[1] if "'" in str(error) else ""
    option = next((option for option in options if option.name == name), None)
    if option is None or not isinstance(cause, ValueError):
        return f"{command}: {error}"
    value = str(cause).rpartition(": ")[2]
    expected = _EXPECTED.get(option.type, f"a value for {option.name}")
    return f"{command}: {_spell(option)}: found {value}; expected {expected}"


def _describe_unknown(cause: GetoptError, options: Sequence[CmdOption], command: str) -> str:
    given = f"--{cause.opt}" if len(cause.opt) > 1 else f"-{cause.opt}"
    if "not recognized" not in cause.msg:
        return cause.msg
    near = find_similar(given, _spellings(options))
    advice = f"did you mean {near[0]}?" if near else f"`{command} --help` lists the known ones"
    return f"unknown option {given}; {advice}"


def _spell(option: CmdOption) -> str:
    return f"--{option.long}" if option.long else f"-{option.short}"


def _spellings(options: Sequence[CmdOption]) -> list[str]:
    return [f"--{name}" for option in options for name in (option.long, option.inverse) if name]
