"""The account of a run and its report: from real runs of a small zoo."""

import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from changed_zoos import ChangedZoo, build_twice
from site_zoo import model, variant
from zoos import Zoo, files_below

from pipeline.catalog.verdict_words import count_verdicts, judge_model
from pipeline.engine.events import StepEvent
from pipeline.report.html_report import format_page, format_text
from pipeline.report.run_account import (
    MAX_STEPS,
    Account,
    _sum_sizes,
    gather_account,
)
from pipeline.report.run_context import RunContext
from pipeline.report.step_run import StepRun, _find_memory, sort_failures
from pipeline.report.withheld import describe_withheld

needs_packages = pytest.mark.network  # TensorFlow.js, once


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> ChangedZoo:
    """Return a zoo that was built, changed, and built again, with a model that failed."""
    return build_twice(tmp_path_factory.getbasetemp())


def text_of(zoo: Zoo) -> str:
    """Return the report as text."""
    return (zoo.dist / "report.md").read_text()


@needs_packages
def test_a_report_tells_what_ran_why_and_what_failed_since_when(changed: ChangedZoo) -> None:
    text = text_of(changed.zoo)

    ran = len([event for event in changed.build.steps if event["status"] in {"ok", "failed"}])
    assert f"A model failed: {ran} steps of 9 models ran, " in text
    assert re.search(
        r"- \*\*`convert broken`\*\*, since 20\d\d-\d\d-\d\dT[\d:]+Z: weight 'kernel'", text
    )
    assert "it is tried again once its input, its parameters or a tool changes" in text
    assert re.search(r"\| `new` \| ok \| 10 \| [\d.<]+ s \| [\d.]+ MiB \| never built \|", text)
    assert re.search(r"\| `broken` \| stale since 20\d\d-\d\d-\d\d \| 2 \| ", text)
    assert "| `verify role` | " in text
    assert "Models of the zoo: 9 ok, 1 stale" in text


@needs_packages
def test_the_page_says_the_same_and_needs_no_other_file(changed: ChangedZoo) -> None:
    page = (changed.zoo.dist / "report.html").read_text()

    assert "convert broken" in page
    assert "<script" not in page
    assert not re.search(
        r'(?:src|href)="(?!index\.html|models/|report\.md|timings\.json|#main)', page
    )
    assert "default-src 'none'" in html.unescape(page)


@needs_packages
def test_a_run_with_nothing_to_do_leaves_the_report_of_the_one_before(tmp_path: Path) -> None:
    zoo = Zoo(tmp_path / "zoo")
    zoo.add("one")
    zoo.build()
    before = files_below(zoo.dist)
    again = zoo.build()
    after = files_below(zoo.dist)
    part = zoo.build("-a", "fetch:one")
    cleaned = zoo.doit("clean", "dist")

    assert again.code == 0
    assert after == before
    assert part.code == 0
    assert cleaned.code == 0
    assert not zoo.dist.exists()


@needs_packages
def test_a_run_of_some_steps_says_which(tmp_path: Path) -> None:
    zoo = Zoo(tmp_path / "zoo")
    zoo.add("one")
    zoo.build("convert:one")
    text = text_of(zoo)

    assert "Only `convert:one` was asked for." in text
    assert "had nothing to do" not in text


def step(task: str, *, since: str | None = None, **fields: Any) -> StepRun:
    """Return a step that failed."""
    stated: dict[str, Any] = {"model": "one", "status": "failed", "reason": "no", "seconds": 1.0}
    event = StepEvent(**{"task": task, **stated, **fields})
    return StepRun(event=event, since=since, peak_bytes=None)


def account(*, ran: Sequence[StepRun] = (), **others: object) -> Account:
    """Return an account of some steps; `others` replace its fields."""
    fields = {
        "zoo": "Zoo",
        "finished": "2026-01-02T03:04:05Z",
        "seconds": 1.0,
        "exit_status": 1,
        "selected": (),
        "ran": ran,
        "num_ran": len(ran),
        "num_stored": 0,
        "slowest": (),
        "peak_bytes": None,
        "failures": (),
        "expected": (),
        "skipped": 0,
        "up_to_date": 3,
        "models": (),
        "statuses": {},
        "verdicts": count_verdicts(()),
        "withheld": (),
        "provisional": {},
        "sizes": (0, 0),
    }
    return Account(**{**fields, **others})  # type: ignore[arg-type]


def test_what_failed_last_is_told_first() -> None:
    failures = [step("a", since="2026-01-01"), step("b", since="2026-01-03"), step("c")]

    assert [failure.event.task for failure in sort_failures(failures)] == ["b", "a", "c"]


def test_text_of_any_origin_shows_as_text() -> None:
    hostile = "<img src=x onerror=alert(1)> | *b*"
    run = account(zoo=hostile, failures=[step("fetch:one", reason=hostile, hint=hostile)])

    assert "<img" not in format_page(run)
    assert "&lt;img" in format_page(run)
    assert "<img" not in format_text(run)


