"""A zoo's fetching without a manifest, and archives to fetch."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.fetch.address.source import parse_source
from pipeline.fetch.fetch import Fetched, fetch_source


class Zoo:
    """A folder to fetch into, again and again, with one cache.

    Attributes:
        reported: Bytes done and bytes in all, as the last fetch reported them.
        interrupt_at: Bytes at which the user interrupts the fetch.
        meanwhile: Called once, after the first bytes.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.count = 0
        self.reported: list[tuple[int, int | None]] = []
        self.interrupt_at: int | None = None
        self.meanwhile: Callable[[], object] | None = None

    @property
    def out(self) -> Path:
        """The folder of the last fetch."""
        return self.root / f"out{self.count}"

    def fetch(
        self, text: str, *, sha256: str | None = None, refresh: bool = False, hub: bool = False
    ) -> Fetched:
        """Fetch a source into an empty folder."""
        self.count += 1
        self.out.mkdir()
        self.reported.clear()
        return fetch_source(
            parse_source(text, hub=hub),
            root=self.root,
            folder=self.out,
            cache=self.root / "cache",
            sha256=sha256,
            progress=self._report,
            refresh=refresh,
        )

    def files(self) -> dict[str, bytes]:
        """Return the files of the last fetch."""
        return {
            path.relative_to(self.out).as_posix(): path.read_bytes()
            for path in self.out.rglob("*")
            if path.is_file()
        }

    def holds(self, text: str) -> bool:
        """Return whether any file, or the name of any file, has a text; the cache counts, too."""
        found = (path for path in self.root.rglob("*") if path.is_file())
        return any(text.encode() in path.read_bytes() or text in str(path) for path in found)

    def _report(self, done: int, total: int | None) -> None:
        self.reported.append((done, total))
        if self.interrupt_at is not None and done >= self.interrupt_at:
            raise KeyboardInterrupt
        if self.meanwhile and done:
            self.meanwhile()
            self.meanwhile = None


def pack_tar(files: Mapping[str, bytes]) -> bytes:
    """Return a tar archive, compressed by gzip."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return content.getvalue()


def pack_zip(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return content.getvalue()
