"""Hostile sources of every kind, each built as a stranger would meet it: in a zoo, with others.

    python benchmarks/faults/hostile.py [PART ...] [--trust] [--seconds MAX] [--batch N]

A part of a name chooses: "SavedModel", ".keras", ".h5", "graph model", "tar", "server" … Each
hostile source is an entry of a zoo that has a good model too. Counted are escapes (the secret
file was opened by anybody, or its text is in what was made; a file appeared; the listener was
asked), stops of others (the good model is not as when it is alone; the run does not end), and
refusals that are no clear sentence. With --trust the manifest trusts each, so that the checks
are off and the wall alone holds. The last result stands in README.md.
"""

import argparse
import contextlib
import ctypes
import os
import random
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tests" / "helpers"))

import hostile_server
import numpy as np
from fuzz import is_harmless
from ground import Running, adopt_orphans, processes, survivors
from hostile_models import Trap, generators
from zoos import Zoo, reproducible_files

HERE = Path(__file__).resolve().parent

_END_SECONDS = 600
_REASON_MAX = 1000
_SAVED_MODELS_MIN = 60
_DEADLINE_SECONDS = 75  # a model has 60
_OPENED, _MADE = 0x20, 0x100 | 0x80 | 0x2  # IN_OPEN; IN_CREATE, IN_MOVED_TO, IN_MODIFY


