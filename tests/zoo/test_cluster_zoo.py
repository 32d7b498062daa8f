"""A zoo built on a cluster by the real doit: as if there were none, and gone when it ends."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from zoos import Zoo, reproducible_files

pytest.importorskip("distributed")

# TensorFlow.js, once.
pytestmark = [pytest.mark.network, pytest.mark.tensorflow]


def test_a_build_on_a_cluster_is_that_of_one_machine(tmp_path: Path) -> None:
    here, there = Zoo(tmp_path / "here"), Zoo(tmp_path / "there")
    for zoo in (here, there):
        zoo.add("one", variants=["uint16"])
        # Its base is right, and the manifest expects another output: a failure of the step `map`.
        zoo.add("two", variants=[], map={"scores": "Nothing:0"})
        zoo.write()
    alone, spread = here.build(), there.build("--cluster", "local:1")

    assert spread.code == alone.code == 1, spread.stdout + spread.stderr
    assert spread.ran == alone.ran
    assert spread.failures == alone.failures
    assert reproducible_files(there.dist) == reproducible_files(here.dist)
    receipts = [
        {path.relative_to(zoo.folder): path.read_bytes() for path in _receipts(zoo)}
        for zoo in (here, there)
    ]
    assert receipts[0] == receipts[1]
    # With nothing to do, no cluster is needed.
    there.manifest["models"].pop()
    assert there.build().code == 0
    assert there.build("--cluster", "tcp://127.0.0.1:9", "--store", "store").code == 0


def test_an_interrupted_run_leaves_no_process(tmp_path: Path) -> None:
    zoo = Zoo(tmp_path / "zoo")
    zoo.add("one")
    zoo.write()
    process = zoo.start("run", "--cluster", "local:1")
    try:
        _wait_for(zoo.folder / ".zoo/build/one/convert.json")
        started = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == 130
    assert "the next run goes on from here" in stdout
    assert stderr == ""
    assert len(started) >= 1
    assert psutil.wait_procs(started, timeout=10)[1] == []


def test_a_cluster_without_a_store_is_refused(tmp_path: Path) -> None:
    zoo = Zoo(tmp_path / "zoo")
    zoo.add("one")
    zoo.manifest["zoo"]["cluster"] = "tcp://127.0.0.1:9"
    zoo.write()
    done = zoo.doit("run")

    assert done.code == 3
    assert "results travel through a store, and there is none" in done.stderr
    assert not (zoo.folder / ".zoo/build").exists()


def _receipts(zoo: Zoo) -> list[Path]:
    return sorted((zoo.folder / ".zoo/build").rglob("receipt.json"))


def _wait_for(path: Path) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} does not appear"
        time.sleep(0.1)
