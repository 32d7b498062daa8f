"""Running jobs: receipts decide, folders are whole or absent, failures are remembered."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import step_functions
from step_functions import Build, Run

from pipeline.disk.files import digest_file
from pipeline.engine.events import subscribe
from pipeline.engine.local_files import ListedFiles
from pipeline.engine.outcome import Outcome, load_outcome
from pipeline.engine.receipt import MAX_REASON, load_receipt


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Return an empty build that hears what its jobs tell."""
    build = Build(tmp_path)
    step_functions.calls.clear()
    unsubscribe = subscribe(build.events.append)
    yield build
    unsubscribe()


def test_a_job_runs_once_and_is_adopted_after(build: Build) -> None:
    job = build.job("one", text="hello")
    first, second = build.run(job), build.run(job)

    assert first == second == load_outcome(job.outcome_file)
    assert (job.folder / "out.txt").read_text() == "hello"
    assert step_functions.calls == ["one:m"]
    assert [event.status for event in build.events] == ["started", "ok", "adopted"]


def test_a_result_that_stays_the_same_stops_the_change(build: Build) -> None:
    one = build.job("one", text="hello")
    build.run(one)
    two = build.job("two", reads={"one": one})
    build.run(two)
    time_before = one.outcome_file.stat().st_mtime_ns
    build.session.force = True
    build.run(one)
    build.session.force = False
    build.run(two)

    assert step_functions.calls == ["one:m", "two:m", "one:m"]
    assert one.outcome_file.stat().st_mtime_ns == time_before


def test_a_change_goes_down(build: Build) -> None:
    build.run(build.job("one", text="hello"))
    two = build.job("two", reads={"one": build.job("one")})
    build.run(two)
    build.run(build.job("one", text="bye"))
    build.run(two)

    assert (two.folder / "out.txt").read_text() == "bye "
    assert build.events[-1].cause == "input one changed"


def test_a_failure_is_told_again_and_not_repeated(build: Build) -> None:
    job = build.job("one", step_functions.fail)
    build.run(job)
    build.run(job)

    assert step_functions.calls == ["one:m"]
    assert load_outcome(job.outcome_file) == Outcome(status="failed", reason="unsupported op Foo")
    assert [event.status for event in build.events] == ["started", "failed", "remembered"]
    assert build.events[-1].hint == "leave Foo out"
    assert not job.folder.exists()
    assert not (job.failed_folder / "half.bin").exists()
    assert (job.failed_folder / "log.txt").read_text() == "unsupported op Foo\n  leave Foo out\n"


def test_a_failure_of_the_network_is_tried_again(build: Build) -> None:
    job = build.job("one", step_functions.fail_for_now)
    build.run(job)
    build.run(job)

    assert step_functions.calls == ["one:m", "one:m"]
    assert build.events[-1].cause == "failed before: no route to host"
    assert build.events[-1].retry


def test_a_failure_goes_when_its_cause_does(build: Build) -> None:
    build.run(build.job("one", step_functions.fail, text="bad"))
    done = build.run(build.job("one", step_functions.write, text="good"))

    assert done.status == "ok"
    assert not build.job("one").failed_folder.exists()
    assert not build.job("one").since_file.exists()


def test_the_last_success_stays_while_a_step_fails_and_is_taken_up_again(build: Build) -> None:
    good = build.job("one", step_functions.write, text="good")
    build.run(good)
    build.run(build.job("one", step_functions.fail, text="bad"))
    assert (good.folder / "out.txt").read_text() == "good"
    assert good.since_file.exists()
    build.run(good)

    assert step_functions.calls == ["one:m", "one:m"]
    assert build.events[-1].status == "adopted"


def test_a_bug_is_a_failure_of_its_model_with_its_traceback_in_the_log(build: Build) -> None:
    job = build.job("one", step_functions.crash)
    outcome = build.run(job)

    assert outcome.reason == "internal error: KeyError: 'missing'"
    assert build.session.bugs == ["one:m"]
    assert "Traceback" in (job.failed_folder / "log.txt").read_text()


def test_a_tool_that_a_step_does_not_declare_is_a_bug(build: Build) -> None:
    """The quick check would not look at it, while the receipt names it."""
    outcome = build.run(build.job("one", step_functions.use_what_it_does_not_declare))

    assert outcome.reason == ("internal error: AssertionError: step one does not declare {'rich'}")
    assert build.session.bugs == ["one:m"]


