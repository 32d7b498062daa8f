"""Screens: which one a stream gets, the heartbeat of logs, and streams that break."""

import io
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.report.display import Display
from pipeline.report.progress import Running, Snapshot
from pipeline.report.terminal import PlainScreen, can_redraw, write_text
from pipeline.text.line import Line

WRITE_MUCH = """
import sys
import threading
from pipeline.report.terminal import write_text
for number in range(20_000):
    write_text(sys.stdout, f"line {number}\\n")
print("went on to the end", file=sys.stderr)
"""


@pytest.fixture
def terminal() -> Iterator[io.TextIOWrapper]:
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as stream:
        yield stream
    os.close(master)


@pytest.mark.parametrize(
    ("environ", "redraws"),
    [
        pytest.param({"TERM": "xterm-256color"}, True, id="terminal"),
        pytest.param({"TERM": "xterm", "NO_COLOR": "1"}, True, id="without colours"),
        pytest.param({"TERM": "dumb"}, False, id="dumb"),
        pytest.param({}, False, id="no TERM"),
        pytest.param({"TERM": "xterm", "CI": "true"}, False, id="CI"),
        pytest.param({"TERM": "xterm", "CI": ""}, True, id="empty CI"),
    ],
)
def test_which_terminals_get_a_live_view(
    terminal: io.TextIOWrapper, environ: dict[str, str], *, redraws: bool
) -> None:
    assert can_redraw(terminal, environ) is redraws


def test_files_and_streams_without_a_file_get_none(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        assert not can_redraw(file, {"TERM": "xterm"})
    assert not can_redraw(io.StringIO(), {"TERM": "xterm"})


def test_a_long_step_is_mentioned_every_half_minute() -> None:
    seconds = iter(range(70))

    def take_snapshot(_now: float) -> Snapshot:
        second = next(seconds)
        running = [Running(task="convert:big", seconds=second)]
        if second < 20:
            running.append(Running(task="convert:small", seconds=second))
        return Snapshot(done=4, total=9, failed=0, running=tuple(running), seconds_left=None)

    stream = io.StringIO()
    screen = PlainScreen(stream, take_snapshot)
    for _ in range(70):
        screen.refresh()

    assert stream.getvalue().splitlines() == [
        "  convert big: 30 s so far  (4 of 9 steps done)",
        "  convert big: 1 min 00 s so far  (4 of 9 steps done)",
    ]


def test_text_reaches_a_stream_that_cannot_take_it_all() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    write_text(stream, "✓ convert ü\n")

    assert raw.getvalue() == b"+ convert \\xfc\n"


def test_a_reader_who_leaves_does_not_end_the_run() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", WRITE_MUCH], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stderr is not None
    with child, child.stdout as output, child.stderr as errors:
        output.readline()
        output.close()
        written = errors.read()

    assert written == b"went on to the end\n"
    assert child.returncode == 0


class SlowScreen(PlainScreen):
    """A screen that redraws without end."""

    interval = 0.001


def test_the_display_shows_everything_in_order_before_it_closes() -> None:
    stream = io.StringIO()
    display = Display(SlowScreen(stream))
    lines: list[Line] = [((f"line {number}", ""),) for number in range(500)]
    for line in lines:
        display.show([line])
    display.close()
    display.close()

    assert stream.getvalue().splitlines() == [f"line {number}" for number in range(500)]


class BusyScreen(PlainScreen):
    """A screen that is still redrawing when the display closes."""

    interval = 0.001

    def __init__(self, stream: io.StringIO) -> None:
        super().__init__(stream)
        self.redrawing = threading.Event()
        self.done = threading.Event()

    def refresh(self) -> None:
        """Take as long as the test wants."""
        self.redrawing.set()
        self.done.wait(10)


def test_what_waits_while_the_display_closes_is_shown() -> None:
    stream = io.StringIO()
    screen = BusyScreen(stream)
    display = Display(screen)
    screen.redrawing.wait(10)
    display.show([(("the last line", ""),)])
    threading.Timer(0.1, screen.done.set).start()
    display.close()

    assert stream.getvalue() == "the last line\n"
