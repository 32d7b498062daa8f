"""The live view: the steps that run, below the lines of the steps that ended, drawn with rich.

It is imported when the first line is due on a terminal. All calls come from one thread.
"""

import time
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from pipeline.report.progress import Running, Snapshot
from pipeline.report.step_line import format_progress, format_spent, task_title
from pipeline.report.terminal import PlainScreen, TakeSnapshot
from pipeline.text.line import Line, Style, encode_text
from pipeline.text.quantity import count, format_time_left
from pipeline.text.typed_command import name_typed

BAR_WIDTH = 20
BAR_MIN_COLUMNS = 70
ROWS_FOR_OTHERS = 4

RICH_STYLES: dict[Style, str] = {
    "": "",
    "good": "green",
    "bad": "bold red",
    "warn": "yellow",
    "dim": "dim",
    "bold": "bold",
}


class LiveScreen(PlainScreen):
    """A terminal: lines scroll up, the state of the run stays at the bottom.

    rich reads NO_COLOR itself.
    """

    interval = 0.1

    def __init__(self, stream: TextIO, take_snapshot: TakeSnapshot) -> None:
        super().__init__(stream, take_snapshot)
        self._console = Console(file=stream, highlight=False, markup=False)
        self._encoding = getattr(stream, "encoding", None)
        unicode = self._encode("✓") == "✓"
        self._spinner = Spinner("dots" if unicode else "line", style="green")
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            get_renderable=self._render,
        )

    @property
    def width(self) -> int | None:
        """Columns of the terminal, now."""
        return self._console.width

    def show(self, lines: Sequence[Line]) -> None:
        """Write lines above the live view, and draw it again, in one go."""
        with self._console:
            for line in lines:
                text = Text.assemble(*((self._encode(t), RICH_STYLES[s]) for t, s in line))
                text.rstrip()
                self._console.print(text, soft_wrap=True)
            if self._live.is_started:
                self._live.refresh()

    def refresh(self) -> None:
        """Draw the live view, as soon as a step runs."""
        if not self._live.is_started and self._take_snapshot(time.monotonic()).running:
            self._live.start()
        if self._live.is_started:
            self._live.refresh()

    def close(self) -> None:
        """Remove the live view, and show the cursor again."""
        self._live.stop()

    def _encode(self, text: str) -> str:
        return encode_text(name_typed(text), self._encoding)

    def _render(self) -> RenderableType:
        snapshot = self._take_snapshot(time.monotonic())
        rows = snapshot.running[: max(1, self._console.height - ROWS_FOR_OTHERS)]
        more = len(snapshot.running) - len(rows)
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True, overflow="ellipsis")
        for _ in range(3):
            grid.add_column(no_wrap=True, justify="right")
        for step in rows:
            grid.add_row(*self._row(step))
        if more > 0:
            grid.add_row(Text(f"  and {more:,} more", style="dim"))
        return Group(grid, self._footer(snapshot))

    def _row(self, step: Running) -> tuple[RenderableType, ...]:
        title = Text(self._encode(f"  {task_title(step.task)}"))
        seconds = Text(format_spent(step), style="dim")
        if step.done is None:
            return (title, seconds)
        transfer = Text(format_progress(step), style="dim")
        if step.total is None or self._console.width < BAR_MIN_COLUMNS:
            return (title, seconds, transfer)
        bar = ProgressBar(
            total=step.total, completed=step.done, width=BAR_WIDTH, complete_style="green"
        )
        return (title, seconds, transfer, bar)

    def _footer(self, snapshot: Snapshot) -> RenderableType:
        parts = [f"{snapshot.done:,} of {count(snapshot.total, 'step')}"]
        if snapshot.seconds_left is not None:
            parts.append(format_time_left(snapshot.seconds_left))
        text = Text(self._encode(" · ".join(parts)), no_wrap=True, overflow="ellipsis")
        if snapshot.failed:
            text.append(self._encode(" · "))
            text.append(f"{snapshot.failed:,} failed", style="bold red")
        self._spinner.text = text
        return self._spinner
