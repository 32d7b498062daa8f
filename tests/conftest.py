"""Fixtures of several files: the pool of TensorFlow; a folder to fetch into, and a server."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from build_in_child import SHARED, make_shared
from fetching import Zoo
from loopback import Server, serve

from pipeline.workers.pool import TensorFlowPool


def pytest_configure() -> None:
    """Let the workers of pytest-xdist, which start later, share the models that they build.

    A shell script that starts tests in the background (`pytest &`) has them ignore interrupts,
    and so would every program that a test starts and interrupts.
    """
    if SHARED not in os.environ:
        make_shared()
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Refuse tests whose collection imports TensorFlow: each worker would take seconds for it."""
    if "tensorflow" in sys.modules:
        raise pytest.UsageError("a file of tests imports TensorFlow at its top")


@pytest.fixture(scope="session")
def pool() -> Iterator[TensorFlowPool]:
    """Return the pool of all files of this process: its server imports TensorFlow in 5 s."""
    with TensorFlowPool(max_workers=2) as pool:
        yield pool


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    return Zoo(tmp_path)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with serve() as running:
        yield running