def test_what_builds_on_a_failure_is_skipped_and_says_why(build: Build) -> None:
    one = build.job("one", step_functions.fail)
    build.run(one)
    two = build.job("two", reads={"one": one})
    three = build.job("three", reads={"two": two})

    assert build.run(two) == Outcome(status="skipped", reason="one failed: unsupported op Foo")
    assert build.run(three) == Outcome(status="skipped", reason="one failed: unsupported op Foo")
    assert build.events[-1].upstream == "two:m"
    assert step_functions.calls == ["one:m"]


def test_a_skipped_step_is_not_a_failure_and_is_remembered(build: Build) -> None:
    job = build.job("one", step_functions.skip)

    assert build.run(job) == build.run(job) == Outcome(status="skipped", reason="not smaller")
    assert step_functions.calls == ["one:m"]


def test_a_lost_output_is_made_again(build: Build) -> None:
    job = build.job("one", text="hello")
    build.run(job)
    (job.folder / "out.txt").unlink()
    build.run(job)

    assert (job.folder / "out.txt").read_text() == "hello"
    assert build.events[-1].cause == "output out.txt is missing"


def test_lost_outcomes_are_written_from_receipts(build: Build) -> None:
    job = build.job("one", text="hello")
    outcome = build.run(job)
    job.outcome_file.unlink()

    assert build.run(job) == outcome == load_outcome(job.outcome_file)
    assert step_functions.calls == ["one:m"]


def test_an_outcome_that_cannot_be_read_is_not_a_lost_one(build: Build) -> None:
    """A step that took it for lost would leave out what its receipt says it read, for ever."""
    one = build.job("one", text="hello")
    build.run(one)
    one.outcome_file.unlink()
    one.outcome_file.mkdir()
    with pytest.raises(IsADirectoryError):
        load_outcome(one.outcome_file)

    build.run(build.job("two", reads={"one": one}))
    assert (build.events[-1].status, build.events[-1].retry) == ("failed", True)
    assert build.events[-1].fault is not None


def test_a_folder_without_receipt_is_not_trusted(build: Build) -> None:
    job = build.job("one", text="hello")
    build.run(job)
    (job.folder / "receipt.json").unlink()
    (job.folder / "out.txt").write_text("half")
    build.run(job)

    assert (job.folder / "out.txt").read_text() == "hello"


def test_a_local_input_that_changes_is_a_change(build: Build) -> None:
    (build.root / "labels.json").write_text('["cat"]')
    local = ListedFiles(paths={"metadata.labels": "labels.json"}, root=build.root)
    job = build.job("one", text="hello", local=local)
    build.run(job)
    build.run(job)
    (build.root / "labels.json").write_text('["dog", "cat"]')
    build.run(job)

    assert step_functions.calls == ["one:m", "one:m"]
    assert build.events[-1].cause == "input metadata.labels changed"


class VanishingFile(ListedFiles):
    """A file that goes away once it was looked at."""

    def inputs(self) -> dict[str, str]:
        """Return its digest, and remove it."""
        path = self.root / "labels.json"
        digest = digest_file(path)
        path.unlink()
        return {"metadata.labels": digest}


def test_a_local_input_that_goes_away_before_the_step_fails_it_for_now(build: Build) -> None:
    (build.root / "labels.json").write_text('["cat"]')
    job = build.job("one", local=VanishingFile(paths={}, root=build.root))

    outcome = build.run(job)
    assert outcome.reason == "labels.json: No such file or directory"
    assert build.events[-1].retry
    assert not step_functions.calls


def test_a_receipt_has_no_clock_and_no_path(build: Build) -> None:
    job = build.job("one", text="hello")
    build.run(job)
    first = (job.folder / "receipt.json").read_bytes()
    shutil.rmtree(build.root / "build")
    build.run(job)

    assert (job.folder / "receipt.json").read_bytes() == first
    assert str(build.root).encode() not in first
    receipt = load_receipt(job.folder)
    assert receipt is not None
    assert set(receipt.tools) == {"numpy"}
    assert not list(job.temporary.iterdir())


