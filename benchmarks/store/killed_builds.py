"""Builds two zoos at once with one empty store, and kills one of them at a random moment.

    python benchmarks/store/killed_builds.py ROUNDS >benchmarks/store/killed_builds.md

After each round a third zoo is built, which has only what the two have left in the store. Its
`dist/` must be that of a zoo without a store. `killed_builds.md` has the last result.
"""

import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/helpers"))

from zoos import Zoo, reproducible_files

MODELS = ("one", "two", "three")


def make_zoo(folder: Path) -> Zoo:
    """Return a zoo of three small graph models, not yet built."""
    shutil.rmtree(folder, ignore_errors=True)
    zoo = Zoo(folder)
    for seed, name in enumerate(MODELS):
        zoo.add(name, seed=seed)
    zoo.write()
    return zoo


def start(zoo: Zoo, store: Path) -> "subprocess.Popen[str]":
    """Start a build with a store."""
    return zoo.start("run", "--reporter", "jsonl", "--store", str(store))


def main(rounds: int) -> None:
    """Build, kill, build and compare."""
    dice = random.Random(1)  # noqa: S311  # rounds that can be repeated
    killed = same = unfinished = came = 0
    with tempfile.TemporaryDirectory() as text:
        root = Path(text)
        alone = make_zoo(root / "alone")
        started = time.monotonic()
        assert alone.build("--store", "none").code == 0
        seconds = time.monotonic() - started
        right = reproducible_files(alone.dist)
        for _ in range(rounds):
            store = root / "store"
            shutil.rmtree(store, ignore_errors=True)
            zoos = [make_zoo(root / name) for name in ("first", "second")]
            with start(zoos[0], store) as victim, start(zoos[1], store) as other:
                time.sleep(dice.uniform(0.3, 1.0) * seconds)
                killed += victim.poll() is None
                victim.kill()
                victim.communicate()
                other.communicate()
                assert other.returncode == 0
            unfinished += len(list(store.rglob("*.zoo-part")))
            third = make_zoo(root / "third")
            build = third.build("--store", str(store))
            came += sum(step["from_store"] for step in build.steps)
            dists = [reproducible_files(zoo.dist) for zoo in (zoos[1], third)]
            same += build.code == 0 and dists == [right, right]
    print("# Two builds with one store, one of them killed\n")
    print("`python benchmarks/store/killed_builds.py ROUNDS` writes this page.\n")
    print("| rounds | killed while it ran | half-written files left | results that came | same |")
    print("|---|---|---|---|---|")
    print(f"| {rounds} | {killed} | {unfinished} | {came} | {same} |\n")
    print(
        "Same: the `dist/` of the other one and of a third zoo are those of a zoo without a store."
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
