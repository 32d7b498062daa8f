"""The report of a run: `report.html` and `report.md` in dist/.

What ran and why, how long it took and how much memory, what failed and since when. It tells of
one run, so it is no part of what a repeated build repeats; nor does the catalog list it.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.disk.files import write_atomic
from pipeline.disk.layout import REPORT_PAGE, REPORT_TEXT
from pipeline.report.run_account import Account, StepRun, sort_failures
from pipeline.report.run_context import EXIT_MEANINGS
from pipeline.report.step_line import task_title
from pipeline.text.line import first_line
from pipeline.text.markdown import escape_markdown, format_table, quote_code
from pipeline.text.quantity import count, format_bytes, format_seconds

# A summary of a job on GitHub takes 1 MiB.
MAX_STEPS = 1000


def write_report(account: Account, folder: Path) -> None:
    """Write both forms of a report into a folder."""
    write_atomic(folder / REPORT_TEXT, format_text(account).encode())
    write_atomic(folder / REPORT_PAGE, format_page(account).encode())


def format_text(account: Account) -> str:
    """Return a report as Markdown."""
    lines = [f"# Build of {escape_markdown(account.zoo)}", "", f"{describe_run(account)}."]
    if account.selected:
        asked = " ".join(quote_code(name) for name in account.selected)
        lines.append(f"Only {asked} was asked for.")
    if account.failures:
        lines += ["", "## Failed", ""]
        for step in sort_failures(account.failures):
            lines += _format_failure(step)
    if account.expected:
        lines += ["", "## Failed as expected", ""]
        lines += [
            f"- {_title(step)}: {escape_markdown(first_line(step.reason))}"
            for step in account.expected
        ]
    if account.models:
        heads = ["model", "status", " steps", " time", " memory", "why"]
        lines += ["", "## Models", "", *format_table(heads, _model_rows(account))]
    lines += ["", "## Steps", "", "<details><summary>All that ran</summary>", ""]
    rows = (_step_row(step) for step in account.ran[:MAX_STEPS])
    lines += [*format_table(["step", " time", " memory", "why"], rows), "", "</details>"]
    if len(account.ran) > MAX_STEPS:
        lines += ["", f"and {count(len(account.ran) - MAX_STEPS, 'more step')}"]
    return "\n".join(lines) + "\n"


def format_page(account: Account) -> str:
    """Return a report as a page that needs no other file."""
    # Imported where it is met: templates take their time, and few runs end here.
    from pipeline.text.templates import open_templates  # noqa: PLC0415

    filters: dict[str, Callable[..., Any]] = {
        "again": describe_again,
        "count": count,
        "day": _day,
        "seconds": format_seconds,
        "size": format_bytes,
        "title": task_title,
    }
    style = _style()
    return (
        open_templates("pipeline.report", filters)
        .get_template("report.html.jinja")
        .render(
            account=account,
            failures=sort_failures(account.failures),
            style=style,
            policy=_policy(style),
            summary=describe_run(account),
            ran=describe_steps(account),
            meaning=EXIT_MEANINGS[account.exit_status],
        )
    )


def describe_run(account: Account) -> str:
    """Return a run in a sentence without its end: "All good: 12 steps of 3 models ran, …"."""
    meaning = EXIT_MEANINGS[account.exit_status]
    parts = [f"{describe_steps(account)} ran"]
    if account.up_to_date is not None:
        parts.append(f"{account.up_to_date:,} had nothing to do")
    if account.skipped:
        parts.append(f"{account.skipped:,} were skipped because others failed")
    text = f"{meaning[0].upper()}{meaning[1:]}: {', '.join(parts)}"
    text += f"; it took {format_seconds(account.seconds)}"
    if account.peak_bytes is not None:
        text += f" and at most {format_bytes(account.peak_bytes)} of memory in one process"
    statuses = [f"{number:,} {status}" for status, number in sorted(account.statuses.items())]
    return f"{text}. Ended {account.finished}. Models of the zoo: {', '.join(statuses) or 'none'}"


def describe_steps(account: Account) -> str:
    """Return what ran: "12 steps of 3 models", "3 steps" where they are the zoo's own."""
    steps = count(len(account.ran), "step")
    return f"{steps} of {count(len(account.models), 'model')}" if account.models else steps


def describe_again(step: StepRun) -> str:
    """Say when a failed step is tried again."""
    if step.retry:
        return "the next run tries again"
    return "it is tried again once its input, its parameters or a tool changes"


def _format_failure(step: StepRun) -> list[str]:
    since = f", since {step.since}" if step.since else ""
    lines = [f"- **{_title(step)}**{since}: {escape_markdown(step.reason) or 'no reason given'}"]
    if step.hint:
        lines.append(f"  - {escape_markdown(step.hint)}")
    return [*lines, f"  - {describe_again(step)}"]


def _model_rows(account: Account) -> Iterable[Sequence[str]]:
    for model in account.models:
        since = f" since {_day(model.stale_since)}" if model.stale_since else ""
        yield [
            quote_code(model.name),
            f"{model.status}{since}",
            f"{model.steps:,}",
            format_seconds(model.seconds),
            _memory(model.peak_bytes),
            escape_markdown(model.cause),
        ]


def _step_row(step: StepRun) -> list[str]:
    told = f"**failed** {_title(step)}" if step.failed else _title(step)
    seconds = "" if step.seconds is None else format_seconds(step.seconds)
    return [told, seconds, _memory(step.peak_bytes), escape_markdown(step.cause)]


def _title(step: StepRun) -> str:
    return quote_code(task_title(step.task))


def _memory(num_bytes: int | None) -> str:
    return "" if num_bytes is None else format_bytes(num_bytes)


def _day(time: str | None) -> str:
    return (time or "")[:10]


@cache
def _style() -> str:
    from importlib.resources import files  # noqa: PLC0415

    from pipeline.site.assets import read_static  # noqa: PLC0415

    own = files("pipeline.report").joinpath("templates", "report.css").read_text("utf-8")
    return read_static("style.css").decode() + own


def _policy(style: str) -> str:
    from pipeline.site.page_templates import pin_inline  # noqa: PLC0415

    return f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src {pin_inline(style)}"
