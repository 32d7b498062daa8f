"""Transfers: a bar on a terminal for a download or an upload, while it lasts."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from pipeline.report.terminal import can_redraw

Transfer = Callable[[int, int | None], None]
"""Takes the bytes that are transferred, and their total; None if that is not known."""


@contextlib.contextmanager
def show_transfer(title: str) -> Iterator[Transfer]:
    """Show a transfer on standard error if that is a terminal; else show nothing."""
    if not can_redraw(sys.stderr, os.environ):
        yield ignore_transfer
        return
    from rich.console import Console  # noqa: PLC0415  # only a terminal needs it
    from rich.markup import escape  # noqa: PLC0415  # as above
    from rich.progress import (  # noqa: PLC0415  # as above
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        DownloadColumn(binary_units=True),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task: list[Any] = []

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
