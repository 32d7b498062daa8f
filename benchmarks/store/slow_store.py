"""What a slow store costs a run: a real S3 server behind a proxy that waits before each request.

    python benchmarks/store/slow_store.py FOLDER [SECONDS_BEFORE_A_REQUEST]

The steps of ten models are stubs that wait as real steps do and link the files of one real build.
Two runs of an empty zoo are timed: without a store, and with an empty one that is slow.

Last result: 2026-11-30, two cores shared with other builds (load 4), 0.3 s: 29.1 s without a
store, 47.0 s with one.
"""

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/helpers"))
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks/speed"))

import scale
from buckets import serve_s3
from s3_server import CREDENTIALS, S3

from pipeline.engine.step import Work

STEP_SECONDS = 0.5
NUM_MODELS = 10


def serve_slowly(url: str, seconds: float) -> str:
    """Return the address of a proxy that waits before it passes on what a client sends."""
    parts = urlsplit(url)
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            client, _ = listening.accept()
            server = socket.create_connection((parts.hostname, parts.port))
            for pair in ((client, server, seconds), (server, client, 0.0)):
                threading.Thread(target=_pass_on, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def _pass_on(source: socket.socket, target: socket.socket, seconds: float) -> None:
    with contextlib.suppress(OSError):  # one end has gone
        while data := source.recv(2**20):
            time.sleep(seconds)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def run_waiting(template: Path, arguments: list[str]) -> int:
    """Run a command line whose steps wait and then link the template's files."""
    make = scale.stub

    def stub(template: Path) -> Callable[[Work[Any]], None]:
        link = make(template)

        def run(work: Work[Any]) -> None:
            if work.step.shared:
                time.sleep(STEP_SECONDS)
            link(work)

        return run

    scale.stub = stub
    return scale.run_stubbed(template, arguments)


def measure(folder: Path, template: Path, environ: Mapping[str, str]) -> float:
    """Return the seconds of a run of an empty zoo."""
    folder.mkdir()
    scale.write_manifest(folder, NUM_MODELS)
    os.environ.update(environ)
    cost = scale.measure(folder, [sys.executable, __file__, "--run", str(template), "run"])
    return cost.wall


def report(folder: Path, seconds: float) -> None:
    """Print both times."""
    folder = folder.resolve()
    template = scale.build_template(folder / "template")
    print(f"without a store: {measure(folder / 'none', template, {}):.1f} s")
    os.environ.update(CREDENTIALS)
    with serve_s3() as url:
        store = f"s3://{S3(url).make_bucket()}/results"
        slow = {"AWS_ENDPOINT_URL": serve_slowly(url, seconds), "TFJS_ZOO_STORE": store}
        took = measure(folder / "slow", template, slow)
    print(f"with a store that takes {seconds:g} s to answer: {took:.1f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        sys.exit(run_waiting(Path(sys.argv[2]), sys.argv[3:]))
    report(Path(sys.argv[1]), float(sys.argv[2]) if sys.argv[2:] else 0.3)
