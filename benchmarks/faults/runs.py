"""Runs: two builds at once in one zoo, and two zoos at once that share a cache.

    python benchmarks/faults/runs.py [--count N] [--seed S] [--seconds MAX]

Of two builds in one zoo one waits or is refused with exit code 3; two zoos that fetch the same
sources into one cache at once both end whole, also where one is killed. The last result stands
in README.md.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tests" / "helpers"))

from ground import Ground, Reader, Running, adopt_orphans, survivors
from loopback import Server, serve
from zoos import reproducible_files

_SHARED = 6


@dataclass
class Score:
    """What came of builds at once."""

    runs: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def run_pairs(root: Path, *, count: int, seed: int, seconds: float) -> Score:
    """Run so many pairs."""
    random_ = random.Random(seed)  # noqa: S311  # not for secrets
    score = Score()
    over = time.monotonic() + seconds
    with serve() as server:
        zoos = [Ground(root / name, tensorflow=False) for name in ("a", "b")]
        _serve_models(zoos, server)
        first = zoos[0].begin(NO_PROXY="127.0.0.1")
        if first.end() != 0:
            raise SystemExit(f"the zoo cannot be built undisturbed:\n{first.stderr}")
        whole = reproducible_files(zoos[0].dist)
        while score.runs.total() < count and time.monotonic() < over:
            pair = [zoos[0], zoos[0]] if random_.random() < 0.5 else zoos  # noqa: PLR2004  # every second time
            _run_pair(pair, whole, score, random_, root)
    return score


def _serve_models(zoos: list[Ground], server: Server) -> None:
    """Put models of one server into both zoos, so that they meet in the cache."""
    sources = zoos[0].folder / "sources/one"
    for i in range(_SHARED):
        for path in sources.iterdir():
            server.put(f"/{i}/{path.name}", path.read_bytes(), pace_seconds=0.05)
        for zoo in zoos:
            model = {"name": f"shared-{i}", "source": f"{server.url}/{i}/model.json"}
            zoo.manifest["models"].append({**model, "variants": []})
    for zoo in zoos:
        zoo.write()


def _run_pair(
    pair: list[Ground], whole: Mapping[str, bytes], score: Score, random_: random.Random, root: Path
) -> None:
    same = pair[0] is pair[1]
    kind = "one zoo" if same else "one cache"
    cache = root / f"cache-{random_.getrandbits(32):x}"
    for zoo in pair:
        zoo.forget()
    with Reader(pair[0].dist) as reader:
        running = []
        for zoo in pair:
            running.append(
                zoo.begin(TFJS_ZOO_CACHE=str(_with_packages(zoo, cache)), NO_PROXY="127.0.0.1")
            )
            time.sleep(random_.random() ** 3 * 4)
        killed = random_.random() < 0.3  # noqa: PLR2004  # three in ten
        if killed and running[0].process.poll() is None:
            os.killpg(running[0].process.pid, signal.SIGKILL)
        codes = [one.end() for one in running]
        score.runs[kind] += 1
        score.codes[f"{kind}: {sorted(codes)}"] += 1
        score.faults += _judge(running, codes, same=same, killed=killed)
        for zoo in dict.fromkeys(pair):
            again = zoo.begin(TFJS_ZOO_CACHE=str(cache), NO_PROXY="127.0.0.1")
            if again.end() != 0:
                score.faults.append(f"{kind}: not whole afterwards: {again.stderr[-300:]}")
            score.faults += [f"{kind}: wrong: {path}" for path in zoo.differences(whole)[:3]]
            score.faults += [f"{kind}: left behind: {left}" for left in zoo.leftovers()]
        score.faults += [f"{kind}: left in the cache: {p.name}" for p in cache.rglob("*.tmp")]
    score.faults += [f"half visible: {fault}" for fault in reader.faults]
    score.faults += [f"survived: {process}" for process in survivors()]


def _with_packages(zoo: Ground, cache: Path) -> Path:
    """Return a cache that has TensorFlow.js, as links into the user's."""
    if not cache.exists():
        cache.mkdir()
        for part in zoo.cache.iterdir():
            if part.name not in {"blobs", "locks"}:
                (cache / part.name).symlink_to(part)
    return cache


def _judge(running: list[Running], codes: list[int], *, same: bool, killed: bool) -> list[str]:
    faults = [f"{bug}: {one.stderr[-500:]}" for one in running for bug in set(one.bugs())]
    allowed = {0, 3} if same else {0}
    for code, one in zip(codes, running, strict=True):
        if code not in allowed | ({-signal.SIGKILL} if killed else set()):
            told = [str(e.get("reason"))[:200] for e in one.steps if e["status"] == "failed"]
            faults.append(f"exit {code}: {told} {one.stderr[-300:]}")
        if code == 3 and not one.stderr.strip():  # noqa: PLR2004  # doit refuses to run
            faults.append("refused without a sentence")
    if same and not killed and 0 not in codes:
        faults.append(f"none of two builds ended: {codes}")
    return faults


def main() -> None:
    """Run the campaign and print its score."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3600.0)
    given = parser.parse_args()
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="runs-") as folder:
        score = run_pairs(Path(folder), count=given.count, seed=given.seed, seconds=given.seconds)
    print(f"{score.runs.total()} pairs {dict(score.runs)}; {dict(score.codes)}")
    print(f"{len(score.faults)} faults")
    for fault, count in Counter(score.faults).items():
        print(f"  {count}x {fault}")
    sys.exit(bool(score.faults))


if __name__ == "__main__":
    main()
