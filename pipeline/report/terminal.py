"""Screens: where lines go. One for terminals that can redraw (`live.py`), one for all else.

Reports go to the stream that doit gives (standard output, or the file of `-o`): they are what
the command is for. The live view is drawn on that stream too, and only where it is a terminal;
on standard error it would run through the lines of `doit | tee build.log`.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol, TextIO

from pipeline.disk.machine_faults import machine_error
from pipeline.report.progress import Snapshot
from pipeline.report.step_line import format_heartbeat
from pipeline.text.line import Line, encode_text, plain_text

HEARTBEAT_SECONDS = 30.0


class Screen(Protocol):
    """Something that shows lines for good, and the state of the run for the moment.

    Attributes:
        interval: Seconds between two calls of `refresh`.
    """

    interval: float

    @property
    def width(self) -> int | None:
        """Characters of a row; None where rows have no end."""

    def show(self, lines: Sequence[Line], snapshot: Snapshot) -> None:
        """Write lines that stay."""

    def refresh(self, snapshot: Snapshot) -> None:
        """Tell the state of the run."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class PlainScreen:
    """Bare text, for pipes, files, CI logs and terminals that cannot redraw.

    A step that takes long is mentioned every half minute, so that a log shows life.
    """

    interval = 1.0

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._mentioned: dict[str, float] = {}

    @property
    def width(self) -> int | None:
        """Columns of a terminal; None otherwise: a log is searched, its lines stay whole."""
        if not stream_is_terminal(self._stream):
            return None
        return os.get_terminal_size(self._stream.fileno()).columns or None

    def show(self, lines: Sequence[Line], _snapshot: Snapshot) -> None:
        """Write lines, at once."""
        write_text(self._stream, plain_text(lines))

    def refresh(self, snapshot: Snapshot) -> None:
        """Mention the steps that ran for another half minute."""
        for step in snapshot.running:
            if step.seconds - self._mentioned.get(step.task, 0.0) >= HEARTBEAT_SECONDS:
                self._mentioned[step.task] = step.seconds
                line = format_heartbeat(step, done=snapshot.done, total=snapshot.total)
                self.show([line], snapshot)

    def close(self) -> None:
        """Do nothing: nothing was changed."""


def open_screen(stream: TextIO, environ: Mapping[str, str]) -> Screen:
    """Return the screen that fits a stream; rich is imported where it draws, not here."""
    if not can_redraw(stream, environ):
        return PlainScreen(stream)
    from pipeline.report.live import LiveScreen  # noqa: PLC0415  # imports rich

    return LiveScreen(stream, color="NO_COLOR" not in environ)


def can_redraw(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Say whether a stream is a terminal with a person before it, who can take a live view."""
    if not stream_is_terminal(stream) or environ.get("CI"):
        return False
    return environ.get("TERM", "dumb") not in ("dumb", "unknown", "")


def stream_is_terminal(stream: TextIO) -> bool:
    """Say whether a stream is a terminal; one that is closed or has no file is none."""
    try:
        return os.isatty(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return False


def write_text(stream: TextIO, text: str) -> None:
    """Write to a stream in what its encoding can take; whoever stopped reading misses it.

    A build does not end because `| head` has seen enough, or the disk of `> build.log` is full:
    the stream is led to nowhere.
    """
    try:
        stream.write(encode_text(text, getattr(stream, "encoding", None)))
        stream.flush()
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        if not isinstance(error, BrokenPipeError) and stream is not sys.stderr:
            told = f"the rest of the output is lost: {machine_error(error).describe()}\n"
            write_text(sys.stderr, told)
