"""Mutation fuzzing of every file of others that this project reads.

    python benchmarks/faults/fuzz.py [KIND ...] [--count N] [--seed S] [--seconds MAX]

Reads N mutated files of each kind (all kinds where none is named), each with the project's own
reader, in a child process. A finding is whatever is raised but a PipelineError, a message that
cannot be shown, a file left behind, a read beyond the deadline, or a death (but in compiled code
of TensorFlow and HDF5, whose processes a job's deadline ends). It is told once for each place
that it comes from, with the smallest file that does it, which is kept in `cases/`; `--cases`
reads these again. The last result stands in README.md.
"""

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tests" / "helpers"))

from mutate import minimize

HERE = Path(__file__).resolve().parent

CASES = HERE / "cases"
DEADLINE_SECONDS = 10
MEMORY_BYTES = 6 * 1024**3
MINIMIZE_TRIES = 200
_SILENT_SECONDS = 45
_START_SECONDS = 300  # to import TensorFlow and make the whole files, on a busy machine
_PLACE_BYTES = 12


class TooLongError(BaseException):
    """A read took more than its deadline; a BaseException, so that no reader catches it."""


@dataclass
class Tally:
    """How the files of one kind were read.

    Attributes:
        count: Files read.
        endings: How often each ending came: "read", or the class of a PipelineError.
        findings: What was wrong, by where it comes from.
        slowest_seconds: The longest read.
    """

    count: int = 0
    endings: Counter[str] = field(default_factory=Counter)
    findings: dict[str, dict[str, Any]] = field(default_factory=dict)
    slowest_seconds: float = 0.0


def fuzz(kind: str, *, count: int, seed: int, seconds: float, work: Path) -> Tally:
    """Read files of a kind in child processes; one that dies is followed by the next."""
    tally = Tally()
    over = time.monotonic() + seconds
    start = 0
    while start < count and time.monotonic() < over:
        start = _run_child(tally, kind, range(start, count), seed, over, work)
    tally.count = start
    return tally


def _run_child(  # noqa: PLR0913, PLR0917  # what it reads, and until when
    tally: Tally, kind: str, numbers: range, seed: int, over: float, work: Path
) -> int:
    """Let a child read files; return the number of the first that was not read."""
    place = work / "place"
    place.write_text(str(numbers.start))
    command = [sys.executable, __file__, "--child", kind, "--seed", str(seed), "--work", str(work)]
    command += ["--start", str(numbers.start), "--count", str(numbers.stop)]
    command += ["--seconds", str(max(1.0, over - time.monotonic()))]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        watch = _Watch(process, place)
        assert process.stdout is not None
        with watch:
            for line in process.stdout:
                told = json.loads(line)
                if "finding" in told:
                    tally.findings.setdefault(told["finding"], told)
                else:
                    tally.endings[told["ending"]] += 1
                    tally.slowest_seconds = max(tally.slowest_seconds, told["seconds"])
        errors = process.stderr.read() if process.stderr else ""
        code = process.wait()
    number = int(place.read_text())
    if code == 0:
        return number + 1
    if "whole to begin" in errors or "ImportError" in errors:
        raise SystemExit(errors)
    from readers import IN_TENSORFLOW

    if kind in IN_TENSORFLOW and (watch.fired or code < 0):
        # In compiled code, which a job may be lost in: its deadline ends it, and its death is told.
        tally.endings["ended by the deadline" if watch.fired else f"died with {code}"] += 1
        return number + 1
    what = "a hang" if watch.fired else f"the process died with {code}"
    told = {"number": number, "error": f"{what}: {errors[-500:]}"}
    tally.findings.setdefault(f"{what} {errors.strip()[-80:]}", told)
    return number + 1


class _Watch:
    """Kills a child that has read nothing for a while: it hangs in compiled code."""

    def __init__(self, process: "subprocess.Popen[str]", place: Path) -> None:
        import threading

        self.fired = False
        self._process, self._place = process, place
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(1):
            place = self._place.stat()
            limit = _SILENT_SECONDS if place.st_size >= _PLACE_BYTES else _START_SECONDS
            if time.time() - place.st_mtime > limit:
                self.fired = True
                os.killpg(self._process.pid, signal.SIGKILL)
                return


