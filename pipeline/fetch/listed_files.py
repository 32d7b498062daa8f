"""Trees of files on a server that lists them: each is downloaded when it is wanted."""

from collections.abc import Callable, Iterable
from pathlib import Path

from pipeline.disk.files import link_or_copy
from pipeline.errors import FetchError, UntrustedSourceError
from pipeline.fetch.archive.tree import MAX_FILES, is_inner_path, read_json_text, shorten
from pipeline.fetch.disk_room import GIB, MAX_TOTAL_BYTES


class ListedTree:
    """The files that a server lists.

    Args:
        paths: All files, "/" between the parts of each.
        bring: Downloads one and returns where it lies.
    """

    def __init__(self, paths: Iterable[str], bring: Callable[[str], Path]) -> None:
        self._paths = frozenset(paths)
        self._bring = bring

    def is_file(self, path: str) -> bool:
        """Tell whether a file is there."""
        return path in self._paths

    def is_folder(self, path: str) -> bool:
        """Tell whether a folder is there; the listing has only files."""
        return path == "" or any(name.startswith(f"{path}/") for name in self._paths)

    def list_below(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder, sorted."""
        start = f"{folder}/" if folder else ""
        return sorted(name for name in self._paths if name.startswith(start))

    def list_near(self, path: str) -> Iterable[str]:
        """Return all paths, those of folders too."""
        del path
        yield from self._paths
        for name in self._paths:
            while name := name.rpartition("/")[0]:
                yield name

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        with self._bring(path).open("rb") as file:
            return read_json_text(file, shown=path)

    def place(self, path: str, target: Path) -> None:
        """Put a file at `target`."""
        link_or_copy(self._bring(path), target)


class ListingLimits:
    """Counts what a listing has, and stops it where that is no model any more."""

    def __init__(self, *, shown: str) -> None:
        self.shown = shown
        self.num_files = 0
        self.total_bytes = 0

    def check(self, path: str, size: int) -> None:
        """Count one more file.

        Raises:
            UntrustedSourceError: Its path leaves the folder.
            FetchError: That is one too many, or too large.
        """
        if not is_inner_path(path):
            raise UntrustedSourceError(
                f"{self.shown}: has a file {shorten(path)}; expected paths below its folder, "
                "short and of printable characters"
            )
        self.num_files += 1
        self.total_bytes += size
        if self.num_files > MAX_FILES:
            raise FetchError(f"{self.shown}: more than {MAX_FILES} files; expected one model")
        if self.total_bytes > MAX_TOTAL_BYTES:
            raise FetchError(
                f"{self.shown}: more than {MAX_TOTAL_BYTES // GIB} GiB; expected one model"
            )
