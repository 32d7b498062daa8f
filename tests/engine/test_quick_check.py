"""The quick check: what doit takes for up to date without a look at a receipt."""

import errno
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import step_functions
from step_functions import Build

from pipeline.engine import quick_check
from pipeline.engine.job import Job
from pipeline.engine.local_files import ListedFiles
from pipeline.engine.quick_check import UpToDate, local_state, make_stamp

Values = dict[str, Any]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Return an empty build; versions of tools are asked for anew before and after it."""
    quick_check.digest_versions.cache_clear()
    yield Build(tmp_path)
    quick_check.digest_versions.cache_clear()


def run(build: Build, job: Job) -> Values:
    """Run a job, and return the values that doit keeps of it, through JSON as doit does."""
    before = local_state(job)
    stamp = make_stamp(job, build.run(job), before)
    values: Values = json.loads(json.dumps({"stamp": stamp}))
    return values


def is_current(job: Job, values: Values) -> bool:
    """Say whether a job is up to date for doit."""
    return UpToDate(job)(None, values)


def touch(path: Path) -> None:
    """Change the time of a file or folder, as a clock of any resolution would."""
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))


def test_a_job_that_nobody_touched_is_up_to_date(build: Build) -> None:
    one = build.job("one")
    values_of_one = run(build, one)
    two = build.job("two", reads={"one": one})
    values_of_two = run(build, two)

    assert is_current(one, values_of_one)
    assert is_current(two, values_of_two)


def remove_output(job: Job) -> None:
    (job.folder / "out.txt").unlink()
    touch(job.folder)


def remove_all(job: Job) -> None:
    job.folder.rename(job.folder.with_name("elsewhere"))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(remove_output, id="output removed"),
        pytest.param(remove_all, id="folder removed"),
        pytest.param(lambda job: touch(job.outcome_file), id="outcome written again"),
        pytest.param(lambda job: job.outcome_file.unlink(), id="outcome removed"),
        pytest.param(lambda job: touch(job.reads["one"].outcome_file), id="read another outcome"),
        pytest.param(lambda job: job.reads["one"].outcome_file.unlink(), id="read outcome removed"),
    ],
)
def test_a_job_of_which_something_was_touched_looks_closer(
    build: Build, change: Callable[[Job], object]
) -> None:
    one = build.job("one")
    build.run(one)
    two = build.job("two", reads={"one": one})
    values = run(build, two)
    assert is_current(two, values)
    change(two)

    assert not is_current(two, values)


def test_another_parameter_or_version_of_a_step_makes_it_look_closer(build: Build) -> None:
    values = run(build, build.job("one", text="hello"))

    assert is_current(build.job("one", text="hello"), values)
    assert not is_current(build.job("one", text="bye"), values)
    assert not is_current(build.job("one", text="hello", version=2), values)


def test_another_version_of_a_tool_makes_its_step_look_closer(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = build.job("one")
    values = run(build, job)
    monkeypatch.setattr(quick_check, "installed_version", lambda tool: f"{tool} of tomorrow")
    quick_check.digest_versions.cache_clear()

    assert not is_current(job, values)


def test_a_local_file_that_changes_makes_its_step_look_closer(build: Build) -> None:
    labels = build.root / "labels.json"
    labels.write_text('["cat"]')
    local = ListedFiles(paths={"metadata.labels": "labels.json"}, root=build.root)
    job = build.job("one", local=local)
    values = run(build, job)
    assert is_current(job, values)
    labels.write_text('["cat", "dog"]')

    assert not is_current(job, values)


def test_a_local_file_that_was_edited_while_the_step_ran_makes_it_look_closer(
    build: Build,
) -> None:
    labels = build.root / "labels.json"
    labels.write_text('["cat"]')
    local = ListedFiles(paths={"metadata.labels": "labels.json"}, root=build.root)
    job = build.job("one", local=local)
    before = local_state(job)
    outcome = build.run(job)
    labels.write_text('["cat", "dog"]')

    assert not is_current(job, {"stamp": make_stamp(job, outcome, before)})


def test_a_failure_is_told_in_every_run_and_a_skip_is_not(build: Build) -> None:
    failed, skipped = build.job("f", step_functions.fail), build.job("s", step_functions.skip)

    assert run(build, failed) == {"stamp": None}
    assert not is_current(failed, {"stamp": None})
    assert is_current(skipped, run(build, skipped))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"stamp": 3},
        {"stamp": {}},
        {"stamp": {"folders": {".": "x"}}},
        {"stamp": {"folders": 3}},
    ],
)
def test_an_odd_stamp_is_none(build: Build, values: Values) -> None:
    job = build.job("one")
    build.run(job)

    assert not is_current(job, values)


def test_a_result_that_went_away_before_the_stamp_has_none(build: Build) -> None:
    job = build.job("one")
    outcome = build.run(job)
    job.outcome_file.unlink()

    assert make_stamp(job, outcome, None) is None


def test_tools_that_cannot_be_read_at_that_moment_make_no_stamp(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_tool: str) -> str:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    job = build.job("one")
    outcome = build.run(job)
    monkeypatch.setattr(quick_check, "installed_version", fail)
    quick_check.digest_versions.cache_clear()

    assert make_stamp(job, outcome, None) is None


def test_a_zoo_that_was_moved_is_up_to_date(build: Build, tmp_path: Path) -> None:
    """Its stamp has no absolute path; moving a folder keeps the times in it."""
    values = run(build, build.job("one"))
    (tmp_path / "build").rename(tmp_path / "moved")
    moved = replace(build.job("one"), folder=tmp_path / "moved/one")

    assert is_current(moved, values)


def test_doit_info_says_why_a_job_runs(build: Build) -> None:
    job = build.job("one", text="hello")
    assert repr(UpToDate(job)) == "never built"
    build.run(job)
    assert repr(UpToDate(job)) == "something was touched; its result still stands"
    assert repr(UpToDate(build.job("one", text="bye"))) == 'parameter text: "hello" → "bye"'

    failed = build.job("two", step_functions.fail)
    build.run(failed)
    assert repr(UpToDate(failed)) == "failed before, and is reported again: unsupported op Foo"
    after = build.job("three", reads={"two": failed})
    assert repr(UpToDate(after)) == "never built"
    build.run(after)
    assert repr(UpToDate(after)) == "two failed: unsupported op Foo"
