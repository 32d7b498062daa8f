"""`doit run`: doit's own command, extended for long builds of many models.

There is one run at a time per zoo. SIGTERM ends it as Ctrl-C does, and child processes end with it.
The exit codes are 0 on success, 1 if a model failed, 2 for a bug of ours, 3 if nothing could start,
130 after an interruption.
"""

import contextlib
import functools
import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import entry_points
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from doit.cmd_run import Run as DoitRun
from doit.exceptions import InvalidCommand

from pipeline.commands.cluster_options import (
    OPTION_CLUSTER,
    choose_cluster,
    choose_parallel,
    has_work,
    join_cluster,
)
from pipeline.commands.entries import load_entries
from pipeline.commands.in_turn import Dispatcher, run_in_turn
from pipeline.commands.locked import zoo_lock
from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.commands.selection import expand_names, spell_task
from pipeline.commands.store_options import OPTION_READ_ONLY, OPTION_STORE, choose_store
from pipeline.engine.events import StepEvent, emit
from pipeline.engine.job import Job
from pipeline.engine.session import Session
from pipeline.errors import SetupError
from pipeline.report.run_context import OUR_BUG, RunContext, exit_status, use_context
from pipeline.report.terminal import write_text
from pipeline.runtime.browser.absence import describe_absence
from pipeline.steps.graph import Graph
from pipeline.steps.seals import Seals
from pipeline.steps.tasks import OF_ZOO
from pipeline.steps.wish import Wish, current_wish
from pipeline.wall.walls_used import describe_walls

if TYPE_CHECKING:
    from pipeline.catalog.verdict_words import ModelVerdicts
    from pipeline.store.shared_store import SharedStore


class Run(ZooCommand, DoitRun):  # type: ignore[misc]  # doit has no types
    """Build what is out of date."""

    name = "run"
    doc_purpose = PURPOSES[name]

    cmd_options = (*DoitRun.cmd_options, OPTION_STORE, OPTION_READ_ONLY, OPTION_CLUSTER)

    sel_tasks: list[str]

    def execute(self, params: Any, args: Any) -> Any:
        """Keep the options that doit's own run does not have, and run."""
        self._params = params
        return super().execute(params, args)

    def wish(self, params: Any, args: Sequence[str]) -> Wish:
        """Return that models that are up to date need no tasks, or that others are not named.

        A run of the zoo as a whole, by the names of its tasks too, takes models in turn.
        """
        in_turn = _runs_in_turn(params)
        if not args:
            return Wish(kind="all" if params["always"] else "changed", in_turn=in_turn)
        of_zoo = set(args) <= {*OF_ZOO} and not params["always"]
        return Wish(kind="named", names=tuple(args), in_turn=in_turn and of_zoo)

    # doit reads the names of its options from the signature, which wraps() keeps.
    @functools.wraps(DoitRun._execute)  # noqa: SLF001  # the hook that doit means for this
    def _execute(self, outfile: Any, **options: Any) -> int:
        graph = self.loader.namespace.get("GRAPH")
        if not isinstance(graph, Graph):
            return int(super()._execute(outfile, **options) or 0)
        if options["num_process"] < 0:
            raise InvalidCommand("-n takes a number of steps to run at a time, 0 or more")
        self._check_selection()
        graph.session.force = options["always"]
        graph.session.store = self._open_store(graph)
        context = RunContext(
            root=graph.layout.root,
            load_cards=partial(load_entries, graph),
            recall_verdicts=functools.cache(partial(_recall_verdicts, graph)),
            catalog=f"{graph.layout.output}/models.json",
            describe_walls=describe_walls,
            describe_absence=describe_absence,
            describe_store=partial(_describe_store, graph.session),
            settle=partial(_finish_uploads, graph.session),
            sealed={name: graph.sealed.get(name, 0) for name in graph.models},
            steps=self._list_steps(graph),
        )
        database = self.dep_manager.backend
        seals = Seals(graph, database)
        run = self._prepare(graph, seals, outfile)
        with _alone(graph), _terminable(), use_context(context):
            # The graph stays unchanged to the end: the collector need not look at it again.
            gc.freeze()
            gc.enable()
            interrupted = False
            try:
                options["num_process"] = self._join_cluster(graph, options["num_process"])
                status = run(options)
            except KeyboardInterrupt:
                status, interrupted = None, True
            finally:
                _ignore_signals()
                graph.session.close()
            bugs = status == OUR_BUG or bool(graph.session.bugs)
            code = exit_status(context.log.events, bugs=bugs, interrupted=interrupted)
            self._leave_records(graph, context, code)
        return code

    @staticmethod
    def _list_steps(graph: Graph) -> list[str] | None:
        """Return the names of all steps, for a run that gets their tasks in turn."""
        if not current_wish().in_turn:
            return None
        of_models = (job.task for model in graph.wanted for job in graph.jobs_of(model).values())
        last = max(map(OF_ZOO.index, current_wish().names or OF_ZOO))
        return [*of_models, *OF_ZOO[: last + 1]]

    def _prepare(
        self, graph: Graph, seals: Seals, outfile: Any
    ) -> Callable[[Mapping[str, Any]], int | None]:
        """Return the function that runs the tasks, and let seals be renewed before it ends."""
        database = self.dep_manager.backend
        if not current_wish().in_turn:
            database.before_dump = lambda: seals.finish(graph.wanted)
            return lambda options: super(Run, self)._execute(outfile, **options)

        def release(model: str) -> None:
            seals.renew([model])
            database.settle(model)

        dispatcher = Dispatcher(graph, release, current_wish().names or OF_ZOO)
        database.before_dump = lambda: seals.finish(dispatcher.under_way)
        reporter = self.reporters[self._params["reporter"]]
        return lambda options: run_in_turn(dispatcher, self.dep_manager, reporter, outfile, options)

    def _open_store(self, graph: Graph) -> "SharedStore | None":
        """Return the shared store; a build does without one that cannot be opened, and says so."""
        try:
            return choose_store(graph, self._params, os.environ)
        except SetupError as error:
            write_text(sys.stderr, f"{error.describe()}\ngoing on without the store\n")
            return None

    def _join_cluster(self, graph: Graph, num_process: int) -> int:
        """Let steps run on the cluster, if there is one; return how many run at a time.

        Raises:
            ClusterError: The cluster cannot be used.
        """
        address = choose_cluster(graph, self._params)
        if address is None:
            return num_process
        if not graph.session.force and not self._has_work(graph):
            return num_process
        cluster = join_cluster(graph, address, self._params)
        given = "num_process" in self._params._non_default_keys  # noqa: SLF001  # doit tells it nowhere else
        return num_process if given else choose_parallel(cluster)

    def _has_work(self, graph: Graph) -> bool:
        jobs: Iterable[Job] = graph.each_wanted()
        if not current_wish().in_turn:
            jobs = (graph.jobs[task.name] for task in self.task_list if task.name in graph.jobs)
        return has_work(jobs, self.dep_manager)

    def _leave_records(self, graph: Graph, context: RunContext, code: int) -> None:
        """Write the records of a run that did something, and of its models."""
        done = any(event.status in {"ok", "failed"} for event in context.log.events)
        if graph.session.refresh or not done:
            return
        # Imported here, so that a run with nothing to do waits for no import.
        from pipeline.commands.run_records import leave_records

        selected = [] if self.sel_default_tasks else list(self.sel_tasks)
        leave_records(graph, context, selected=selected, code=code)

    def _check_selection(self) -> None:
        """Refuse unknown names, and wildcards that match no task; spell models as tasks."""
        if self.sel_default_tasks:
            return
        tasks = {task.name: task for task in self.task_list}
        targets = {target for task in self.task_list for target in task.targets}
        names = self.sel_tasks
        expand_names(
            tasks, (name for name in names if name not in targets), list_commands=_list_commands
        )
        self.sel_tasks = [name if name in targets else spell_task(name, tasks) for name in names]


