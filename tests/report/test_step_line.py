"""The line of a step."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.engine.events import Status, StepEvent
from pipeline.report.progress import Running
from pipeline.report.step_line import (
    format_heartbeat,
    format_progress,
    format_spent,
    format_step,
    format_transfer,
)
from pipeline.text.line import plain_text

MIB = 1024 * 1024


def text(status: Status, *, width: int | None = None, **fields: Any) -> str | None:
    task = fields.pop("task", "convert:handtrack")
    line = format_step(
        StepEvent(task=task, model="handtrack", status=status, **fields), width=width
    )
    return None if line is None else plain_text([line]).rstrip("\n")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"status": "ok", "seconds": 4.12, "cause": "never built"},
            "✓ convert handtrack  4.1 s",
            id="first build",
        ),
        pytest.param(
            {"status": "ok", "seconds": 4.12, "cause": "input fetch:handtrack changed"},
            "✓ convert handtrack  4.1 s  input fetch:handtrack changed",
            id="rebuilt",
        ),
        pytest.param(
            {"status": "ok", "seconds": 0.1, "cause": "never built", "from_store": True},
            "✓ convert handtrack  from the store",
            id="from the store",
        ),
        pytest.param(
            {"status": "ok", "seconds": 0.1, "cause": "input fetch changed", "from_store": True},
            "✓ convert handtrack  from the store; input fetch changed",
            id="from the store again",
        ),
        pytest.param(
            {"status": "failed", "seconds": 0.31, "reason": "no signature\nmore"},
            "✗ convert handtrack  0.3 s  no signature",
            id="failed",
        ),
        pytest.param(
            {"status": "failed", "seconds": 0.31, "reason": "no signature", "expected": True},
            "✗ convert handtrack  0.3 s  failed as expected: no signature",
            id="failed as expected",
        ),
        pytest.param(
            {"status": "skipped", "task": "variant:handtrack:uint8", "reason": "not smaller"},
            "– variant handtrack uint8  skipped: not smaller",
            id="skipped",
        ),
        pytest.param({"status": "skipped", "upstream": "fetch:handtrack"}, None, id="upstream"),
        pytest.param({"status": "adopted"}, None, id="adopted"),
        pytest.param({"status": "remembered", "reason": "no signature"}, None, id="remembered"),
        pytest.param({"status": "started"}, None, id="started"),
    ],
)
def test_step(fields: dict[str, Any], expected: str | None) -> None:
    assert text(**fields) == expected


def test_a_step_takes_one_row_of_a_terminal() -> None:
    line = text("failed", width=40, seconds=0.3, reason="a reason that goes on and on and on")

    assert line == "✗ convert handtrack  0.3 s  a reason th…"


def test_heartbeat() -> None:
    step = Running(task="fetch:centernet", seconds=61.2, done=12 * MIB, total=40 * MIB)

    assert plain_text([format_heartbeat(step, done=41, total=1230)]) == (
        "  fetch centernet: 1 min 01 s so far, 12.0 of 40.0 MiB  (41 of 1,230 steps done)\n"
    )


def test_a_long_step_says_which_run_it_is_at_and_how_long_it_took_before() -> None:
    step = Running(task="verify:hand", seconds=4.2, done=1, total=9, unit="run", usual=12.0)

    assert format_progress(step) == "run 2 of 9"
    assert format_spent(step) == "4 s of about 12 s"
    assert ": 4.2 s so far, 12 s the last time, run 2 of 9 " in plain_text(
        [format_heartbeat(step, done=1, total=2)]
    )
    assert format_progress(replace(step, total=None)) == "1 run"
    assert format_spent(replace(step, usual=0.1)) == "4 s"


@pytest.mark.parametrize(
    ("done", "total", "expected"),
    [(12 * MIB, 40 * MIB, "12.0 of 40.0 MiB"), (9000, MIB, "9 KiB of 1.0 MiB"), (9, None, "9 B")],
)
def test_transfer(done: int, total: int | None, expected: str) -> None:
    assert format_transfer(done, total) == expected
