"""Faults of a cluster, counted: killed workers, a killed scheduler, two runs at once.

    python benchmarks/cluster/cluster_faults.py [--kills N] [--models N] [--seed S]

The steps wait and write as real ones do (`sleeping_steps.py`). Every result is compared with a
build of one machine, and every call of a step leaves a file, so that repeated work is counted.
README.md has the last result.
"""

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/helpers"))
sys.path.insert(0, str(Path(__file__).parent))

from clusters import DaskCluster, dask_cluster
from paths import ROOT
from sleeping_steps import SleepingZoo, connect_to

_WORKERS = 4
_SPEED = 2.0
# The scheduler dies in the middle: after so many calls of steps.
_CALLS_BEFORE = 100
_PAUSE_SECONDS = (0.5, 2.5)


class Campaign:
    """Zoos in one folder, and the results that they must have.

    Args:
        folder: The folder.
        num_models: Number of models of each zoo.
    """

    def __init__(self, folder: Path, num_models: int) -> None:
        self.folder = folder
        self._num_models = num_models
        alone = self.zoo("alone", speed=1000)
        alone.build(parallel=8)
        self._expected = _results(alone)

    def zoo(self, name: str, *, speed: float = _SPEED, calls: str = "calls") -> SleepingZoo:
        """Return a zoo; those with the same folder of calls have the same ingredients."""
        return SleepingZoo(
            self.folder / name,
            num_models=self._num_models,
            speed=speed,
            calls=self.folder / calls,
        )

    def judge(self, *zoos: SleepingZoo) -> str:
        """Return what became of zoos: "300 of 300 results right, 0 wrong; 304 calls of steps"."""
        found = [_results(zoo) for zoo in zoos]
        right = sum(
            files.get(path) == made for files in found for path, made in self._expected.items()
        )
        wrong = sum(
            self._expected.get(path) != made for files in found for path, made in files.items()
        )
        calls = sum(len(list(folder.iterdir())) for folder in {zoo.calls for zoo in zoos})
        return (
            f"{right} of {len(self._expected) * len(zoos)} results right, {wrong} wrong; "
            f"{calls} calls of steps"
        )


def main() -> None:
    """Run the campaigns and print what they count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--models", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    # As Dask has it, unless a test says otherwise.
    os.environ["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = "3"
    with tempfile.TemporaryDirectory() as name:
        campaign = Campaign(Path(name), asked.models)
        kill_workers(campaign, asked.kills, random.Random(asked.seed))  # noqa: S311  # a campaign that can be repeated
        kill_the_scheduler(campaign)
        run_twice(campaign)


def kill_workers(campaign: Campaign, count: int, random_: random.Random) -> None:
    """Kill workers at random, again and again, while zoos are built until they are whole."""
    zoos: list[SleepingZoo] = []
    kills = failures = 0
    with dask_cluster(campaign.folder / "dask", workers=_WORKERS) as cluster:
        while kills < count:
            zoo = campaign.zoo(f"killed{len(zoos)}", calls=f"calls{len(zoos)}")
            zoos.append(zoo)
            while True:
                connect_to(zoo, cluster.address, campaign.folder / f"store{len(zoos)}")
                done = threading.Event()
                with ThreadPoolExecutor() as threads:
                    killing = threads.submit(
                        _kill_again, cluster, zoo.calls, done, count - kills, random_
                    )
                    outcomes = zoo.build(parallel=2 * _WORKERS)
                    done.set()
                    kills += killing.result()
                zoo.session.close()
                failed = sum(outcome.status == "failed" for outcome in outcomes.values())
                failures += failed
                if not failed:
                    break
                zoo = zoos[-1] = _reopen(campaign, zoo)
    print(
        f"{kills} kills of {_WORKERS} workers, {len(zoos)} zoos: {campaign.judge(*zoos)}; "
        f"{failures} steps failed for now, and were made by the next run",
        flush=True,
    )


def kill_the_scheduler(campaign: Campaign) -> None:
    """Kill the scheduler in the middle; start it again at its address after a while."""
    zoo = campaign.zoo("lost", calls="calls-lost")
    with dask_cluster(campaign.folder / "lost-dask", workers=_WORKERS) as cluster:
        port = int(cluster.address.rpartition(":")[2])
        connect_to(zoo, cluster.address, campaign.folder / "lost-store")
        with ThreadPoolExecutor() as threads:
            building = threads.submit(zoo.build, parallel=2 * _WORKERS)
            while len(list(zoo.calls.iterdir())) < _CALLS_BEFORE:
                time.sleep(0.1)
            assert cluster.scheduler is not None
            cluster.scheduler.kill()
            cluster.scheduler.wait()
            time.sleep(3)
            cluster.start_scheduler(port)
            # Workers end with their scheduler, and whoever started them starts them again.
            for _ in range(_WORKERS):
                cluster.start_worker()
            outcomes = building.result()
        zoo.session.close()
    failed = sum(outcome.status == "failed" for outcome in outcomes.values())
    print(f"scheduler killed, back after 3 s: {campaign.judge(zoo)}; {failed} failed", flush=True)


def run_twice(campaign: Campaign) -> None:
    """Build two zoos of the same models at the same time, with one cluster and one store."""
    zoos = [campaign.zoo(name, calls="calls-twice") for name in ("first", "second")]
    with dask_cluster(campaign.folder / "twice-dask", workers=_WORKERS) as cluster:
        for zoo in zoos:
            connect_to(zoo, cluster.address, campaign.folder / "twice-store")
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda zoo: zoo.build(parallel=2 * _WORKERS), zoos))
        for zoo in zoos:
            zoo.session.close()
    print(f"two runs at once: {campaign.judge(*zoos)}", flush=True)


def _kill_again(
    cluster: DaskCluster,
    calls: Path,
    done: threading.Event,
    most: int,
    random_: random.Random,
) -> int:
    """Kill one of the workers that began a step last, now and then; return how many."""
    kills = 0
    while kills < most and not done.wait(random_.uniform(*_PAUSE_SECONDS)):
        workers = {pid for nanny in cluster.workers for pid in _children(nanny.pid)}
        # A worker that is still starting has no step to lose.
        began = sorted(calls.iterdir(), key=lambda call: call.stat().st_mtime_ns)[-_WORKERS:]
        victims = sorted(workers & {int(call.name.rpartition("-")[2]) for call in began})
        if victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(random_.choice(victims), signal.SIGKILL)
                kills += 1
    return kills


def _children(pid: int) -> list[int]:
    """Return the worker processes of a nanny; it has others, which track resources."""
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(pid).children()
        return [child.pid for child in children if "spawn_main" in " ".join(child.cmdline())]
    return []


def _reopen(campaign: Campaign, zoo: SleepingZoo) -> SleepingZoo:
    return campaign.zoo(zoo.root.name, calls=zoo.calls.name)


def _results(zoo: SleepingZoo) -> dict[str, bytes]:
    build = zoo.root / "build"
    return {
        path.relative_to(build).as_posix(): path.read_bytes()
        for path in sorted(build.rglob("weights.bin"))
        if (path.parent / "receipt.json").exists()
    }


if __name__ == "__main__":
    main()
