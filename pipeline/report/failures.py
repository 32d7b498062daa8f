"""Failures at the end of a run: the step, the reason, a remedy and the log of each. Pure."""

from collections import defaultdict
from collections.abc import Sequence

from pipeline.engine.events import StepEvent
from pipeline.report.run_context import RunContext
from pipeline.report.step_line import task_title
from pipeline.text.line import Line, first_line, label_text, wrap_text
from pipeline.text.quantity import count
from pipeline.text.suggest import list_first

MAX_FULL = 30
MAX_NAMED = 4
LABEL = "  {:9}"


def format_failures(context: RunContext, *, width: int | None) -> list[Line]:
    """Return the failures of the run, new and remembered, without the expected ones.

    The first thirty have a block of lines each, the others one line: "✗ fetch gear  offline".
    """
    events = context.log.events
    failures = context.log.failures
    lines: list[Line] = [(("Failed", "bold"),)] if failures else []
    groups = _group(failures)
    for event, *others in groups[:MAX_FULL]:
        lines += [(("✗", "bad"), (f" {task_title(event.task)}", "bold"))]
        for label, text in (*_facts(event, events, context), *_name_others(others)):
            lines += label_text((LABEL.format(label), "dim"), text, "", width=width)
    for event, *_ in groups[MAX_FULL:]:
        reason = first_line(event.reason)
        lines.append((("✗", "bad"), (f" {task_title(event.task)}", "bold"), (f"  {reason}", "")))
    return lines


def _group(failures: Sequence[StepEvent]) -> list[list[StepEvent]]:
    """Return the failures, those that share a fault of this machine together."""
    groups: defaultdict[tuple[str | None, str | None], list[StepEvent]] = defaultdict(list)
    for event in failures:
        groups[event.task if event.fault is None else None, event.fault].append(event)
    return list(groups.values())


def _name_others(others: Sequence[StepEvent]) -> list[tuple[str, str]]:
    """Return the other steps of a group: ("also", "convert ant, convert bee and 3 more")."""
    if not others:
        return []
    return [("also", list_first([task_title(event.task) for event in others], MAX_NAMED))]


def format_expected_failures(context: RunContext, *, width: int | None) -> list[Line]:
    """Return the failures that the manifest expects: "✗ convert old: no op Foo"."""
    failures = context.log.expected_failures
    lines: list[Line] = [(("Failed as expected", "bold"),)] if failures else []
    for event in failures:
        text = f"✗ {task_title(event.task)}: {first_line(event.reason)}"
        lines += wrap_text(text, "dim", indent="", width=width)
    return lines


def format_unexpected_successes(context: RunContext, cards: Sequence[str]) -> list[Line]:
    """Return a line for each model that has `expect: failed` in the manifest, and works.

    Args:
        context: The run.
        cards: The tasks that write cards. A card is the last step of a model, so if it is ok,
            the other steps are too.
    """
    failed = {event.model for event in context.log.expected_failures}
    return [
        ((f"{event.model} works: `expect: failed` can go from the manifest", "warn"),)
        for event in context.log.events
        if event.expected and event.status == "ok" and event.task in cards
        if event.model not in failed
    ]


def _facts(
    event: StepEvent, events: Sequence[StepEvent], context: RunContext
) -> list[tuple[str, str]]:
    """Return the labels and texts of a failure's block: ("hint", "fetch it again")."""
    facts = [("reason", event.reason or "none given")]
    if event.hint:
        facts.append(("hint", event.hint))
    if event.log is not None:
        facts.append(("log", context.shorten(event.log)))
    if event.retry:
        facts.append(("again", "the next run tries again"))
    else:
        facts.append(("again", "once its input, its parameters or a tool changes"))
    skipped = len(_built_on(event.task, events))
    if skipped:
        builds = "builds" if skipped == 1 else "build"
        facts.append(("skipped", f"{count(skipped, 'step')} that {builds} on it"))
    return facts


def _built_on(task: str, events: Sequence[StepEvent]) -> set[str]:
    """Return the steps that were skipped because a task failed, directly or through others."""
    upstream = {event.task: event.upstream for event in events if event.status == "skipped"}
    found: set[str] = set()
    while more := {t for t, cause in upstream.items() if cause == task or cause in found} - found:
        found |= more
    return found