def main() -> None:
    """Fuzz the kinds that are asked for, and print how they were read."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("kinds", nargs="*")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--cases", action="store_true", help="read what was found once")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    if given.child:
        child = Child(given.child, given.seed, given.work)
        child.confine()
        child.run(given.start, given.count, given.seconds)
        os._exit(0)  # without waiting for a server's thread
    if given.cases:
        code = _read_cases()
        sys.stdout.flush()
        os._exit(code)
    from readers import IN_TENSORFLOW, KINDS  # the child chooses for itself

    sys.exit(_report(given, given.kinds or [*KINDS, *IN_TENSORFLOW]))


def _report(given: argparse.Namespace, kinds: list[str]) -> int:
    total = Counter[str]()
    for kind in kinds:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
            started = time.monotonic()
            tally = fuzz(
                kind, count=given.count, seed=given.seed, seconds=given.seconds, work=Path(name)
            )
        total["files"] += tally.count
        total["findings"] += len(tally.findings)
        refused = sum(n for ending, n in tally.endings.items() if ending != "read")
        print(
            f"| {kind} | {tally.count:,} | {refused:,} | {len(tally.findings)} | "
            f"{tally.slowest_seconds:.2f} s | {time.monotonic() - started:.0f} s |",
            flush=True,
        )
        for ending in sorted(ending for ending in tally.endings if " " in ending):
            print(f"  {ending}: {tally.endings[ending]}", flush=True)
        for where, finding in tally.findings.items():
            print(f"  - {where} (number {finding['number']}, seed {given.seed})", flush=True)
            print("    " + finding["error"].replace("\n", "\n    "), flush=True)
    print(f"{total['files']:,} files, {total['findings']} findings")
    return 1 if total["findings"] else 0


class Child:
    """The process that reads."""

    def __init__(self, kind: str, seed: int, work: Path) -> None:
        from readers import IN_TENSORFLOW, KINDS

        self.name, self.seed, self.work = kind, seed, work
        self.kind = {**KINDS, **IN_TENSORFLOW}[kind]
        self.in_tensorflow = kind in IN_TENSORFLOW
        self.whole = self._load_whole()
        self.mutable = {
            name: mutation
            for pattern, mutation in self.kind.mutated.items()
            for name in sorted(self.whole)
            if fnmatch(name, pattern)
        }
        self.place = os.open(work / "place", os.O_WRONLY | os.O_CREAT)
        self.temporary = Path(tempfile.mkdtemp(dir=work))
        self.is_confined = False

    def confine(self) -> None:
        """Give this process a deadline, a limit of memory, and a temporary folder to look at."""
        self.is_confined = True
        tempfile.tempdir = str(self.temporary)
        signal.signal(signal.SIGALRM, _too_long)
        if self.in_tensorflow:
            os.environ.update(CUDA_VISIBLE_DEVICES="-1", TF_CPP_MIN_LOG_LEVEL="3")
            import pipeline.tf.preload  # noqa: F401  # as the server of jobs does
        else:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))

    def _load_whole(self) -> dict[str, bytes]:
        """Return the files to begin with, which the first child makes."""
        folder = self.work / "whole"
        if not folder.exists():
            for name, content in self.kind.whole().items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}

    def run(self, start: int, stop: int, seconds: float) -> None:
        """Read files, and tell findings at once and the rest at the end."""
        known = set[str]()
        over = time.monotonic() + seconds
        whole = self.read({})
        if whole[1] or (whole[0] != "read") != self.kind.is_refused:
            sys.exit(f"{self.name}: not whole to begin with: {whole}")
        for number in range(start, stop):
            if time.monotonic() > over:
                return
            os.pwrite(self.place, f"{number:<{_PLACE_BYTES}}".encode(), 0)
            random_ = random.Random(f"{self.name} {self.seed} {number}")  # noqa: S311  # not for secrets
            name = random_.choice(list(self.mutable))
            changed = {name: self.mutable[name](self.whole[name], random_)}
            begun = time.monotonic()
            ending, error = self.read(changed)
            told = {"ending": "finding" if error else ending, "seconds": time.monotonic() - begun}
            print(json.dumps(told), flush=True)
            if error and ending not in known:
                known.add(ending)
                self.keep(ending, number, error, name, changed[name])

    def read(self, changed: dict[str, bytes]) -> tuple[str, str]:
        """Return how files are read: an ending, and of a finding what was raised."""
        from pipeline.errors import PipelineError

        ending = "read", ""
        with self._folder({**self.whole, **changed}) as folder:
            if self.is_confined:
                signal.alarm(DEADLINE_SECONDS)
            try:
                self.kind.read(folder)
            except PipelineError as error:
                fault = judge_message(error.describe())
                ending = (fault, error.describe()[:300]) if fault else (type(error).__name__, "")
            except (Exception, TooLongError) as error:  # noqa: BLE001  # each is a finding
                ending = _where(error), "".join(traceback.format_exception(error)[-3:])[-900:]
            finally:
                if self.is_confined:
                    signal.alarm(0)
        left = [path.name for path in self.temporary.iterdir()]
        if left:
            shutil.rmtree(self.temporary)
            self.temporary.mkdir()
        if left and not ending[1]:
            return f"left behind: {left[0][:6]}", str(left)
        return ending

    @contextlib.contextmanager
    def _folder(self, files: dict[str, bytes]) -> Iterator[Path]:
        folder = self.work / "files"
        try:
            for name, content in files.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, ending: str, number: int, error: str, name: str, content: bytes) -> None:
        """Tell a finding, and keep the smallest file that is one like it."""

        def still_fails(other: bytes) -> bool:
            os.utime(self.work / "place")
            return self.read({name: other})[0] == ending

        tries = 0 if ending.startswith(TooLongError.__name__) else MINIMIZE_TRIES
        smallest = minimize(content, still_fails, tries=tries)
        slug = "".join(c if c.isalnum() else "-" for c in f"{self.name} {ending}")[:80].strip("-")
        CASES.mkdir(exist_ok=True)
        case = CASES / slug
        shutil.rmtree(case, ignore_errors=True)
        (case / Path(name).parent).mkdir(parents=True)
        (case / name).write_bytes(smallest)
        (case / "kind").write_text(f"{self.name}\n")
        told = {"finding": ending, "number": number, "error": error, "case": slug}
        print(json.dumps(told), flush=True)


def is_harmless(char: str) -> bool:
    """Tell whether a character can be shown: printable, a space of any kind, or a joiner."""
    return (
        char.isprintable() or char in "\n\t\u200b\u200c\u200d" or unicodedata.category(char) == "Zs"
    )


def judge_message(message: str) -> str:
    """Return what is wrong with a message, "" for nothing."""
    if not all(map(is_harmless, message)):
        return "a message that cannot be shown"
    return "a traceback in a message" if "Traceback" in message else ""


def _read_cases() -> int:
    """Read what was found once; print what is found again."""
    found = 0
    for path in sorted(CASES.glob("*/kind")):
        case = path.parent
        files = {
            file.relative_to(case).as_posix(): file.read_bytes()
            for file in case.rglob("*")
            if file.is_file() and file != path
        }
        with tempfile.TemporaryDirectory() as name:
            child = Child(path.read_text().strip(), 0, Path(name))
            child.confine()
            ending, error = child.read(files)
            tempfile.tempdir = None
        if error:
            found += 1
            print(f"{case.name}: {ending}: {error}")
    print(f"{found} cases are not mended")
    return 1 if found else 0


def _where(error: BaseException) -> str:
    """Return what was raised, and the innermost place of this project that raised it."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/pipeline/" in f.filename]
    place = f"{frames[-1].filename.partition('/pipeline/')[2]}:{frames[-1].name}" if frames else "?"
    return f"{type(error).__name__} in {place}"


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise TooLongError


if __name__ == "__main__":
    main()
