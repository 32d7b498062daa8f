"""Selection: the tasks that a command's arguments name, with models, wildcards and groups."""

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from doit.exceptions import InvalidCommand

from pipeline.steps.graph import Graph
from pipeline.text.suggest import find_similar

_MODEL = "model:"


class NamedTask(Protocol):
    """The part of doit's Task that this module reads."""

    name: str
    has_subtask: bool
    task_dep: list[str]


def expand_names(
    tasks: Mapping[str, NamedTask],
    names: Iterable[str],
    *,
    list_commands: Callable[[], Iterable[str]] = tuple,
) -> list[str]:
    """Return names of tasks, with the matches of wildcards in place of these: ["convert:m"].

    Args:
        tasks: All tasks by name.
        names: Names of tasks or of models, or wildcards.
        list_commands: Returns the names of commands, if a name may be a misspelt command.

    Raises:
        InvalidCommand: A name is no task, or a wildcard matches none.
    """
    expanded: dict[str, None] = {}
    for name in names:
        matches = _find_tasks(spell_task(name, tasks), tasks)
        if not matches:
            raise InvalidCommand(_unknown(name, tasks, list(list_commands())))
        expanded.update(dict.fromkeys(matches))
    return list(expanded)


def spell_task(name: str, tasks: Iterable[str]) -> str:
    """Return the task of a model for the model's name alone: "model:emotion" for "emotion".

    The name of a task stays as it is, and so does one that nothing has.
    """
    known = list(tasks)
    task = f"{_MODEL}{name}"
    return task if not _find_tasks(name, known) and _find_tasks(task, known) else name


def _find_tasks(name: str, tasks: Iterable[str]) -> list[str]:
    return [name] if name in tasks else fnmatch.filter(tasks, name)


def select_steps(tasks: Mapping[str, NamedTask], names: Iterable[str], graph: Graph) -> list[str]:
    """Return the names of all steps that tasks and groups stand for: ["fetch:m", "convert:m"].

    Args:
        tasks: All tasks by name.
        names: Names of tasks, groups or models, or wildcards.
        graph: Lists the steps that `model:NAME` stands for.

    Raises:
        InvalidCommand: A name is no task, or a wildcard matches none.
    """
    selected: dict[str, None] = {}
    models = graph.jobs_of_models()
    pending = expand_names(tasks, names)
    while pending:
        name = pending.pop(0)
        kind, _, rest = name.partition(":")
        if kind == "model" and rest:
            selected.update(dict.fromkeys(job.task for job in models[rest]))
        elif tasks[name].has_subtask or kind == "tag":
            pending = [*tasks[name].task_dep, *pending]
        else:
            selected[name] = None
    return list(selected)


def _unknown(name: str, tasks: Iterable[str], commands: Sequence[str]) -> str:
    if name.startswith("-"):
        return f"'{name}' stands behind a task; options go before the tasks"
    known = {*commands, *tasks}
    # People write the name of a model alone.
    known |= {task.removeprefix(_MODEL) for task in known if task.startswith(_MODEL)}
    # Who writes no colon means a command, a group or a model.
    alike = [each for each in sorted(known) if (":" in each) == (":" in name)]
    near = find_similar(name, alike, most=3) or find_similar(name, sorted(known), most=3)
    listed = "; `tfjs-zoo list --all` lists the tasks"
    meant = f"; did you mean {' or '.join(near)}?" if near else listed
    return f"'{name}' is no {'command, ' if commands else ''}task or model{meant}"