class Watch:
    """Tells who opened the secret and wrote where nobody may (inotify of Linux)."""

    def __init__(self, secret: Path, owned: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._handle = libc.inotify_init1(os.O_NONBLOCK)
        libc.inotify_add_watch(self._handle, bytes(secret), _OPENED)
        libc.inotify_add_watch(self._handle, bytes(owned), _MADE)

    def take(self) -> list[str]:
        """Return what happened since the last call."""
        with contextlib.suppress(BlockingIOError):
            content = os.read(self._handle, 65536)
            masks = []
            while content:
                _, mask, _, length = struct.unpack_from("iIII", content)
                masks.append("the secret was opened" if mask & _OPENED else "a file was written")
                content = content[16 + length :]
            return masks
        return []

    def close(self) -> None:
        """End watching."""
        os.close(self._handle)


class Listener:
    """A port on loopback that counts who connects."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.count = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            connection.close()
            if self._closing:
                return
            self.count += 1

    def close(self) -> None:
        """Wait for whoever has connected, and end."""
        time.sleep(0.1)
        self._closing = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._socket.close()


@dataclass
class Score:
    """How the hostile sources ended.

    Attributes:
        kinds: How many of each kind.
        statuses: How many ended with each status.
        faults: Escapes, stops of others and unclear refusals.
        harmless: Those that were built, as there was nothing in them to refuse.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    harmless: list[str] = field(default_factory=list)


class Campaign:
    """The zoo of a good model and, batch by batch, of hostile ones."""

    def __init__(self, root: Path, *, trust: bool) -> None:
        self.root = root
        self.trust = trust
        self.token = secrets.token_hex(16)
        self.score = Score()
        (root / "out of reach").mkdir(parents=True)
        (root / "owned").mkdir()
        (root / "keras").mkdir()
        self.secret = root / "out of reach/secret.txt"
        self.secret.write_text(self.token)
        self.listener = Listener()
        self.trap = Trap(
            secret=self.secret,
            owned=root / "owned",
            port=self.listener.port,
            keras=root / "keras",
        )

    def run(self, parts: Sequence[str], *, batch: int, seed: int, seconds: float) -> Score:
        """Build all hostile sources that are asked for."""
        over = time.monotonic() + seconds
        with contextlib.ExitStack() as stack:
            models = [
                (name, source)
                for name, source in self._prepare(parts, stack)
                if not parts or any(part in name for part in parts)
            ]
            random.Random(seed).shuffle(models)  # noqa: S311  # not for secrets
            alone = self._build([])
            told = 0
            for start in range(0, len(models), batch):
                if time.monotonic() > over:
                    break
                self._run_batch(models[start : start + batch], alone)
                done, faults = self.score.kinds.total(), self.score.faults
                print(
                    f"{done} of {len(models)}, {time.monotonic() - over + seconds:.0f} s",
                    flush=True,
                )
                while told < len(faults):
                    print(f"  {faults[told]}", flush=True)
                    told += 1
        return self.score

    def _prepare(
        self, parts: Sequence[str], stack: contextlib.ExitStack
    ) -> Iterator[tuple[str, str]]:
        """Yield the name and the source of each hostile model."""

        def asked(*kinds: str) -> bool:
            return not parts or any(
                kind in part or part in kind for part in parts for kind in kinds
            )

        if asked("SavedModel"):
            yield from self._saved_models()
        if asked(".keras", ".h5"):
            self._write_keras()
        for name, write in generators(self.trap).items():
            if asked(name):
                folder = self.root / "models" / _slug(name)
                folder.mkdir(parents=True)
                if "links" in name or name.startswith((".keras", ".h5")):
                    self._write_keras()
                yield name, str(write(folder, self.trap))
        if asked("server"):
            for name, way in (hostile_server.SLOW | hostile_server.FALSE).items():
                yield (
                    f"server: {name}",
                    stack.enter_context(hostile_server.misbehave(way)) + "/m.h5",
                )

    def _write_keras(self) -> None:
        if not (self.trap.keras / "model.h5").exists():
            import keras_models

            built = keras_models.built()
            shutil.copy(built / "two_heads.keras 3.keras", self.trap.keras / "model.keras")
            shutil.copy(built / "two_heads.tf_keras.h5", self.trap.keras / "model.h5")

    def _saved_models(self) -> Iterator[tuple[str, str]]:
        folder = self.root / "saved models"
        folder.mkdir()
        command = [sys.executable, str(HERE / "hostile_saved_models.py"), str(folder)]
        command += [str(self.secret), str(self.trap.owned), str(self.trap.port)]
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        subprocess.run(command, env=environment, check=True, capture_output=True)
        written = sorted(folder.iterdir())
        if len(written) < _SAVED_MODELS_MIN:
            raise SystemExit(f"only {len(written)} hostile SavedModels could be written")
        for path in written:
            yield f"SavedModel: {path.name}", str(path)
        import hostile_graphs

        for path in sorted(hostile_graphs.built().iterdir()):
            if path.is_dir() or path.suffix == ".pb":
                yield f"SavedModel of tests: {path.name}", str(path)

    def _build(self, models: Sequence[tuple[str, str]]) -> Mapping[str, bytes]:
        """Build a zoo of these and a good model; judge them, and return what is published of it."""
        folder = self.root / "zoo"
        shutil.rmtree(folder, ignore_errors=True)
        zoo = Zoo(folder)
        zoo.manifest["defaults"] = {"variants": [], "timeout_seconds": 60, "trust": self.trust}
        zoo.add("good", variants=["uint16"], timeout_seconds=300)
        names = {f"m{i}": name for i, (name, _) in enumerate(models)}
        zoo.manifest["models"] += [
            {"name": f"m{i}", "source": source, "timeout_seconds": _limit_seconds(source)}
            for i, (_, source) in enumerate(models)
        ]
        zoo.write()
        running = Running(
            zoo.start("run", "--reporter", "jsonl", FAULTS_SECRET=self.token, NO_PROXY="127.0.0.1")
        )
        try:
            code = running.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            for process in processes():
                process.kill()
            self.score.faults.append(f"the run does not end: {list(names.values())}")
            code = -1
        running.end()
        if code not in {0, 1}:
            self.score.faults.append(
                f"stop: exit {code} of {list(names.values())}: {running.stderr[-800:]}"
            )
            return {}
        self._judge(zoo, running, names)
        return {
            p: b for p, b in reproducible_files(zoo.dist).items() if p.startswith("models/good/")
        }

    def _judge(self, zoo: Zoo, running: Running, names: Mapping[str, str]) -> None:
        for entry in zoo.catalog()["models"]:
            if entry["name"] not in names:
                continue
            name = names[entry["name"]]
            self.score.kinds[name.partition(":")[0]] += 1
            self.score.statuses[entry["status"]] += 1
            reason = entry["reason"] or ""
            if entry["status"] == "ok":
                self.score.harmless.append(name)
            elif fault := _judge_reason(reason):
                self.score.faults.append(f"{fault}: {name}: {reason!r}")
        for event in running.steps:
            if (event.get("seconds") or 0) > _DEADLINE_SECONDS and event["model"] in names:
                told = f"{names[event['model']]}: {event['task']} took {event['seconds']:.0f} s"
                self.score.faults.append(f"beyond its deadline: {told}")
        self.score.faults += [
            f"a bug is shown: {bug}: {_bug(running, names)}" for bug in set(running.bugs())
        ]

    def _run_batch(self, models: Sequence[tuple[str, str]], alone: Mapping[str, bytes]) -> None:
        watch = Watch(self.secret, self.trap.owned)
        asked = self.listener.count
        good = self._build(models)
        names = [name for name, _ in models]
        escapes = [*set(watch.take())]
        watch.close()
        if self.listener.count != asked:
            escapes.append("the listener was asked")
        if self.has_leaked():
            escapes.append("the secret is in what was made")
        if escapes and len(models) > 1:
            # Which it was is told by building each half again.
            middle = len(models) // 2
            self._run_batch(models[:middle], alone)
            self._run_batch(models[middle:], alone)
            return
        self.score.faults += [f"ESCAPE: {escape}: {names}" for escape in escapes]
        if good != alone:
            self.score.faults.append(f"stop: the good model is not as it is alone, with {names}")
        self.score.faults += [f"survived: {process}: {names}" for process in survivors()]

    def has_leaked(self) -> bool:
        """Tell whether the secret is in any file, as text or as a number a byte."""
        text = self.token.encode()
        values = np.frombuffer(text, np.uint8)
        forms = [text, *(values.astype(kind).tobytes() for kind in ("<f4", "<i4", "<f2"))]
        folders = [self.root / "zoo/dist", self.root / "zoo/.zoo"]
        paths = [
            p for folder in folders for p in folder.rglob("*") if p.is_file() and not p.is_symlink()
        ]
        return any(form in path.read_bytes() for path in paths for form in forms)


def _limit_seconds(source: str) -> int:
    """Return the `timeout_seconds` of a model: of a server little, as it uses all of it."""
    return 5 if ":" in source else 60


def _judge_reason(reason: str) -> str:
    """Return what is wrong with the reason of a refusal, "" for nothing."""
    if not reason.strip():
        return "no reason"
    if not all(map(is_harmless, reason)):
        return "a reason that cannot be shown"
    if len(reason) > _REASON_MAX:
        return f"a reason of {len(reason)} characters"
    return "a traceback" if "Traceback" in reason or "bug of" in reason else ""


def _bug(running: Running, names: Mapping[str, str]) -> list[str]:
    return [
        f"{names.get(e['model'], e['model'])}: {str(e.get('reason'))[:300]}"
        for e in running.steps
        if any(word in str(e.get("reason")) for word in running.bugs())
    ]


def _slug(name: str) -> str:
    return "".join(char if char.isalnum() else "-" for char in name)[:100]


def main() -> None:
    """Run the campaign and print its score."""
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--trust", action="store_true")
    parser.add_argument("--batch", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=7200.0)
    parser.add_argument("--seed", type=int, default=0, help="of the order")
    given = parser.parse_args()
    adopt_orphans()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        campaign = Campaign(Path(folder), trust=given.trust)
        score = campaign.run(given.parts, batch=given.batch, seed=given.seed, seconds=given.seconds)
    print(f"{score.kinds.total()} hostile sources in {time.monotonic() - started:.0f} s")
    print(f"kinds: {dict(score.kinds)}")
    print(f"statuses: {dict(score.statuses)}; {len(score.faults)} faults")
    print(f"built, with nothing to refuse: {'; '.join(score.harmless)}")
    sys.exit(bool(score.faults))


if __name__ == "__main__":
    main()
