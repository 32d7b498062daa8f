"""A zoo's fetching, without a manifest: sources into folders, with one cache."""

from collections.abc import Callable
from pathlib import Path

from pipeline.fetch.address.source import parse_source
from pipeline.fetch.fetch import Fetched, fetch_source


class Zoo:
    """A folder to fetch into, again and again, with one cache.

    Attributes:
        told: Bytes done, and in all, as they were told of the last fetch.
        interrupt_at: Bytes at which the user has enough of waiting.
        meanwhile: Called once, when first bytes have come.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.count = 0
        self.told: list[tuple[int, int | None]] = []
        self.interrupt_at: int | None = None
        self.meanwhile: Callable[[], object] | None = None

    @property
    def out(self) -> Path:
        """Where the last source was fetched to."""
        return self.root / f"out{self.count}"

    def fetch(
        self, text: str, *, sha256: str | None = None, refresh: bool = False, hub: bool = False
    ) -> Fetched:
        """Fetch a source into an empty folder."""
        self.count += 1
        self.out.mkdir()
        self.told.clear()
        return fetch_source(
            parse_source(text, hub=hub),
            root=self.root,
            folder=self.out,
            cache=self.root / "cache",
            sha256=sha256,
            progress=self._tell,
            refresh=refresh,
        )

    def files(self) -> dict[str, bytes]:
        """Return what was fetched last."""
        return {
            path.relative_to(self.out).as_posix(): path.read_bytes()
            for path in self.out.rglob("*")
            if path.is_file()
        }

    def holds(self, text: str) -> bool:
        """Tell whether a text is in any file, of the cache too, or in the name of one."""
        found = (path for path in self.root.rglob("*") if path.is_file())
        return any(text.encode() in path.read_bytes() or text in str(path) for path in found)

    def _tell(self, done: int, total: int | None) -> None:
        self.told.append((done, total))
        if self.interrupt_at is not None and done >= self.interrupt_at:
            raise KeyboardInterrupt
        if self.meanwhile and done:
            self.meanwhile()
            self.meanwhile = None
