"""Step lines: the line of a step that ends, and of a step that takes long. Pure."""

from pipeline.engine.events import StepEvent
from pipeline.engine.receipt import NEVER_BUILT
from pipeline.report.progress import Running
from pipeline.text.line import Line, Style, crop_line, first_line
from pipeline.text.quantity import count, format_bytes, format_seconds, format_whole_seconds

FROM_STORE = "from the store"
MIN_USUAL_SECONDS = 2.0


def format_step(event: StepEvent, *, width: int | None) -> Line | None:
    """Return the line of a step that ended: "✗ convert gear  0.2 s  not JSON at line 1".

    None for a step that did nothing (adopted, remembered), and for one that was skipped because
    another step failed: the last line of the run counts them.
    """
    match event.status:
        case "ok":
            line = _line("✓", "good", event, (first_line(describe_cause(event)), "dim"))
        case "failed" if event.expected:
            reason = f"failed as expected: {first_line(event.reason)}"
            line = _line("✗", "dim", event, (reason, "dim"))
        case "failed":
            line = _line("✗", "bad", event, (first_line(event.reason), ""))
        case "skipped" if event.upstream is None:
            line = _line("–", "dim", event, (f"skipped: {first_line(event.reason)}", "dim"))  # noqa: RUF001  # a dash
        case _:
            return None
    return crop_line(line, width)


def describe_cause(event: StepEvent) -> str | None:
    """Return why a step ran, or "from the store"; nothing for one that was never built."""
    causes = [FROM_STORE] if event.from_store else []
    if event.cause and event.cause != NEVER_BUILT:
        causes.append(event.cause)
    return "; ".join(causes)


def format_heartbeat(running: Running, *, done: int, total: int) -> Line:
    """Return the line of a step that takes long: "  convert big: 30 s so far  (4 of 9 …)"."""
    text = f"  {task_title(running.task)}: {format_seconds(running.seconds)} so far"
    if running.usual is not None:
        text += f", {format_seconds(running.usual)} the last time"
    if running.done is not None:
        text += f", {format_progress(running)}"
    return ((text, ""), (f"  ({done:,} of {total:,} steps done)", "dim"))


def format_progress(running: Running) -> str:
    """Return how far a step is that tells it: "12.3 of 40.1 MiB", "120 runs", "run 2 of 9"."""
    assert running.done is not None
    if running.unit is None:
        return format_transfer(running.done, running.total)
    if running.total is None:
        return count(running.done, running.unit)
    return f"{running.unit} {min(running.done + 1, running.total):,} of {running.total:,}"


def format_spent(running: Running) -> str:
    """Return how long a step has run, and took the last time: "4 s of about 12 s"."""
    seconds = format_whole_seconds(running.seconds)
    if running.usual is None or running.usual < MIN_USUAL_SECONDS:
        return seconds
    return f"{seconds} of about {format_whole_seconds(running.usual)}"


def format_transfer(done: int, total: int | None) -> str:
    """Return the bytes of a transfer: "12.3 of 40.1 MiB"; "12.3 MiB" if the total is unknown."""
    if total is None:
        return format_bytes(done)
    here, whole = format_bytes(done), format_bytes(total)
    unit = whole.rpartition(" ")[2]
    return f"{here.removesuffix(f' {unit}')} of {whole}"


def task_title(task: str) -> str:
    """Return the name of a task in words: "variant handtrack float16"."""
    return task.replace(":", " ")


def _line(symbol: str, style: Style, event: StepEvent, remark: tuple[str, Style]) -> Line:
    worked = event.seconds is not None and event.status != "skipped" and not event.from_store
    seconds = f"  {format_seconds(event.seconds or 0.0)}" if worked else ""
    text, text_style = remark
    after: Line = ((f"  {text}", text_style),) if text else ()
    return ((symbol, style), (f" {task_title(event.task)}", ""), (seconds, "dim"), *after)