def test_foreign_words_in_a_failure_are_printable_and_short(build: Build) -> None:
    job = build.job("one", step_functions.crash_in_foreign_words)
    outcome = build.run(job)

    assert outcome.reason is not None
    assert outcome.reason.startswith(r"unknown layer \ud800\u001b[2J xxx")
    assert outcome.reason.endswith("expected one of ours")
    assert len(outcome.reason) == MAX_REASON
    assert load_outcome(job.outcome_file) == outcome
    assert build.events[-1].reason == outcome.reason
    assert "x" * 10_000 in (job.failed_folder / "log.txt").read_text()


def test_an_exception_that_cannot_be_printed_is_a_failure_like_another(build: Build) -> None:
    outcome = build.run(build.job("one", step_functions.crash_unspeakably))

    assert outcome.status == "failed"
    assert "UnspeakableError" in (outcome.reason or "")


@pytest.mark.parametrize(
    ("run", "reason", "hint"),
    [
        (
            step_functions.find_a_bad_sector,
            "build/one/weights.bin: Input/output error",
            "check the disk",
        ),
        (step_functions.run_out_of_memory, "build/one: out of memory", "free memory"),
        (
            step_functions.import_from_a_bad_disk,
            "numpy cannot be loaded: Input/output error",
            "dmesg",
        ),
        (
            step_functions.make_a_folder_in_the_way,
            "build/one/receipt.json: Is a directory",
            "move it away",
        ),
    ],
)
def test_what_the_machine_cannot_do_is_told_and_tried_again(
    build: Build, run: Run, reason: str, hint: str
) -> None:
    job = build.job("one", run)
    outcome = build.run(job)
    assert outcome == Outcome(status="failed", reason=reason)
    assert hint in (build.events[-1].hint or "")
    assert not build.session.bugs
    assert not list(job.temporary.iterdir())

    build.run(job)
    assert step_functions.calls == ["one:m", "one:m"]


def test_no_manifest_expects_a_fault_of_the_machine(build: Build) -> None:
    build.run(build.job("one", step_functions.find_a_bad_sector, expected_failure=True))
    build.run(build.job("two", step_functions.fail, expected_failure=True))

    failed = [event for event in build.events if event.status == "failed"]
    assert [(event.expected, event.fault) for event in failed] == [
        (False, "Input/output error"),
        (True, None),
    ]


def test_a_success_that_cannot_be_put_in_place_leaves_the_last_one(build: Build) -> None:
    good = build.job("one", text="good")
    build.run(good)
    outcome = build.run(build.job("one", step_functions.make_a_folder_in_the_way, text="new"))

    assert outcome.status == "failed"
    assert (good.folder / "out.txt").read_text() == "good"


def test_a_job_whose_folders_cannot_be_made_is_told_and_stops_nobody(build: Build) -> None:
    (build.root / "build").write_text("a file where folders should be")
    one = build.job("one", text="hello")
    outcome = build.run(one)

    assert outcome == Outcome(status="failed", reason="build: File exists")
    assert build.events[-1].hint == "something else lies in its place: move it away"
    assert build.events[-1].retry

    two = build.job("two", reads={"one": one})
    assert build.run(two).status in {"failed", "skipped"}
    (build.root / "build").unlink()
    assert build.run(one).status == build.run(two).status == "ok"


def test_a_result_that_was_changed_since_is_nobodys_bug_and_is_made_again(build: Build) -> None:
    one = build.job("one", text="42")
    build.run(one)
    (one.folder / "out.txt").write_text("4a")
    two = build.job("two", step_functions.read_what_is_damaged, reads={"one": one})
    outcome = build.run(two)

    assert outcome.reason == (
        "one:m was changed after it was built: "
        "output out.txt has another content than it was made with"
    )
    assert not build.session.bugs
    build.run(one)
    assert build.run(two).status == "ok"


def test_a_record_of_another_version_is_made_again_by_its_step(build: Build) -> None:
    build.run(build.job("one", step_functions.write_a_foreign_record))
    one = build.job("one", step_functions.write_a_record)
    two = build.job("two", step_functions.read_a_record, reads={"one": one})
    assert one.standing().cause is None
    outcome = build.run(two)

    assert outcome.reason == (
        "one:m was built by another version of tfjs-zoo: note.json: more: is not known"
    )
    assert build.events[-1].hint == "the next run builds it again"
    assert build.session.bugs == []
    assert build.run(one).status == build.run(two).status == "ok"
    assert (two.folder / "out.txt").read_text() == "hello"
