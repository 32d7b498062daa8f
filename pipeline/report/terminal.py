"""Screens: where lines go. `LiveScreen` is for terminals that can redraw, `PlainScreen` for others.

Reports go to the stream that doit gives (standard output, or the file of `-o`). The live view
is drawn on that stream too, and only on a terminal: on standard error it would run through the
lines of `doit | tee build.log`.

`PlainScreen` and the choice between the two need no rich: a log has no colours, and a run with
nothing to do prints its one line without waiting 40 ms for an import.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

from pipeline.disk.machine_faults import machine_error
from pipeline.report.progress import Snapshot
from pipeline.report.step_line import format_heartbeat
from pipeline.text.line import Line, encode_text, plain_text
from pipeline.text.typed_command import name_typed

HEARTBEAT_SECONDS = 30.0

TakeSnapshot = Callable[[float], Snapshot]
"""Returns the state of the run at a time of `time.monotonic()`."""


def at_rest(_now: float) -> Snapshot:
    """Return the state of no run, for commands that only print lines."""
    return Snapshot(done=0, total=0, failed=0, running=(), seconds_left=None)


class PlainScreen:
    """Bare text, for pipes, files, logs of CI and terminals that cannot redraw.

    A step that takes long is mentioned every half minute, so that a log shows life.

    Attributes:
        interval: Seconds between two calls of `refresh`.
    """

    interval = 1.0

    def __init__(self, stream: TextIO, take_snapshot: TakeSnapshot = at_rest) -> None:
        self._stream = stream
        self._take_snapshot = take_snapshot
        self._mentioned: dict[str, float] = {}

    @property
    def width(self) -> int | None:
        """Columns of a terminal; None for a log, where people search for whole lines."""
        if not stream_is_terminal(self._stream):
            return None
        return os.get_terminal_size(self._stream.fileno()).columns or None

    def show(self, lines: Sequence[Line]) -> None:
        """Write lines that stay."""
        write_text(self._stream, plain_text(lines))

    def refresh(self) -> None:
        """Show the state of the run: mention the steps that ran for another half minute."""
        snapshot = self._take_snapshot(time.monotonic())
        for step in snapshot.running:
            if step.seconds - self._mentioned.get(step.task, 0.0) >= HEARTBEAT_SECONDS:
                self._mentioned[step.task] = step.seconds
                self.show([format_heartbeat(step, done=snapshot.done, total=snapshot.total)])

    def close(self) -> None:
        """Leave the terminal as it was: here nothing was changed."""


def open_screen(
    stream: TextIO, environ: Mapping[str, str], take_snapshot: TakeSnapshot = at_rest
) -> PlainScreen:
    """Return the screen that fits a stream."""
    if not can_redraw(stream, environ):
        return PlainScreen(stream, take_snapshot)
    from pipeline.report.live import LiveScreen  # noqa: PLC0415  # rich takes 40 ms

    return LiveScreen(stream, take_snapshot)


def can_redraw(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Say whether a stream is a terminal that can redraw, with a person in front of it."""
    if not stream_is_terminal(stream) or environ.get("CI"):
        return False
    return environ.get("TERM", "dumb") not in ("dumb", "unknown", "")


def stream_is_terminal(stream: TextIO) -> bool:
    """Say whether a stream is a terminal; a closed stream and one without a file are none."""
    try:
        return os.isatty(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return False


def write_text(stream: TextIO, text: str) -> None:
    """Write to a stream, in characters of its encoding; drop the text if nobody can take it.

    Hints name the command that was typed.

    A build does not end because `| head` has read enough, or because the disk of `> build.log`
    is full: from then on the stream writes to the null device.
    """
    try:
        stream.write(encode_text(name_typed(text), getattr(stream, "encoding", None)))
        stream.flush()
    except OSError as error:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
        if not isinstance(error, BrokenPipeError) and stream is not sys.stderr:
            reason = machine_error(error).describe()
            write_text(sys.stderr, f"the rest of the output is lost: {reason}\n")
