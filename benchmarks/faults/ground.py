"""The ground of the campaigns: a zoo with every kind of child process, and what to judge it by.

The zoo is built once undisturbed; whatever befalls another build of the same zoo, it has to end
with the same `dist/`, byte for byte, without doing again what had ended, and to leave nothing
behind: no process, no temporary file. A reader looks at `dist/` all the while.
"""

import contextlib
import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil
from layers_models import write_layers_model
from zoos import Zoo, reproducible_files

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h
_GONE_SECONDS = 2.0
_END_SECONDS = 600
_BUG = ("Traceback (most recent call last)", "bug of tfjs-zoo", "internal error")


def adopt_orphans() -> None:
    """Become the parent of whatever a killed process of ours leaves behind (Linux)."""
    ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)


class Ground(Zoo):
    """A zoo whose builds are disturbed.

    Args:
        folder: Where it lies; made.
        cache: Folder of downloads; the user's own if None.
        tensorflow: Whether models are in it that need TensorFlow.

    Attributes:
        temporary: The TMPDIR of its builds.
    """

    def __init__(self, folder: Path, *, cache: Path | None = None, tensorflow: bool) -> None:
        super().__init__(folder)
        self.cache: Path = cache or self.cache
        self.temporary = folder.parent / f"{folder.name}-tmp"
        self.temporary.mkdir()
        self.add("one")
        self.add("two", seed=1, variants=["float16", "uint8"])
        write_layers_model(folder / "sources/layers")
        self._list("layers", "sources/layers/model.json", output_format="tfjs_layers_model")
        if tensorflow:
            import keras_models
            import saved_models

            shutil.copytree(saved_models.built() / "three_inputs", folder / "sources/saved")
            self._list("saved", "sources/saved")
            shutil.copy(
                keras_models.built() / "dict_outputs.keras 3.keras", folder / "sources/k.keras"
            )
            self._list("keras", "sources/k.keras")
        self.write()

    def _list(self, name: str, source: str, **fields: Any) -> None:
        model = {"name": name, "source": source, "variants": ["float16"], **fields}
        self.manifest["models"].append(model)

    def begin(self, *arguments: str, **environ: str) -> "Running":
        """Start a build that tells each step as a line."""
        environ = {"TMPDIR": str(self.temporary), **environ}
        process = self.start("run", "--reporter", "jsonl", *arguments, **environ)
        return Running(process)

    def forget(self) -> None:
        """Remove all that builds have made."""
        for folder in (self.folder / ".zoo", self.dist):
            shutil.rmtree(folder, ignore_errors=True)

    def differences(self, whole: Mapping[str, bytes]) -> list[str]:
        """Return which files of dist/ are not as in an undisturbed build."""
        made = reproducible_files(self.dist)
        return sorted(p for p in made.keys() | whole.keys() if made.get(p) != whole.get(p))

    def leftovers(self) -> list[str]:
        """Return what lies where nothing should after a build that ended."""
        left = []
        for folder in (self.folder / ".zoo/temporary", self.temporary):
            for path in list(folder.iterdir()) if folder.exists() else ():
                inside = sorted(child.name for child in path.rglob("*"))[:4]
                left.append(f"{folder.name}/{path.name.rstrip('0123456789')[:5]}… {inside}")
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir()
        return left


class Running:
    """A build at work, and the events that it tells."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self.stderr = ""
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._hear)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                self.events.append(json.loads(line))
            except ValueError:
                self.stderr += line  # the last line of one that was killed, or no line of ours

    def _hear(self) -> None:
        assert self.process.stderr is not None
        self.stderr += self.process.stderr.read()

    def end(self) -> int:
        """Wait for the end; return the exit code."""
        code = self.process.wait(_END_SECONDS)
        for thread in self._threads:
            thread.join(_END_SECONDS)
        return code

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Events of steps that ended."""
        kept = {"ok", "failed", "skipped", "adopted", "remembered"}
        return [e for e in self.events if e["event"] == "step" and e["status"] in kept]

    def bugs(self) -> list[str]:
        """Return the lines that show a fault of this project to its user."""
        texts = [self.stderr, *(str(event.get("reason")) for event in self.steps)]
        return [word for word in _BUG for text in texts if word in text]


def processes() -> list[psutil.Process]:
    """Return all processes that this one started, and that those started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
            elif process.ppid() == os.getpid():
                os.waitpid(process.pid, os.WNOHANG)
        except (psutil.Error, ChildProcessError):
            continue
    return found


def command_of(process: psutil.Process) -> str:
    """Return the command line of a process, "" of one that is gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def survivors(known: Iterable[int] = ()) -> list[str]:
    """Return the processes that are still there two seconds after they should have gone."""
    over = time.monotonic() + _GONE_SECONDS
    while (left := [p for p in processes() if p.pid not in known]) and time.monotonic() < over:
        time.sleep(0.05)
    return [f"{process.pid} {command_of(process)[:80]}" for process in left]


@dataclass
class Reader:
    """Reads a dist/ without pause, as somebody does whom it is served to.

    Attributes:
        rounds: How often all of it was read.
        faults: What was half there.
    """

    dist: Path
    rounds: int = 0
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.1):
            with contextlib.suppress(FileNotFoundError):
                self.read_once()

    def read_once(self) -> None:
        """Read all of it."""
        catalog = (self.dist / "models.json").read_bytes()
        self.faults += _read_zoo(catalog, self.dist)
        self.rounds += 1


def _read_zoo(catalog: bytes, dist: Path) -> Iterator[str]:
    """Yield what is wrong with a catalog or the files that it names."""
    try:
        models = json.loads(catalog)["models"]
    except (ValueError, KeyError):
        yield f"models.json: {catalog[:80]!r}"
        return
    for file in [f for model in models for variant in model["variants"] for f in variant["files"]]:
        path = dist / file["path"]
        content = path.read_bytes() if path.exists() else b""
        if hashlib.sha256(content).hexdigest() != file["sha256"]:
            yield f"{file['path']}: {len(content)} of {file['bytes']} bytes"


@dataclass
class History:
    """Which steps ended in the builds of a zoo so far, to see which are done again."""

    ended: set[str] = field(default_factory=set)
    redone: list[str] = field(default_factory=list)

    def add(self, running: Running) -> None:
        """Add a build, whole or killed."""
        failed = {e["model"] for e in running.steps if e["status"] in {"failed", "skipped"}}
        for event in running.steps:
            task = event["task"]
            if event["status"] == "ok" and task in self.ended:
                self.redone.append(task)
        for event in running.steps:
            if event["status"] in {"ok", "adopted"}:
                self.ended.add(event["task"])
        if failed:  # what comes after a failure, and the catalog, may change with it
            self.ended = {
                task for task in self.ended if ":" in task and task.split(":")[1] not in failed
            }
