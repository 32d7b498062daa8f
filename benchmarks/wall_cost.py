"""What the wall costs: the same zoo built behind it and without it, in turn, in one run.

    python benchmarks/wall_cost.py [ROUNDS] [MODEL…]

builds models of the repository's models.yaml (by default those below) in fresh folders, from a
cache of downloads that one build fills before. Without a wall every model is trusted.

Last result (2026-11-29, Landlock and seccomp on Linux 6.18, 2 shared cores, 3 rounds): 61.9 s of
CPU behind the wall and 61.1 s without, 1.013 times; 40.5 and 40.1 s of wall time.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
MODELS = ("basic-pitch", "basic-pitch-js", "iris", "blazeface", "facemesh", "handlandmark-lite")
WALLS = {"walled": "", "open": "none"}


def main() -> None:
    """Build in turn and print medians and their ratio."""
    arguments = sys.argv[1:]
    rounds = int(arguments[0]) if arguments else 3
    names = arguments[1:] or list(MODELS)
    manifest = yaml.safe_load((ROOT / "models.yaml").read_text(encoding="utf-8"))
    manifest["models"] = [model for model in manifest["models"] if model["name"] in names]
    manifest.setdefault("defaults", {})["trust"] = True
    _build(manifest, "")
    taken: dict[str, list[tuple[float, float]]] = {kind: [] for kind in WALLS}
    for number in range(rounds):
        kinds = list(WALLS) if number % 2 else list(reversed(WALLS))
        for kind in kinds:
            taken[kind].append(_build(manifest, WALLS[kind]))
            wall, cpu = taken[kind][-1]
            print(f"{kind:7} {wall:6.1f} s wall, {cpu:6.1f} s CPU", flush=True)
    for i, what in enumerate(("wall", "CPU")):
        walled, opened = (statistics.median(t[i] for t in taken[kind]) for kind in WALLS)
        ratio = walled / opened
        print(f"{what}: {walled:.1f} s behind the wall, {opened:.1f} s without: {ratio:.3f} times")


def _build(manifest: dict[str, object], wall: str) -> tuple[float, float]:
    """Return the seconds of wall time and of CPU that a build from nothing takes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "models.yaml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "doit", "-f", str(ROOT / "dodo.py"), "-d", name],
            check=True,
            env={**os.environ, "TFJS_ZOO_WALL": wall},
            stdout=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used


if __name__ == "__main__":
    main()
