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

`tfjs-zoo` is the build tool [doit](https://pydoit.org) with the steps of a zoo. It works in any
folder that has a `models.yaml`; in a checkout of this repository `doit` is the same.
`tfjs-zoo COMMAND --help` lists the options of a command.
"""
_NAMES = """\
Without a command the zoo is built. A step is named `STEP:MODEL`, a variant `variant:MODEL:VARIANT`:

```
tfjs-zoo                          # everything, model by model
tfjs-zoo handtrack                # all steps of one model, model:handtrack; several are taken too
tfjs-zoo tag:face                 # all steps of all models with a tag
tfjs-zoo convert:handtrack        # one step of it, after those that it reads
tfjs-zoo "variant:handtrack:*"    # the step `variant` for each of its variants
tfjs-zoo -n 4                     # four steps at a time (as many as cores by default)
tfjs-zoo -r jsonl                 # one JSON object a line, for programs
```

A run without names also brings the catalog, the pages and `dist/` up to date.
"""
_STEPS = """\
## Steps

Each step writes one folder below `.zoo/build/MODEL/` (those without a model: `.zoo/`), with a
`receipt.json` that lists all that decided its content: parameters from the manifest, results of
other steps, versions of tools. A step runs again only if one of these changed; `tfjs-zoo plan`
states the cause.
"""
_EXIT_CODES = """\
## Exit codes

If a model fails, a run goes on with the others, and ends with a list of the failures: the reason,
advice, the path of the log. Failures that the manifest expects (`expect: failed`) count as good.
Nothing can start if the manifest or the command line is wrong, or another run is at work. The run
after an interrupted one goes on where that stopped.
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
