"""The ending of a run, as whole texts."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from pipeline.catalog.completion import parse_model
from pipeline.catalog.types import CatalogModel
from pipeline.engine.events import Status, StepEvent
from pipeline.errors import DamagedFileError
from pipeline.report.progress import Plan
from pipeline.report.run_context import RunContext
from pipeline.report.run_summary import format_ending
from pipeline.report.tally import Ending
from pipeline.text.line import plain_text

ROOT = Path("/zoo")
STEPS = ("fetch", "convert", "card")


def event(task: str, status: Status, **fields: Any) -> StepEvent:
    model = task.partition(":")[2] or None
    return StepEvent(task=task, model=model, status=status, **fields)


def load_cards(
    names: Collection[str], provisional: str | None = None, *variants: dict[str, Any]
) -> Sequence[CatalogModel]:
    base = {"name": "float32", "status": "ok", "bytes": 2048}
    card = {"status": "ok", "task": "pose", "parameters": 9, "variants": list(variants) or [base]}
    return [
        parse_model(
            {"name": name, "provisional": provisional, **card},
            "card.json",
            error=DamagedFileError,
        )
        for name in names
        if name != "corrupt"
    ]


def ending(
    models: Sequence[str], *events: StepEvent, up_to_date: int = 0, **fields: Any
) -> list[str]:
    """Return the lines of an ending; `models` have three steps each."""
    width, cards = fields.pop("width", None), fields.pop("cards", load_cards)
    context = RunContext(root=ROOT, load_cards=cards, catalog="dist/models.json")
    for each in events:
        context.log.record(each)
    steps = frozenset(f"{step}:{model}" for model in models for step in STEPS)
    whole: dict[str, Any] = {
        "plan": Plan(steps=steps, models=tuple(models)),
        "context": context,
        "up_to_date": up_to_date,
        "finished": len(events) + up_to_date,
        "bugs": False,
        "interrupted": False,
        "seconds": 12.3,
    }
    return plain_text(format_ending(Ending(**(whole | fields)), width=width)).splitlines()


FAILURE = event(
    "convert:corrupt",
    "failed",
    reason="model.json: not JSON at line 1\nit begins with <!DOCTYPE html>",
    hint="fetch it again",
    log=ROOT / ".zoo/build/corrupt/convert.failed/log.txt",
)


def test_one_failure_among_good_models() -> None:
    lines = ending(
        ["gear", "corrupt"],
        event("convert:gear", "ok"),
        event("card:gear", "ok"),
        FAILURE,
        event("variant:corrupt:uint8", "skipped", upstream="convert:corrupt"),
        event("card:corrupt", "ok"),
        up_to_date=2,
    )

    assert lines == [
        "",
        "model    status  task  parameters   base",
        "gear     ok      pose           9  2 KiB",
        "corrupt  failed  –              –      –",
        "",
        "Failed",
        "✗ convert corrupt",
        "  reason   model.json: not JSON at line 1",
        "           it begins with <!DOCTYPE html>",
        "  hint     fetch it again",
        "  log      .zoo/build/corrupt/convert.failed/log.txt",
        "  again    once its input, its parameters or a tool changes",
        "  skipped  1 step that builds on it",
        "",
        "Failures in 1 of 2 models: 4 steps run, 2 unchanged, 1 failed, 1 skipped (12 s)",
    ]


def test_steps_skipped_for_a_skipped_step_count_with_the_failure() -> None:
    lines = ending(
        ["corrupt"],
        FAILURE,
        event("signature:corrupt", "skipped", upstream="convert:corrupt"),
        event("map:corrupt", "skipped", upstream="signature:corrupt"),
        event("verify:corrupt", "skipped", upstream="map:corrupt"),
        event("card:other", "skipped", upstream="convert:other"),
    )

    assert "  skipped  3 steps that build on it" in lines


def judged(names: Collection[str]) -> Sequence[CatalogModel]:
    """Return models with an equal, a close and a withheld variant, and doubtful verdicts."""
    variants = (
        {"name": "float32", "status": "ok", "agreement": "equal", "bytes": 2048},
        {"name": "float16", "status": "ok", "agreement": "close", "bytes": 1024},
        {"name": "uint8", "status": "withheld", "reason": "far off"},
    )
    return load_cards(names, "nobody states the range", *variants)


def test_verdicts_are_told_in_two_lines() -> None:
    models = [f"m{i}" for i in range(6)]
    lines = ending(models, event("convert:m0", "ok"), cards=judged)

    assert lines[-3:] == [
        "Variants: 6 equal, 6 close, 6 withheld",
        "Provisional: verdicts on 6 models (m0, m1, m2, m3, m4 and 1 more); the catalog says why",
        "Done: 6 models, 1 step run (12 s)",
    ]


def test_a_built_zoo_ends_with_what_is_withheld_and_what_to_do_next() -> None:
    plan = Plan(steps=frozenset({"card:a", "dist"}), models=("a",))
    lines = ending(["a"], event("dist", "ok"), cards=judged, plan=plan)

    assert lines[4:7] == [
        "withheld  error  limit  its task",
        "a uint8   –      –      far off",  # a dash
        "`tfjs-zoo status --withheld` tells why, and what would pass",
    ]
    assert lines[-2].startswith("Next: `tfjs-zoo serve` shows the zoo, ")
    assert "Next" not in "".join(ending(["a"], event("dist", "ok"), plan=plan, interrupted=True))


def test_a_run_with_nothing_to_do_tells_no_verdicts() -> None:
    assert len(ending(["a"], up_to_date=3, cards=judged)) == 1


def test_nothing_to_do_is_one_line() -> None:
    assert ending(["a", "b"], up_to_date=6) == [
        "Everything is up to date: 2 models, 6 steps (12 s)"
    ]


def test_results_that_were_found_again_count_as_up_to_date() -> None:
    assert ending(["a"], event("fetch:a", "adopted"), up_to_date=2) == [
        "Everything is up to date: 1 model, 3 steps (12 s)"
    ]


def test_a_remembered_failure_is_told_again_without_the_table() -> None:
    lines = ending(
        ["corrupt", "gear"], event("convert:corrupt", "remembered", reason="no model"), up_to_date=5
    )

    assert lines == [
        "Failed",
        "✗ convert corrupt",
        "  reason   no model",
        "  again    once its input, its parameters or a tool changes",
        "",
        "Nothing to do, but failures remain in 1 of 2 models (12 s)",
    ]


def test_an_expected_failure_that_repeats_leaves_everything_up_to_date() -> None:
    old = event("convert:old", "remembered", reason="no model", expected=True)

    assert ending(["old"], old, up_to_date=3) == [
        "Everything is up to date: 1 model, 3 steps (12 s)"
    ]


def test_expected_failures_are_apart_and_no_failure() -> None:
    lines = ending(["old"], event("convert:old", "failed", reason="no op Foo", expected=True))

    assert lines[4:] == [
        "Failed as expected",
        "✗ convert old: no op Foo",
        "",
        "Done: 1 model, 1 step run, 1 failed (12 s)",
    ]


def test_a_model_that_works_against_expectation_is_named() -> None:
    lines = ending(["old"], event("card:old", "ok", expected=True))

    assert "old works: `expect: failed` can go from the manifest" in lines


def test_a_model_that_fails_as_expected_is_not_said_to_work() -> None:
    failed = event("convert:old", "failed", reason="no op Foo", expected=True)
    lines = ending(["old"], failed, event("card:old", "ok", expected=True))

    assert not [line for line in lines if "works" in line]


def test_a_failure_that_may_pass_is_tried_again() -> None:
    lines = ending(["a"], event("fetch:a", "failed", reason="timed out", retry=True))

    assert "  again    the next run tries again" in lines


def test_one_fault_of_the_machine_is_told_once() -> None:
    full = "No space left on device"
    events = [
        event(
            f"convert:{name}", "failed", reason=f"{name}/a: {full}", hint="free space", fault=full
        )
        for name in ("ant", "bee", "cat", "dog", "eel", "fox")
    ]
    lines = ending(["ant"], *events)

    assert lines.count("  hint     free space") == 1
    assert "  reason   ant/a: No space left on device" in lines
    assert "  also     convert bee, convert cat, convert dog, convert eel and 1 more" in lines


def test_a_large_zoo_shows_what_the_run_touched() -> None:
    models = [f"model-{number}" for number in range(60)]
    lines = ending(models, event("convert:model-7", "ok"), up_to_date=179)

    assert lines == [
        "",
        "model    status  task  parameters   base",
        "model-7  ok      pose           9  2 KiB",
        "All 60 models: `tfjs-zoo status`, dist/models.json",
        "",
        "Done: 60 models, 1 step run, 179 up to date (12 s)",
    ]


def test_steps_from_the_store_are_not_counted_as_run() -> None:
    lines = ending(
        ["gear"],
        event("fetch:gear", "ok"),
        event("convert:gear", "ok", from_store=True),
        event("reference:gear", "failed", from_store=True, reason="no"),
        event("variant:gear:uint8", "skipped", from_store=True, reason="not smaller"),
    )

    assert lines[-1].endswith("1 step run, 2 from the store, 1 failed, 1 skipped (12 s)")


def test_a_large_build_has_no_table() -> None:
    models = [f"model-{number}" for number in range(1000)]
    lines = ending(models, *(event(f"card:{model}", "ok") for model in models))

    assert lines == [
        "",
        "All 1,000 models: `tfjs-zoo status`, dist/models.json",
        "",
        "Done: 1,000 models, 1,000 steps run (12 s)",
    ]


def test_after_thirty_failures_the_rest_take_a_line_each() -> None:
    models = [f"model-{number}" for number in range(60)]
    lines = ending(
        models, *(event(f"fetch:{model}", "failed", reason="offline\n…") for model in models)
    )

    assert lines.count("  reason   offline") == 30
    assert "✗ fetch model-59  offline" in lines


def test_a_run_without_cards_has_no_table() -> None:
    plan = Plan(steps=frozenset({"fetch:a"}), models=("a",))

    assert ending(["a"], event("fetch:a", "ok"), plan=plan) == [
        "",
        "Done: 1 model, 1 step run (12 s)",
    ]


def test_a_failed_catalog_is_no_model() -> None:
    lines = ending(["a"], event("catalog", "failed", reason="disk full"), up_to_date=3)

    assert lines[-1].startswith("Failures in the catalog: ")


def test_an_interrupted_run_says_how_far_it_came() -> None:
    assert ending(["a"], event("fetch:a", "ok"), interrupted=True)[-1] == (
        "Interrupted: 1 of 3 steps done; the next run goes on from here (12 s)"
    )


def test_a_bug_is_no_models_failure() -> None:
    assert ending(["a"], bugs=True)[-1].startswith("Stopped by an error that is not a model's")


def test_reasons_are_wrapped_to_the_terminal() -> None:
    long = event("convert:a", "failed", reason="a reason of many words that goes on and on and on")
    lines = ending(["a"], long, width=40)

    assert lines[lines.index("✗ convert a") + 1 :][:3] == [
        "  reason   a reason of many words that",
        "           goes on and on and on",
        "  again    once its input, its",
    ]
