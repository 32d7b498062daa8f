"""The run: its log, its exit code, its context."""

from pathlib import Path

import pytest

from pipeline.engine.events import Status, StepEvent, emit
from pipeline.report.run_context import (
    RunContext,
    RunLog,
    current_context,
    exit_status,
    use_context,
)


def event(status: Status, *, expected: bool = False) -> StepEvent:
    return StepEvent(task="convert:toy", model="toy", status=status, expected=expected)


def test_the_log_keeps_how_steps_ended() -> None:
    log = RunLog()
    for status in ("started", "progress", "ok", "started", "failed", "remembered", "adopted"):
        log.record(event(status))
    log.record(event("failed", expected=True))

    assert log.counts == {"ok": 1, "failed": 2, "remembered": 1, "adopted": 1}
    assert [e.status for e in log.failures] == ["failed", "remembered"]
    assert [e.status for e in log.expected_failures] == ["failed"]


@pytest.mark.parametrize(
    ("events", "code"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param([event("ok"), event("skipped"), event("adopted")], 0, id="all good"),
        pytest.param([event("ok"), event("failed")], 1, id="failed"),
        pytest.param([event("remembered")], 1, id="failed before"),
        pytest.param([event("failed", expected=True)], 0, id="failed as expected"),
    ],
)
def test_exit_status_of_events(events: list[StepEvent], code: int) -> None:
    assert exit_status(events) == code


def test_a_bug_outweighs_a_failure_and_an_interrupt_both() -> None:
    assert exit_status([event("failed")], bugs=True) == 2
    assert exit_status([event("failed")], bugs=True, interrupted=True) == 130


def test_the_log_of_a_context_listens_while_it_is_current() -> None:
    context = RunContext(root=Path("/zoo"))
    with use_context(context):
        assert current_context() is context
        emit(event("ok"))
    emit(event("failed"))

    assert current_context() is None
    assert [e.status for e in context.log.events] == ["ok"]


def test_paths_are_shown_relative_to_the_root_where_they_lie_in_it() -> None:
    context = RunContext(root=Path("/zoo"))

    assert context.shorten(Path("/zoo/.zoo/build/toy/log.txt")) == ".zoo/build/toy/log.txt"
    assert context.shorten(Path("/elsewhere/log.txt")) == "/elsewhere/log.txt"
