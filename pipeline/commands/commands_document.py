"""docs/commands.md: the commands, the steps and the exit codes, made from the code.

`python -m pipeline.commands.commands_document >docs/commands.md` writes it.
"""

import inspect
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from typing import Any

from doit.cmd_base import Command

from pipeline.engine.step import Step
from pipeline.report.run_context import EXIT_MEANINGS
from pipeline.steps.table import STEPS

_INTRODUCTION = """\
# Commands, steps and exit codes

This page is made from the code: `python -m pipeline.commands.commands_document >docs/commands.md`.
"""
_COMMANDS = """\
## Commands

`tfjs-zoo` is `doit` with the graph of a zoo, in any folder that has a `models.yaml`; `doit` does
the same in a checkout. `COMMAND --help` lists the options of a command.
"""
_NAMES = """\
Without a command the zoo is built. A step is named `STEP:MODEL`, a variant `variant:MODEL:VARIANT`:

```
doit                            # everything, model by model
doit model:handtrack            # all of one model;  doit tag:face: all models with a tag
doit convert:handtrack          # one step of it;    doit "variant:handtrack:*": every variant
doit -n 4                       # four steps at a time (as many as cores by default)
doit -r jsonl                   # one JSON object a line, for programs
```
"""
_STEPS = """\
## Steps

Each step writes one folder below `.zoo/build/MODEL/` (those without a model: `.zoo/`), with a
`receipt.json` that lists all that decided its content: parameters from the manifest, results of
other steps, versions of tools. A step runs again only if one of these changed; `doit plan` states
the cause.
"""
_EXIT_CODES = """\
## Exit codes

A run goes on with the other models when one fails, and ends with a list of the failures: what was
found, what to do, where the log is. Failures that the manifest expects (`expect: failed`) count as
good. Nothing can start where the manifest or the command line is wrong, or another run is at work.
The run after an interrupted one goes on where that was.
"""


def format_commands() -> str:
    """Return the page."""
    parts = [
        _INTRODUCTION,
        _COMMANDS,
        "\n".join(_command_rows()) + "\n",
        _NAMES,
        _STEPS,
        "\n".join(_step_rows()) + "\n",
        _EXIT_CODES,
        "\n".join(_exit_rows()) + "\n",
    ]
    return "\n".join(parts)


def _command_rows() -> Iterator[str]:
    yield from _head("command", "does")
    ours = (
        entry for entry in entry_points(group="doit.COMMAND") if entry.value.startswith("pipeline.")
    )
    for entry in sorted(ours, key=lambda entry: entry.name):
        command: type[Command] = entry.load()
        usage = command.doc_usage.replace("|", "\\|")
        yield f"| `{' '.join(filter(None, (entry.name, usage)))}` | {command.doc_purpose} |"


def _step_rows() -> Iterator[str]:
    yield from _head("step", "makes", "parameters", "reads", "tools")
    for step in STEPS:
        parents = [key.partition(":")[0] for key in (*step.needs, *step.accepts)]
        yield (
            f"| `{step.name}` | {_first_line(step.run)} | {_code(_fields(step))} "
            f"| {_code(dict.fromkeys(parents))} | {_code(sorted(step.tools))} |"
        )
    reads = _code(["catalog", "site"])
    yield f"| `dist` | Bring `dist/` up to date. | {_code(['output'])} | {reads} |  |"


def _exit_rows() -> Iterator[str]:
    yield from _head("code", "means")
    for code, meaning in EXIT_MEANINGS.items():
        yield f"| {code} | {meaning} |"


def _head(*titles: str) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield "|---" * len(titles) + "|"


def _fields(step: Step[Any]) -> list[str]:
    return sorted(step.parameters.model_fields)


def _first_line(function: Any) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0].replace("|", "\\|")


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.stdout.write(format_commands())
