"""Transfers: a bar on a terminal for a download or an upload, while it lasts."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pipeline.report.terminal import can_redraw

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Transfer = Callable[[int, int | None], None]
"""Takes the bytes that are transferred, and their total; None if that is not known."""


@contextlib.contextmanager
def show_transfer(title: str) -> Iterator[Transfer]:
    """Show a transfer on standard error if that is a terminal; else show nothing."""
    if not can_redraw(sys.stderr, os.environ):
        yield ignore_transfer
        return
    from rich.markup import escape  # noqa: PLC0415  # only a terminal needs it

    bar = _make_bar()
    task: list[TaskID] = []

    def update(done: int, total: int | None) -> None:
        if not task:
            bar.start()
            task.append(bar.add_task(escape(title), total=total))
        bar.update(task[0], completed=done, total=total)

    try:
        yield update
    finally:
        bar.stop()


def ignore_transfer(_done: int, _total: int | None) -> None:
    """Show nothing."""


def _make_bar() -> "Progress":
    from rich import progress  # noqa: PLC0415  # only a terminal needs it
    from rich.console import Console  # noqa: PLC0415  # only a terminal needs it

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=20),
        progress.DownloadColumn(binary_units=True),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
