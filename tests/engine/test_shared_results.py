"""Results in a store: what one build made, another one fetches, and nothing else."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import step_functions
from step_functions import Build

from pipeline.engine.events import subscribe
from pipeline.engine.job import Job
from pipeline.engine.receipt import load_receipt
from pipeline.engine.shared_results import fill_store
from pipeline.store.open_store import open_store
from pipeline.store.stored_result import parse_document


@pytest.fixture
def builds(tmp_path: Path) -> Iterator[tuple[Build, Build]]:
    """Return two empty builds with one store, that hear what their jobs tell."""
    step_functions.calls.clear()
    both = (_open(tmp_path, "first"), _open(tmp_path, "second"))
    unsubscribe = subscribe(both[1].events.append)
    yield both
    unsubscribe()


def _open(folder: Path, name: str) -> Build:
    build = Build(folder / name)
    build.session.store = open_store("store", root=folder)
    return build


def _files(job: Job) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in job.folder.iterdir()}


def _documents(build: Build) -> list[Path]:
    return sorted((build.root.parent / "store").rglob("*.json"))


def test_a_second_build_fetches_what_the_first_one_made(builds: tuple[Build, Build]) -> None:
    first, second = builds
    made = [build.job("one", text="hello", shared=True) for build in builds]
    outcomes = [first.run(made[0]), second.run(made[1])]

    assert step_functions.calls == ["one:m"]
    assert outcomes[0] == outcomes[1]
    assert _files(made[0]) == _files(made[1])
    assert second.events[-1].status == "ok"
    assert second.events[-1].from_store
    assert not second.events[1].from_store


def test_steps_after_a_fetched_one_are_fetched_too(builds: tuple[Build, Build]) -> None:
    for build in builds:
        one = build.job("one", text="hello", shared=True)
        build.run(one)
        build.run(build.job("two", reads={"one": one}, shared=True))

    assert step_functions.calls == ["one:m", "two:m"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"text": "bye"}, id="parameters"),
        pytest.param({"text": "hello", "version": 2}, id="version"),
        pytest.param({"text": "hello", "shared": False}, id="not shared"),
    ],
)
def test_another_step_runs(builds: tuple[Build, Build], other: dict[str, Any]) -> None:
    first, second = builds
    first.run(first.job("one", text="hello", shared=True))
    second.run(second.job("one", **{"shared": True, **other}))

    assert step_functions.calls == ["one:m", "one:m"]


def test_results_of_other_tools_stand_side_by_side(
    builds: tuple[Build, Build], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = builds
    first.run(first.job("one", text="hello", shared=True))
    with monkeypatch.context() as patch:
        for module in ("shared_results", "step", "receipt"):
            patch.setattr(f"pipeline.engine.{module}.installed_version", lambda _tool: "9.9")
        second.run(second.job("one", text="hello", shared=True))
    shutil.rmtree(second.root)
    second.run(second.job("one", text="hello", shared=True))

    assert step_functions.calls == ["one:m", "one:m"]
    (document,) = _documents(first)
    assert len(parse_document(document.read_bytes()).results) == 2


def test_a_final_failure_is_shared(builds: tuple[Build, Build]) -> None:
    first, second = builds
    for build in builds:
        build.run(build.job("one", step_functions.fail, shared=True))
    second.run(second.job("one", step_functions.fail, shared=True))

    assert step_functions.calls == ["one:m"]
    statuses = [(event.status, event.from_store) for event in second.events[2:]]
    assert statuses == [("started", False), ("failed", True), ("remembered", False)]
    assert second.events[-1].hint == "leave Foo out"
    log = second.job("one").failed_folder / "log.txt"
    assert log.read_text() == (first.job("one").failed_folder / "log.txt").read_text()


def test_a_failure_that_may_pass_is_not(builds: tuple[Build, Build]) -> None:
    for build in builds:
        build.run(build.job("one", step_functions.fail_for_now, shared=True))

    assert step_functions.calls == ["one:m", "one:m"]
    assert _documents(builds[0]) == []


def test_a_result_for_this_machine_only_is_not(builds: tuple[Build, Build]) -> None:
    first, second = builds
    run = step_functions.write_for_here
    jobs = [build.job("one", run, text="hello", shared=True) for build in builds]
    outcomes = [first.run(jobs[0]), first.run(jobs[0]), second.run(jobs[1])]
    assert first.session.store is not None
    fill_store(first.session.store, [jobs[0]])

    assert step_functions.calls == ["one:m", "one:m"]
    assert [outcome.status for outcome in outcomes] == ["ok"] * 3
    assert not _documents(first)


def test_a_forced_run_makes_its_result_anew(builds: tuple[Build, Build]) -> None:
    first, second = builds
    first.run(first.job("one", text="hello", shared=True))
    second.session.force = True
    second.run(second.job("one", text="hello", shared=True))

    assert step_functions.calls == ["one:m", "one:m"]


def test_a_result_under_the_key_of_another_is_not_used(builds: tuple[Build, Build]) -> None:
    """Digests of the files fit; the receipt is that of another result."""
    first, second = builds
    first.run(first.job("one", text="hello", shared=True))
    first.run(first.job("one", text="bye", shared=True))
    hello, bye = sorted(
        _documents(first), key=lambda path: b'"hello' in _receipt(path), reverse=True
    )
    shutil.copyfile(bye, hello)
    second.run(second.job("one", text="hello", shared=True))

    assert (second.job("one").folder / "out.txt").read_text() == "hello"
    assert len(step_functions.calls) == 3


def test_a_receipt_that_does_not_list_its_files_is_not_used(builds: tuple[Build, Build]) -> None:
    first, second = builds
    job = first.job("one", text="hello", shared=True)
    first.run(job)
    (job.folder / "more.txt").write_text("more")
    receipt = load_receipt(job.folder)
    assert receipt is not None
    assert first.session.store is not None
    (document,) = _documents(first)
    first.session.store.put(document.stem, job.folder, tools=receipt.tools)
    second.run(second.job("one", text="hello", shared=True))

    assert len(step_functions.calls) == 2
    assert not (second.job("one").folder / "more.txt").exists()


def _receipt(document: Path) -> bytes:
    (result,) = parse_document(document.read_bytes()).results
    content = next(file.content for file in result.files if file.path == "receipt.json")
    assert content is not None
    assert json.loads(content)
    return content


def test_what_was_built_without_a_store_is_put_there_later(builds: tuple[Build, Build]) -> None:
    first, second = builds
    store, first.session.store = first.session.store, None
    jobs = [
        first.job("one", text="hello", shared=True),
        first.job("two", step_functions.fail, shared=True),
        first.job("three", step_functions.fail_for_now, shared=True),
        first.job("four", shared=False),
    ]
    for job in jobs:
        first.run(job)
    assert store is not None
    fill_store(store, jobs)
    step_functions.calls.clear()
    for job in jobs:
        second.run(
            second.job(job.step.name, job.step.run, **vars(job.parameters), shared=job.shared)
        )

    assert step_functions.calls == ["three:m", "four:m"]
