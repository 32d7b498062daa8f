"""Fixtures for tests that fetch: a folder to fetch into, and a server on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fetching import Zoo
from loopback import Server, serve


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    return Zoo(tmp_path)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with serve() as running:
        yield running
