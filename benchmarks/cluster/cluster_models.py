"""Real models: the first of models.yaml, built here and on clusters of 2, 4 and 8 workers.

    python benchmarks/cluster/cluster_models.py FOLDER [--models N] [--workers 2 4 8]

Each zoo starts empty, with an empty store; downloads come from the cache. All workers run on this
machine, so that time says little, and processor time shows what a cluster costs. `dist/` must be
that of one machine to the byte. README.md has the last result.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/helpers"))
sys.path.insert(0, str(Path(__file__).parent))

from cluster_scale import wait_for_workers
from clusters import DaskCluster, dask_cluster
from paths import ROOT
from zoos import reproducible_files


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of a run.

    Attributes:
        code: Its exit code.
        wall: Seconds from its start to its end.
        here: Seconds of processor time of the machine of the run.
        workers: The same of the scheduler and all workers, meanwhile.
    """

    code: int
    wall: float
    here: float
    workers: float


def main() -> None:
    """Build, compare and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", type=int, default=8)
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4, 8])
    asked = parser.parse_args()
    alone = asked.folder.resolve() / "alone"
    cost = build(alone, asked.models)
    print(f"{asked.models} models, {len(list_runs(alone))} steps; {os.cpu_count()} processors")
    report("none", cost, alone, alone)
    for number in asked.workers:
        zoo = asked.folder.resolve() / f"workers{number}"
        with dask_cluster(zoo.with_suffix(".dask"), workers=number) as cluster:
            wait_for_workers(cluster, number)
            cost = build(zoo, asked.models, cluster)
        report(str(number), cost, zoo, alone)


def build(zoo: Path, num_models: int, cluster: DaskCluster | None = None) -> Cost:
    """Build a new zoo of the first models of models.yaml."""
    zoo.mkdir(parents=True)
    manifest = yaml.safe_load((ROOT / "models.yaml").read_text())
    manifest["models"] = manifest["models"][:num_models]
    (zoo / "models.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
    command = [sys.executable, "-m", "doit", "-f", str(ROOT / "dodo.py"), "-d", str(zoo), "run"]
    before = 0.0
    if cluster is not None:
        command += ["--cluster", cluster.address, "--store", str(zoo.with_suffix(".store"))]
        before = sum(map(_spent, _processes(cluster)))
    started = time.monotonic()
    with zoo.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            command, env={**os.environ, "CHROME": "none"}, stdout=log, stderr=log
        )
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    after = 0.0 if cluster is None else sum(map(_spent, _processes(cluster)))
    return Cost(
        code=os.waitstatus_to_exitcode(status),
        wall=wall,
        here=usage.ru_utime + usage.ru_stime,
        workers=after - before,
    )


def report(workers: str, cost: Cost, zoo: Path, alone: Path) -> None:
    """Print a row: time, processor time, the steps of workers, and whether dist/ is equal."""
    away = [run for run in list_runs(zoo) if "worker" in run]
    seconds = statistics.median([run["seconds"] for run in away]) if away else 0.0
    equal = reproducible_files(zoo / "dist") == reproducible_files(alone / "dist")
    print(
        f"{workers} workers: exit code {cost.code}, {cost.wall:.0f} s; "
        f"processor {cost.here:.0f} s here, {cost.workers:.0f} s there; "
        f"{len(away)} steps there (median {seconds:.2f} s); load {os.getloadavg()[0]:.0f}; "
        f"dist/ {'equal' if equal else 'DIFFERS'}",
        flush=True,
    )


def list_runs(zoo: Path) -> list[dict[str, float]]:
    """Return the figures of all steps of models."""
    return [json.loads(file.read_bytes()) for file in (zoo / ".zoo/build").rglob("run.json")]


def _processes(cluster: DaskCluster) -> Iterator[psutil.Process]:
    """Yield all processes of a cluster that live."""
    for started in filter(None, (cluster.scheduler, *cluster.workers)):
        process = psutil.Process(started.pid)
        yield from (process, *process.children(recursive=True))


def _spent(process: psutil.Process) -> float:
    """Return the processor time of a process, and of those of its children that have ended."""
    try:
        return sum(process.cpu_times()[:4])
    except psutil.Error:
        return 0.0


if __name__ == "__main__":
    main()
