"""The ending: what is said when a run is over, from its events and the models' cards. Pure.

First the table of models, then what failed, last the one line that sums it up, because the
last line is what people see. A run with nothing to do has that line only.
"""

from collections.abc import Sequence

from pipeline.report.failures import (
    format_expected_failures,
    format_failures,
    format_unexpected_successes,
)
from pipeline.report.model_table import format_models_table
from pipeline.report.run_context import Card, is_failure
from pipeline.report.tally import Ending
from pipeline.text.line import BLANK, Line, wrap_text
from pipeline.text.quantity import count, format_seconds

CARD = "card"
MAX_ROWS = 50


def format_ending(ending: Ending, *, width: int | None) -> list[Line]:
    """Return all that is said at the end; `width` is the terminal's, None without one."""
    told = [*_format_walls(ending, width), *_format_summary(ending, width)]
    parts = [format_failures(ending.context, width=width), told]
    if not ending.idle:
        cards = [f"{CARD}:{model}" for model in ending.plan.models]
        expected = [
            *format_expected_failures(ending.context, width=width),
            *format_unexpected_successes(ending.context, cards),
        ]
        parts = [_format_table(ending, width), expected, *parts]
    lines: list[Line] = []
    for part in parts:
        if part:
            lines += [BLANK, *part]
    return lines[1:] if ending.idle else lines


def _format_table(ending: Ending, width: int | None) -> list[Line]:
    """Return the table of the run's models; of those that it touched where they are many."""
    models = [model for model in ending.plan.models if f"{CARD}:{model}" in ending.plan.steps]
    if ending.interrupted or not models:
        return []
    num_models = len(models)
    if num_models > MAX_ROWS:
        touched = {e.model for e in ending.context.log.events if e.status in ("ok", "failed")}
        models = [model for model in models if model in touched]
    rest: list[Line] = []
    if num_models > MAX_ROWS and ending.context.catalog is not None:
        rest = [((f"All {count(num_models, 'model')}: {ending.context.catalog}", "dim"),)]
    if len(models) > MAX_ROWS:
        return rest
    try:
        cards = _with_failed(ending.context.load_cards(models), models, ending)
        return [*format_models_table(cards, width=width), *rest]
    except Exception as error:  # noqa: BLE001  # cards lie in files that anything may have changed
        text = f"the table of models could not be made: {type(error).__name__}: {error}"
        return [*wrap_text(text, "warn", indent="", width=width), *rest]


def _with_failed(cards: Sequence[Card], models: Sequence[str], ending: Ending) -> list[Card]:
    """Add a row for each model that failed before it had a card; keep the models' order."""
    by_name: dict[str | None, Card] = {
        event.model: {"name": event.model, "status": "failed"}
        for event in ending.context.log.events
        if is_failure(event)
    }
    by_name |= {card["name"]: card for card in cards}
    return [by_name[model] for model in models if model in by_name]


def _format_walls(ending: Ending, width: int | None) -> list[Line]:
    """Return what stood between models and this machine, where any were opened."""
    walls = ending.context.describe_walls()
    return wrap_text(walls, "dim", indent="", width=width) if walls else []


def _format_summary(ending: Ending, width: int | None) -> list[Line]:
    """Return the last line: "Done: 14 models, 101 steps run, 22 up to date (2 min 13 s)"."""
    failed = {event.model for event in ending.context.log.failures}
    models = count(len(ending.plan.models), "model")
    done = f"{ending.finished:,} of {count(len(ending.plan.steps), 'step')} done"
    if ending.interrupted:
        text = f"Interrupted: {done}; the next run goes on from here"
    elif ending.bugs:
        text = f"Stopped by an error that is not a model's, told above: {done}"
    elif ending.idle and not failed:
        text = f"Everything is up to date: {models}, {count(ending.unchanged, 'step')}"
    elif ending.idle:
        text = f"Nothing to do, but failures remain in {_of_models(failed, ending)}"
    elif failed:
        text = f"Failures in {_of_models(failed, ending)}: {_format_counts(ending)}"
    else:
        text = f"Done: {models}, {_format_counts(ending)}"
    good = not (failed or ending.bugs or ending.interrupted)
    text += f" ({format_seconds(ending.seconds)})"
    return wrap_text(text, "good" if good else "bad", indent="", width=width)


def _of_models(failed: set[str | None], ending: Ending) -> str:
    named = failed - {None}
    if not named:
        return "the catalog"
    return f"{len(named):,} of {count(len(ending.plan.models), 'model')}"


def _format_counts(ending: Ending) -> str:
    counts = ending.context.log.counts
    parts = [f"{count(counts['ok'] + counts['failed'], 'step')} run"]
    if ending.unchanged:
        parts.append(f"{ending.unchanged:,} up to date")
    if counts["failed"] + counts["remembered"]:
        parts.append(f"{counts['failed'] + counts['remembered']:,} failed")
    if counts["skipped"]:
        parts.append(f"{counts['skipped']:,} skipped")
    return ", ".join(parts)
