"""Progress: what a run has to look at, and how far it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.engine.events import Status, StepEvent
from pipeline.report.progress import Plan, Progress, Running, find_steps, make_plan


@dataclass(frozen=True)
class Task:
    """The part of a doit task that is read here."""

    name: str
    task_dep: Sequence[str] = ()
    actions: Sequence[Any] = ("act",)
    setup_tasks: Sequence[str] = ()


def graph(*tasks: Task) -> dict[str, Task]:
    return {task.name: task for task in tasks}


def event(task: str, status: Status, **fields: Any) -> StepEvent:
    return StepEvent(task=task, model="a", status=status, **fields)


TASKS = graph(
    Task("fetch:a"),
    Task("fetch:b"),
    Task("convert:a", ["fetch:a"]),
    Task("convert:b", ["fetch:b"]),
    Task("_sweep"),
    Task("model:a", ["convert:a", "_sweep"], actions=()),
    Task("catalog", ["convert:a", "convert:b"]),
)


def test_the_plan_is_what_the_selected_tasks_need() -> None:
    assert make_plan(find_steps(TASKS, ["model:a"])) == Plan(
        steps=frozenset({"fetch:a", "convert:a"}), models=("a",)
    )


def test_groups_and_private_tasks_are_no_steps() -> None:
    plan = make_plan(find_steps(TASKS, ["model:a", "catalog"]))

    assert plan.models == ("a", "b")
    assert len(plan.steps) == 5


def test_a_snapshot_tells_what_is_done_what_runs_and_what_failed() -> None:
    progress = Progress()
    progress.begin(make_plan(find_steps(TASKS, ["catalog"])))
    progress.record(event("fetch:a", "started"), 10.0)
    progress.record(event("fetch:b", "started", usual=4.0), 11.0)
    progress.record(event("fetch:b", "progress", done=5, total=9, unit="run"), 12.0)
    progress.record(event("fetch:a", "failed"), 13.0)
    progress.finish("fetch:a")
    snapshot = progress.snapshot(14.0)

    assert (snapshot.done, snapshot.total, snapshot.failed) == (1, 5, 1)
    running = Running(task="fetch:b", seconds=3.0, done=5, total=9, unit="run", usual=4.0)
    assert snapshot.running == (running,)


def test_an_expected_failure_is_not_counted_as_one() -> None:
    progress = Progress()
    progress.record(event("fetch:a", "failed", expected=True), 1.0)

    assert progress.snapshot(1.0).failed == 0


def test_the_time_left_comes_from_measured_steps() -> None:
    steps = [f"convert:{number}" for number in range(20)]
    progress = Progress()
    progress.begin(Plan(steps=frozenset(steps)))
    for number, step in enumerate(steps[:10]):
        progress.record(event(step, "started"), 2.0 * number)
        progress.record(event(step, "ok"), 2.0 * number + 2)
        progress.finish(step)

    assert progress.snapshot(20.0).seconds_left == 20.0