def _runs_in_turn(params: Any) -> bool:
    """Return whether doit gets tasks in turn; other options of doit need all of them at once."""
    other = {"par_type", "single", "auto_delayed_regex"}
    return not other & set(params._non_default_keys)  # noqa: SLF001  # doit tells it nowhere else


def _finish_uploads(session: Session) -> None:
    """Wait for results on their way into the shared store, and show how many are through."""

    def show(done: int, total: int) -> None:
        event = StepEvent(
            task="store", model=None, status="progress", done=done, total=total, unit="result"
        )
        emit(event)

    for notice in session.finish_uploads(show):
        write_text(sys.stderr, f"{notice}\n")


def _describe_store(session: Session) -> str | None:
    """Return what the run had of the shared store; None without one, or if nothing."""
    return None if session.store is None else session.store.describe()


def _list_commands() -> Iterator[str]:
    """Yield the names of the commands that this project adds to doit: "plan"."""
    return (entry.name for entry in entry_points(group="doit.COMMAND"))


@contextlib.contextmanager
def _alone(graph: Graph) -> Iterator[None]:
    """Hold the zoo's lock, and remove the temporary files of a killed run."""
    temporary = graph.layout.temporary
    with zoo_lock(graph):
        shutil.rmtree(temporary, ignore_errors=True)
        # Libraries and the wall's probe write their short-lived files there too.
        with contextlib.suppress(OSError):  # the steps report a full disk
            temporary.mkdir(parents=True, exist_ok=True)
            tempfile.tempdir = str(temporary)
        try:
            yield
        finally:
            tempfile.tempdir = None


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM interrupt the run, so that finished work is kept."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    """Ignore signals during the clean-up, which is short and ends all processes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _recall_verdicts(graph: Graph) -> Mapping[str, "ModelVerdicts"]:
    """Return how models were judged, from the catalog."""
    from pipeline.steps.catalog import recall_verdicts

    return recall_verdicts(graph.jobs["catalog"])
