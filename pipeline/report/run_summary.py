"""The summary of a run: the lines that end it, from its events and the models' cards. Pure.

The table of models comes first, then what is withheld, the failures, and last the line that sums
up the run, because people see the last line. All of it fits a screen: `tfjs-zoo status` shows large
tables. A run with nothing to do has the last line only.
"""

from collections.abc import Sequence

from pipeline.catalog.completion import parse_model
from pipeline.catalog.model_table import format_models_table
from pipeline.catalog.types import CatalogModel
from pipeline.errors import DamagedFileError
from pipeline.report.failures import (
    format_expected_failures,
    format_failures,
    format_unexpected_successes,
)
from pipeline.report.run_context import is_failure
from pipeline.report.tally import Ending
from pipeline.text.line import BLANK, Line, wrap_text
from pipeline.text.quantity import count, format_seconds

CARD = "card"
DIST = "dist"
MAX_ROWS = 10


def format_ending(ending: Ending, *, width: int | None) -> list[Line]:
    """Return the lines that end a run.

    Args:
        ending: The run.
        width: Cells of a line of the terminal; None where lines have no end.
    """
    last = [*_format_verdicts(ending, width), *_format_facts(ending, width)]
    last += [*_format_next(ending), *_format_summary(ending, width)]
    parts = [format_failures(ending.context, width=width), last]
    if not ending.idle:
        cards = [f"{CARD}:{model}" for model in ending.plan.models]
        expected = [
            *format_expected_failures(ending.context, width=width),
            *format_unexpected_successes(ending.context, cards),
        ]
        parts = [_format_table(ending, width), _format_withheld(ending, width), expected, *parts]
    lines: list[Line] = []
    for part in parts:
        if part:
            lines += [BLANK, *part]
    return lines[1:] if ending.idle else lines


def _format_table(ending: Ending, width: int | None) -> list[Line]:
    """Return the table of the run's models; of many models only those that the run worked on."""
    models = [model for model in ending.plan.models if ending.plan.reaches(CARD, model)]
    if ending.interrupted or not models:
        return []
    num_models = len(models)
    if num_models > MAX_ROWS:
        worked = {e.model for e in ending.context.log.events if e.status in ("ok", "failed")}
        models = [model for model in models if model in worked]
    rest: list[Line] = []
    if num_models > MAX_ROWS and ending.context.catalog is not None:
        where = f"`tfjs-zoo status`, {ending.context.catalog}"
        rest = [((f"All {count(num_models, 'model')}: {where}", "dim"),)]
    if len(models) > MAX_ROWS:
        return rest
    try:
        return [*_format_models(models, ending, width), *rest]
    except Exception as error:  # noqa: BLE001  # cards lie in files that anything may have changed
        text = f"the table of models could not be made: {type(error).__name__}: {error}"
        return [*wrap_text(text, "warn", indent="", width=width), *rest]


def _format_models(models: Sequence[str], ending: Ending, width: int | None) -> list[Line]:
    """Return the table of these models; a model that failed before it had a card has a row too."""
    cards = {card.name: card for card in ending.context.load_cards(models)}
    failed = {event.model for event in ending.context.log.events if is_failure(event)}
    cards |= {name: _card_of_failed(name) for name in models if name in failed - cards.keys()}
    known = [cards[name] for name in models if name in cards]
    return format_models_table(known, width=width, reasons=False)


def _format_withheld(ending: Ending, width: int | None) -> list[Line]:
    """Return the table of withheld variants; none where cards are damaged, which is told above."""
    if ending.interrupted:
        return []
    try:
        return _tabulate_withheld(ending, width)
    except Exception:  # noqa: BLE001  # cards lie in files that anything may have changed
        return []


def _tabulate_withheld(ending: Ending, width: int | None) -> list[Line]:
    """Return the table of withheld variants, for which only the cards of its rows are read."""
    from pipeline.report.withheld import MAX_ROWS, format_withheld  # noqa: PLC0415  # brings NumPy

    numbers = {name: model.variants.get("withheld", 0) for name, model in ending.verdicts.items()}
    models = [name for name, number in numbers.items() if number][:MAX_ROWS]
    more = sum(numbers.values()) - sum(numbers[name] for name in models)
    return format_withheld(ending.context.load_cards(models), width=width, more=more)


def _card_of_failed(name: str) -> CatalogModel:
    return parse_model({"name": name, "status": "failed"}, name, error=DamagedFileError)


def _format_verdicts(ending: Ending, width: int | None) -> list[Line]:
    """Return how many variants are near enough, and the models whose verdicts are provisional."""
    if ending.idle or ending.interrupted:
        return []
    verdicts = ending.count_verdicts()
    lines = []
    if variants := verdicts.describe_variants():
        lines += wrap_text(f"Variants: {variants}", "dim", indent="", width=width)
    if models := verdicts.describe_provisional():
        text = f"Provisional: verdicts on {models}; the catalog says why"
        lines += wrap_text(text, "warn", indent="", width=width)
    return lines


def _format_facts(ending: Ending, width: int | None) -> list[Line]:
    """Return lines on the run: what was not tried, and "Models were opened behind Landlock"."""
    context = ending.context
    described = (context.describe_store(), context.describe_absence(), context.describe_walls())
    facts = filter(None, described)
    return [line for fact in facts for line in wrap_text(fact, "dim", indent="", width=width)]


def _format_next(ending: Ending) -> list[Line]:
    """Return what to do with a zoo that this run built: look at it, and publish it."""
    if ending.idle or ending.interrupted or ending.bugs or DIST not in ending.plan.steps:
        return []
    text = "Next: `tfjs-zoo serve` shows the zoo, `tfjs-zoo publish` brings it to its place"
    return [((text, "dim"),)]


def _format_summary(ending: Ending, width: int | None) -> list[Line]:
    """Return the last line: "Done: 14 models, 101 steps run, 22 up to date (2 min 13 s)"."""
    failed = {event.model for event in ending.context.log.failures}
    models = count(len(ending.plan.models), "model")
    done = f"{ending.finished:,} of {count(ending.plan.num_steps, 'step')} done"
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
    """Return the share of the models that failed: "1 of 14 models", or "the catalog"."""
    named = failed - {None}
    if not named:
        return "the catalog"
    return f"{len(named):,} of {count(len(ending.plan.models), 'model')}"


def _format_counts(ending: Ending) -> str:
    """Return the numbers of steps: "8 steps run, 2 unchanged, 1 failed, 1 skipped"."""
    counts = ending.context.log.counts
    failed = counts["failed"] + counts["remembered"]
    # Beside a failure, an earlier skip counts too: that step has no result to be up to date.
    unchanged = "unchanged" if failed else "up to date"
    stored = sum(
        event.from_store and event.status in ("ok", "failed") for event in ending.context.log.events
    )
    numbers = (
        (stored, "from the store"),
        (ending.unchanged, unchanged),
        (failed, "failed"),
        (counts["skipped"], "skipped"),
    )
    parts = [f"{count(counts['ok'] + counts['failed'] - stored, 'step')} run"]
    return ", ".join(parts + [f"{number:,} {word}" for number, word in numbers if number])
