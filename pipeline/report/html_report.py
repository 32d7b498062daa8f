"""The report of a run: `report.html` and `report.md` in dist/.

It lists the steps that ran, each with its cause, time and memory, and the failures with the time
since which they occur. It describes one run, so a repeated build makes another report; the
catalog does not list it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from pipeline.disk.files import write_atomic
from pipeline.disk.layout import REPORT_PAGE, REPORT_TEXT
from pipeline.report.run_account import MAX_STEPS, Account
from pipeline.report.run_context import EXIT_MEANINGS, is_failure
from pipeline.report.step_line import task_title
from pipeline.report.step_run import StepRun, sort_failures
from pipeline.site.assets import read_static
from pipeline.site.page_templates import pin_inline
from pipeline.text.line import first_line
from pipeline.text.markdown import escape_markdown, format_table, quote_code
from pipeline.text.quantity import count, format_bytes, format_seconds
from pipeline.text.templates import open_templates


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
    lines += _format_failures(account)
    lines += _format_withheld(account)
    lines += _format_effort(account)
    if account.models:
        heads = ["model", "status", " steps", " time", " memory", "why"]
        lines += ["", "## What changed", "", *format_table(heads, _model_rows(account))]
    lines += ["", "## Steps", "", "<details><summary>All that ran</summary>", ""]
    rows = (_step_row(step) for step in account.ran)
    lines += [*format_table(["step", " time", " memory", "why"], rows), "", "</details>"]
    if account.num_ran > len(account.ran):
        lines += ["", f"and {count(account.num_ran - len(account.ran), 'more step')}"]
    return "\n".join(lines) + "\n"


def _format_failures(account: Account) -> Iterator[str]:
    """Yield the lines about failures, the unexpected first."""
    if account.failures:
        yield from ("", "## Failed", "")
    for step in sort_failures(account.failures):
        since = f", since {step.since}" if step.since else ""
        reason = escape_markdown(step.event.reason) or "no reason given"
        yield f"- **{_title(step)}**{since}: {reason}"
        if step.event.hint:
            yield f"  - {escape_markdown(step.event.hint)}"
        yield f"  - {describe_again(step)}"
    if account.expected:
        yield from ("", "## Failed as expected", "")
    for step in account.expected:
        yield f"- {_title(step)}: {escape_markdown(first_line(step.event.reason))}"


def _format_withheld(account: Account) -> Iterator[str]:
    """Yield the lines about variants that are withheld, and verdicts that say little."""
    if account.withheld:
        heads = ["variant", "error", " limit", "its task", "what would pass"]
        rows = (
            [
                quote_code(f"{one.model} {one.variant}"),
                escape_markdown(one.error or one.reason),
                one.limit,
                escape_markdown(one.task),
                escape_markdown(one.advice or ""),
            ]
            for one in account.withheld[:MAX_STEPS]
        )
        yield from ("", "## Withheld", "", *format_table(heads, rows))
        more = account.verdicts.variants["withheld"] - len(account.withheld[:MAX_STEPS])
        if more > 0:
            yield from ("", f"and {count(more, 'more variant')}")
    if account.provisional:
        yield from ("", "## Provisional", "")
    for name, reason in list(account.provisional.items())[:MAX_STEPS]:
        yield f"- {quote_code(name)}: {escape_markdown(reason)}"


def _format_effort(account: Account) -> Iterator[str]:
    """Yield the lines about bytes and time."""
    if saved := describe_saved(account):
        yield from ("", f"{saved}.")
    if len(account.slowest) > 1:
        listed = (
            f"{_title(step)} {format_seconds(step.event.seconds or 0.0)}"
            for step in account.slowest
        )
        yield from ("", f"Slowest: {', '.join(listed)}.")


def describe_saved(account: Account) -> str:
    """Return what small variants save: "The smallest variants take 1.2 MiB in place of 4 MiB"."""
    base, smallest = account.sizes
    if smallest >= base:
        return ""
    sizes = f"{format_bytes(smallest)} in place of {format_bytes(base)}"
    return f"The smallest variants take {sizes}, {1 - smallest / base:.0%} less"


def format_page(account: Account) -> str:
    """Return a report as an HTML page that needs no other file."""
    style = _style()
    page = open_templates("pipeline.report", _FILTERS).get_template("report.html.jinja")
    return page.render(
        account=account,
        failures=sort_failures(account.failures),
        style=style,
        policy=_policy(style),
        summary=describe_run(account),
        saved=describe_saved(account),
        most=MAX_STEPS,
        ran=", ".join([describe_steps(account), *_stored(account)]),
        meaning=EXIT_MEANINGS[account.exit_status],
    )


def describe_run(account: Account) -> str:
    """Return a run in a sentence: "All good: 12 steps of 3 models ran; it took 2 min 13 s …"."""
    meaning = EXIT_MEANINGS[account.exit_status]
    parts = [f"{describe_steps(account)} ran", *_stored(account)]
    if account.up_to_date is not None:
        parts.append(f"{account.up_to_date:,} had nothing to do")
    if account.skipped:
        parts.append(f"{account.skipped:,} were skipped because others failed")
    text = f"{meaning[0].upper()}{meaning[1:]}: {', '.join(parts)}"
    text += f"; it took {format_seconds(account.seconds)}"
    if account.peak_bytes is not None:
        text += f" and at most {format_bytes(account.peak_bytes)} of memory in one process"
    statuses = [f"{number:,} {status}" for status, number in sorted(account.statuses.items())]
    text += f". Ended {account.finished}. Models of the zoo: {', '.join(statuses) or 'none'}"
    if variants := account.verdicts.describe_variants():
        text += f". Variants: {variants}"
    if models := account.verdicts.describe_provisional():
        text += f". Verdicts are provisional on {escape_markdown(models)}"
    return text


def describe_steps(account: Account) -> str:
    """Return the number of steps that ran: "12 steps of 3 models", "3 steps" of no model."""
    steps = count(account.num_ran, "step")
    return f"{steps} of {count(len(account.models), 'model')}" if account.models else steps


def _stored(account: Account) -> Iterator[str]:
    """Yield how many of these came from the store, if any: "7 of them from the store"."""
    if account.num_stored:
        yield f"{account.num_stored:,} of them from the store"


def describe_again(step: StepRun) -> str:
    """Return when a failed step runs again: "the next run tries again"."""
    if step.event.retry:
        return "the next run tries again"
    return "it is tried again once its input, its parameters or a tool changes"


def _model_rows(account: Account) -> Iterator[Sequence[str]]:
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
    title = f"**failed** {_title(step)}" if is_failure(step.event) else _title(step)
    seconds = "" if step.event.seconds is None else format_seconds(step.event.seconds)
    return [title, seconds, _memory(step.peak_bytes), escape_markdown(step.event.cause)]


def _title(step: StepRun) -> str:
    return quote_code(task_title(step.event.task))


def _memory(num_bytes: int | None) -> str:
    return "" if num_bytes is None else format_bytes(num_bytes)


def _day(time: str | None) -> str:
    """Return the day of a time in UTC: "2026-01-31"; "" without a time."""
    return (time or "")[:10]


def _style() -> str:
    """Return the style sheet of the report: that of the zoo's pages, and its own."""
    own = files("pipeline.report").joinpath("templates", "report.css").read_text("utf-8")
    return read_static("style.css").decode() + own


def _policy(style: str) -> str:
    """Return a Content-Security-Policy that allows nothing but this style sheet."""
    return f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src {pin_inline(style)}"


_FILTERS: Mapping[str, Callable[..., Any]] = {
    "again": describe_again,
    "count": count,
    "day": _day,
    "seconds": format_seconds,
    "size": format_bytes,
    "title": task_title,
}
