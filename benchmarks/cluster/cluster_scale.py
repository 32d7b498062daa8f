"""Scale: the same zoo on this machine alone and on clusters of 2, 4 and 8 workers.

    python benchmarks/cluster/cluster_scale.py [--models N] [--real N] [--workers 2 4 8]

First a zoo of steps that only wait (`sleeping_steps.py`), so that a few processors are enough for
many workers: it shows what the way to a worker and back costs. Then a zoo of real small models,
built by the real doit, whose `dist/` must be that of one machine to the byte. README.md has the
last result.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/helpers"))
sys.path.insert(0, str(Path(__file__).parent))

from clusters import DaskCluster, dask_cluster
from paths import ROOT
from sleeping_steps import SECONDS, SleepingZoo, connect_to
from zoos import Zoo, reproducible_files

_START_SECONDS = 120.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=60)
    parser.add_argument("--real", type=int, default=12)
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4, 8])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
        if asked.models:
            compare_waiting(Path(name), asked.models, asked.workers)
        if asked.real:
            compare_real(Path(name), asked.real, asked.workers)


def compare_waiting(folder: Path, num_models: int, workers: list[int]) -> None:
    """Build zoos of waiting steps."""
    steps = num_models * len(SECONDS)
    work = num_models * sum(SECONDS.values())
    print(f"{num_models} models, {steps} steps that wait, {work:.0f} s in all")
    for number in workers:
        roots = (folder / f"alone{number}", folder / f"spread{number}")
        alone, spread = (
            SleepingZoo(root, num_models=num_models, speed=1, calls=folder / "calls")
            for root in roots
        )
        seconds_alone, cpu_alone = _time(partial(alone.build, parallel=number))
        with dask_cluster(folder / f"dask{number}", workers=number) as cluster:
            wait_for_workers(cluster, number)
            connect_to(spread, cluster.address, folder / f"store{number}")
            seconds, cpu = _time(partial(spread.build, parallel=2 * number))
            spread.session.close()
        same = _results(alone) == _results(spread)
        print(
            f"{number} threads here {seconds_alone:6.1f} s (CPU {cpu_alone:4.1f} s); "
            f"{number} workers {seconds:6.1f} s (CPU here {cpu:4.1f} s); "
            f"speed-up {work / seconds:4.2f}; "
            f"{(seconds - seconds_alone) * number / steps * 1000:5.1f} ms a step more; "
            f"results {'equal' if same else 'DIFFER'}",
            flush=True,
        )


def compare_real(folder: Path, num_models: int, workers: list[int]) -> None:
    """Build real zoos with the real doit."""
    expected = None
    for number in (0, *workers):
        zoo = Zoo(folder / f"zoo{number}")
        for model in range(num_models):
            zoo.add(f"m{model:03}", seed=model)
        with dask_cluster(folder / f"real{number}", workers=number) as cluster:
            wait_for_workers(cluster, number)
            options = ["--cluster", cluster.address, "--store", str(folder / f"real-store{number}")]
            start = time.monotonic()
            build = zoo.build(*(options if number else []))
            seconds = time.monotonic() - start
        assert build.code == 0, build.stdout + build.stderr
        files = reproducible_files(zoo.dist)
        expected = expected or files
        print(
            f"{num_models} real models, {len(build.ran)} steps, {number or 'no'} workers: "
            f"{seconds:.1f} s; dist/ {'equal' if files == expected else 'DIFFERS'}",
            flush=True,
        )


def _time(work: Callable[[], object]) -> tuple[float, float]:
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - start, cpu


def _results(zoo: SleepingZoo) -> dict[str, bytes]:
    return {
        path.relative_to(zoo.root).as_posix(): path.read_bytes()
        for name in ("receipt.json", "weights.bin")
        for path in sorted((zoo.root / "build").rglob(name))
    }


def wait_for_workers(cluster: DaskCluster, number: int) -> None:
    """Wait until so many workers have joined."""
    code = (
        "import sys; from distributed import Client\n"
        "Client(sys.argv[1]).wait_for_workers(int(sys.argv[2]), timeout=120)"
    )
    if number:
        subprocess.run(
            [sys.executable, "-c", code, cluster.address, str(number)],
            check=True,
            timeout=_START_SECONDS,
        )


if __name__ == "__main__":
    main()
