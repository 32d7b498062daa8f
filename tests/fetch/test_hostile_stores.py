"""Stores that list and send what they like."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fetching import Zoo

from pipeline.errors import FetchError, NetworkError
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.fetch import fetch_source
from pipeline.fetch.http.http_session import HttpSettings


class LyingFileSystem(fsspec.AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A store that lists what a test says."""

    protocol = "lying"
    listing: ClassVar[Callable[[str], list[dict[str, Any]]]]
    content: ClassVar[bytes] = b"content"

    def info(self, path: str, **_options: Any) -> dict[str, Any]:
        """Say that the place is a folder, and all below it files."""
        name = self._strip_protocol(path)
        kind = "directory" if name == "zoo/m" else "file"
        return {"name": name, "type": kind, "size": 7, "ETag": "1"}

    def ls(self, path: str, detail: bool = True, **_options: Any) -> Any:  # noqa: FBT002  # fsspec's
        """List what a test says."""
        del detail
        return type(self).listing(self._strip_protocol(path))

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_options: Any
    ) -> bytes:
        """Return the content, whatever part is asked for."""
        del path, start, end
        return self.content


@pytest.fixture
def lying(monkeypatch: pytest.MonkeyPatch) -> type[LyingFileSystem]:
    fsspec.register_implementation("lying", LyingFileSystem, clobber=True)
    monkeypatch.setattr(
        "pipeline.fetch.address.source.is_filesystem", lambda scheme: scheme == "lying"
    )
    monkeypatch.setattr("pipeline.fetch.filesystem._SETTINGS", HttpSettings(attempts=1))
    return LyingFileSystem


def listed(*names: str, **more: Any) -> list[dict[str, Any]]:
    """Return a listing of files."""
    return [{"name": name, "type": "file", "size": 7, "ETag": "1", **more} for name in names]


@pytest.mark.parametrize(
    ("listing", "message"),
    [
        *(
            pytest.param(
                listed(f"zoo/m/{name}"), "has a file .*; expected paths below", id=name[:9]
            )
            for name in [
                *("../x", "a/../../x", "/etc/x", "a\\..\\x", "C:/x", "a\x1b[2J", "a\nb", "\u202ex"),
                *("x" * 300, "a/" * 100 + "x", "\ud800", "a\0b", "..", "."),
            ]
        ),
        pytest.param(listed("/etc/passwd"), "lists '/etc/passwd', which", id="absolute"),
        pytest.param(listed("zoo/mm/x"), "lists 'zoo/mm/x', which is elsewhere", id="beside"),
        pytest.param(listed("zoo/m/x", size=-5), r"cannot read it \(ValueError\)", id="negative"),
        pytest.param(listed("zoo/m/x", size="x"), r"cannot read it \(ValueError\)", id="no size"),
        pytest.param(listed("zoo/m/x", size=float("inf")), "cannot read it", id="infinite"),
        pytest.param(listed("zoo/m/x", size=2**60), "more than 32 GiB", id="beyond all"),
        pytest.param([{"name": "zoo/m/x"}], r"cannot read it \(KeyError\)", id="no type"),
        pytest.param([{"type": "file"}], r"cannot read it \(KeyError\)", id="no name"),
        pytest.param([5], r"cannot read it \(TypeError\)", id="no entry"),
        pytest.param(5, r"cannot read it \(TypeError\)", id="no listing"),
        pytest.param(listed("zoo/m/x"), "more than the part that was asked", id="more"),
        pytest.param(
            listed("zoo/m/a", "zoo/m/a/b"), "have the same name", id="a file and its folder"
        ),
    ],
)
def test_what_a_store_lists_stays_in_its_folder(
    lying: type[LyingFileSystem], zoo: Zoo, listing: Any, message: str
) -> None:
    lying.listing = lambda _path: listing
    lying.content = b"content" * 2 if message.startswith("more than the part") else b"content"

    with pytest.raises(FetchError, match=message) as caught:
        zoo.fetch("lying://zoo/m")
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300


def test_a_million_names_are_refused_in_time(lying: type[LyingFileSystem], zoo: Zoo) -> None:
    names = [f"zoo/m/{number}" for number in range(1_000_000)]
    lying.listing = lambda _path: listed(*names)
    started = time.monotonic()

    with pytest.raises(FetchError, match="more than 200000 files; expected one model"):
        zoo.fetch("lying://zoo/m")
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("shape", ["deep", "wide"])
def test_folders_without_an_end_are_refused(
    lying: type[LyingFileSystem], zoo: Zoo, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    monkeypatch.setattr("pipeline.fetch.filesystem_client.MAX_FILES", 500)
    numbers = iter(range(10**9))

    def listing(path: str) -> list[dict[str, Any]]:
        names = ["a"] if shape == "deep" else [str(next(numbers)) for _ in range(40)]
        return [{"name": f"{path}/{name}", "type": "directory", "size": 0} for name in names]

    lying.listing = listing

    with pytest.raises(FetchError, match="has too many folders, or one with a name"):
        zoo.fetch("lying://zoo/m")


def test_a_store_that_never_answers_ends_with_the_time(
    lying: type[LyingFileSystem], tmp_path: Path
) -> None:
    ended = threading.Event()

    def listing(path: str) -> list[dict[str, Any]]:
        del path
        ended.wait(10)
        return []

    lying.listing = listing
    (tmp_path / "out").mkdir()
    started = time.monotonic()

    with pytest.raises(NetworkError, match=r"^lying://zoo/m: fetching took more than 0\.5 s"):
        fetch_source(
            parse_source("lying://zoo/m"),
            root=tmp_path,
            folder=tmp_path / "out",
            cache=tmp_path / "cache",
            sha256=None,
            progress=lambda _done, _total: None,
            timeout_seconds=0.5,
        )
    assert time.monotonic() - started < 2
    ended.set()


def test_names_of_other_systems_are_harmless_here(lying: type[LyingFileSystem], zoo: Zoo) -> None:
    names = ["CON.h5", "aux", "a.", "a ", "M.h5", "m.h5", "ü", "a:b/../x"[:3], "…", "😀"]
    lying.listing = lambda _path: listed(*(f"zoo/m/sub/{name}" for name in names))
    lying.content = b"content"
    zoo.fetch("lying://zoo/m")

    assert set(zoo.files()) == {f"sub/{name}" for name in names}