def test_verdicts_stand_in_both_forms() -> None:
    variants = [variant(agreement="equal"), variant("uint8", None)]
    doubtful = model(name="hand_1", variants=variants, provisional="nobody states the range")
    run = account(verdicts=count_verdicts([doubtful]))

    assert ". Variants: 1 equal, 1 withheld. Verdicts are provisional on 1 model " in format_text(
        run
    )
    assert "<dd>1 equal, 1 withheld</dd>" in format_page(run)
    assert "<dd>1 model (hand_1)</dd>" in format_page(run)


def test_what_is_withheld_and_saved_stands_before_the_steps() -> None:
    variants = [variant(size=4096), variant("float16", 1024), variant("uint8", None)]
    cards = [model(name="hand", variants=variants)]
    run = account(
        withheld=describe_withheld(cards),
        provisional={"hand": "nobody states <the> range"},
        sizes=_sum_sizes(map(judge_model, cards)),
        slowest=[step("fetch:one", seconds=9.0), step("convert:one", seconds=2.0)],
    )
    text, page = format_text(run), format_page(run)

    assert "| `hand uint8` |" in text
    assert "The smallest variants take 1 KiB in place of 4 KiB, 75% less" in text
    assert "Slowest: `fetch one` 9.0 s, `convert one` 2.0 s." in text
    order = ["Withheld", "Provisional", "Steps"]
    assert sorted(order, key=lambda head: text.index(f"## {head}")) == order
    assert sorted(order, key=lambda head: page.index(f"<h2>{head}")) == order
    assert 'href="models/hand/index.html#variants">hand uint8</a>' in page
    assert "nobody states &lt;the&gt; range" in page


def test_failures_that_are_expected_stand_apart() -> None:
    run = account(exit_status=0, expected=[step("convert:one", reason="cannot")])

    assert "## Failed as expected\n\n- `convert one`: cannot" in format_text(run)
    assert "## Failed\n" not in format_text(run)
    assert "Failed as expected" in format_page(run)


def test_neither_credentials_nor_this_machine_are_published(tmp_path: Path) -> None:
    context = RunContext(root=tmp_path)
    cause = 'parameter source: "https://me:secret@host/a?token=hush" → "npm:b@1.0.0"'
    reason = f"{tmp_path}/models/one.h5: no such file"
    context.log.record(
        StepEvent(task="fetch:one", model="one", status="failed", cause=cause, reason=reason)
    )
    run = gather_account(
        context, {}, num_jobs=0, zoo="Zoo", selected=(), finished="now", seconds=1.0, exit_status=1
    )

    for text in (format_text(run), format_page(run)):
        assert "host/a" in text
        assert "secret" not in text
        assert "hush" not in text
        assert str(tmp_path) not in text
        assert "models/one.h5: no such file" in text


@pytest.mark.parametrize(("exit_status", "up_to_date"), [(0, 1), (1, 1), (2, None), (130, None)])
def test_a_run_that_was_cut_short_does_not_know_the_rest(
    tmp_path: Path, exit_status: int, up_to_date: int | None
) -> None:
    run = gather_account(
        RunContext(root=tmp_path),
        {},
        num_jobs=0,
        zoo="Zoo",
        selected=(),
        finished="now",
        seconds=1.0,
        exit_status=exit_status,
    )

    assert run.up_to_date == up_to_date


def test_of_many_steps_the_first_and_the_slowest_are_told(tmp_path: Path) -> None:
    context = RunContext(root=tmp_path, sealed={"b": 0, "a": 0})
    for number in range(MAX_STEPS + 20):
        context.log.record(
            StepEvent(
                task=f"variant:{'ab'[number % 2]}:v{number}",
                model="ab"[number % 2],
                status="ok",
                seconds=float(number),
                cause=f"cause {number}",
                from_store=number < 3,
            )
        )
    first = StepEvent(task="fetch:b", model="b", status="ok", seconds=1.0, cause="new")
    context.log.record(first)
    run = gather_account(
        context, {}, num_jobs=0, zoo="Zoo", selected=(), finished="now", seconds=1.0, exit_status=0
    )

    assert [one.event.seconds for one in run.slowest] == [1019.0, 1018.0, 1017.0, 1016.0, 1015.0]
    assert (len(run.ran), run.num_ran, run.num_stored) == (MAX_STEPS, MAX_STEPS + 21, 3)
    assert [(model.name, model.steps, model.cause) for model in run.models] == [
        ("b", 511, "new"),
        ("a", 510, "from the store; cause 0"),
    ]
    assert "and 21 more steps" in format_text(run)
    assert "<summary>All 1,021 steps that ran" in format_page(run)
    assert "and 21 more steps" in format_page(run)


def test_memory_is_that_of_the_largest_process_whatever_measured_it() -> None:
    measured = {"peakRssBytes": None, "js": {"wasm": {"a": {"rssBytes": 7}, "b": {"rssBytes": 9}}}}

    assert max(_find_memory(measured)) == 9


def test_steps_of_no_model_are_not_said_to_be_of_any() -> None:
    run = account(ran=[step("site"), step("dist")], models=[])

    assert ": 2 steps ran" in format_text(run)
    assert "<dd>2 steps</dd>" in format_page(run)
