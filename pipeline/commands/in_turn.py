"""A run whose tasks doit gets in turn: those of a model when it comes to it, until they have ended.

All tasks of a large zoo at once take 300 KiB a model. So doit's dispatcher asks for tasks by name
here, and a model is released when all of its steps have ended. It starts no step itself.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from doit.action import PythonAction
from doit.control import TaskDispatcher
from doit.runner import MThreadRunner, Runner
from doit.task import Stream, dict_to_task
from doit.task import Task as DoitTask

from pipeline.engine.database import model_of
from pipeline.steps.graph import Graph
from pipeline.steps.tasks import Task, tasks_in_turn, tasks_of, zoo_task

Release = Callable[[str], None]
"""Takes the name of a model whose steps have all ended."""


class _Tasks(dict[str, DoitTask]):
    """The tasks of the models that a run has come to; a model's are made when one is asked for."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self._graph = graph
        self.models: dict[str, None] = {}

    def __missing__(self, name: str) -> DoitTask:
        model = model_of(name)
        # Of the catalog, the last models may still be under way.
        made = self._begin(model) if model else [zoo_task(self._graph, name, models=self.models)]
        for task in map(_make, made):
            self[task.name] = task
        return self[name]

    def _begin(self, model: str) -> Iterator[Task]:
        self.models[model] = None
        return tasks_of(self._graph, model)

    def release(self, model: str) -> list[str]:
        """Drop the tasks of a model and return their names."""
        del self.models[model]
        names = [*self._graph.jobs_of(model), f"model:{model}"]
        for name in names:
            self.pop(name, None)
        return names


class Dispatcher(TaskDispatcher):  # type: ignore[misc]  # doit has no types
    """doit's dispatcher over tasks that come and go.

    Args:
        graph: The zoo.
        release: Called for each model whose steps have all ended.
        of_zoo: Tasks of the zoo as a whole to run after those of all models.
    """

    def __init__(self, graph: Graph, release: Release, of_zoo: Sequence[str]) -> None:
        self._made = _Tasks(graph)
        self._release = release
        super().__init__(self._made, {}, tasks_in_turn(graph.wanted, of_zoo=of_zoo))

    @property
    def under_way(self) -> list[str]:
        """The models that the run has come to, and whose steps have not all ended."""
        return list(self._made.models)

    def _update_waiting(self, processed: Any) -> None:
        super()._update_waiting(processed)
        if processed is None or processed.run_status == "run":
            return
        # The group of a model ends after its card, which reads all of its steps.
        kind, _, model = processed.task.name.partition(":")
        if kind == "model":
            self._release(model)
            for name in self._made.release(model):
                self.nodes.pop(name, None)


def run_in_turn(
    dispatcher: Dispatcher,
    dependencies: Any,
    reporter: type[Any],
    outfile: str | TextIO,
    options: Mapping[str, Any],
) -> int:
    """Run the tasks of a dispatcher as doit's `run` does, and return its status.

    Args:
        dispatcher: The tasks.
        dependencies: doit's database.
        reporter: Class of the reporter.
        outfile: The file to write to, or its path.
        options: Values of doit's options of `run`.
    """
    PythonAction.pm_pdb = options["pdb"]
    with contextlib.ExitStack() as stack:
        if isinstance(outfile, str):
            outfile = stack.enter_context(open(outfile, "w", encoding="utf-8"))  # noqa: PTH123  # as doit
        shown = reporter(outfile, {"failure_verbosity": options["failure_verbosity"]})
        stream = Stream(options["verbosity"], options["force_verbosity"])
        always = options["always"]
        arguments = [dependencies, shown, options["continue_"], always, stream]
        number = options["num_process"]
        runner = MThreadRunner(*arguments, number) if number else Runner(*arguments)
        return int(runner.run_all(dispatcher))


def _make(task: Task) -> DoitTask:
    """Return a task as doit's loader makes it."""
    basename, name = task["basename"], task.get("name")
    fields = {key: value for key, value in task.items() if key != "basename"}
    made = dict_to_task({**fields, "name": f"{basename}:{name}" if name else basename})
    # Its own words for it; a task needs no name of its group before it runs.
    made.subtask_of = basename if name else None
    return made
