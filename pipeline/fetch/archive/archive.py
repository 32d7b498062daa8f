"""Archives of others: what is in them, and what is refused.

A tar archive is unpacked once, whole, into the store, where members are blobs and so cannot
land anywhere; models that come from it one after another share that. Members of a zip archive
are read where they lie. Either way only the wanted files reach a model's folder, and nothing
of an archive that tries to leave its root, brings devices, or grows beyond the limits here.
"""

import contextlib
import errno
import lzma
import posixpath
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.errors import DamagedArchiveError, FetchError, UntrustedSourceError
from pipeline.fetch.archive.tree import MAX_FILES, is_inner_path, read_json_text, shorten
from pipeline.fetch.disk_room import GIB, MAX_TOTAL_BYTES, MIB
from pipeline.text.printable import cut_middle

# Real weights hardly compress, zeros a thousandfold: small archives may, large ones may not.
MAX_RATIO = 100
FREE_OF_RATIO_BYTES = 256 * MIB
# As many as Linux follows.
_MAX_LINKS = 40
_REASON_LENGTH = 100
# What tarfile, zipfile and the decompressors raise where an archive's bytes are not as they
# should be: their own errors, and those of whatever they compute with the wrong numbers.
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    LookupError,
    OSError,  # without a number, or for a position that no file has
    OverflowError,
    RecursionError,
    ValueError,
)


@dataclass(frozen=True, kw_only=True)
class Member:
    """A file in an archive, or a link to one.

    Attributes:
        size: Bytes of its content; 0 for a link.
        link: Path in the archive that it stands for, None for a file.
        offset: Where its content begins in a tar archive.
    """

    size: int
    link: str | None = None
    offset: int = 0


class Budget:
    """Counts what is in an archive before any of it is stored, and refuses it at the limits."""

    def __init__(self, archive_bytes: int, *, shown: str) -> None:
        self.shown = shown
        self.archive_bytes = archive_bytes
        self.max_ratio_bytes = max(FREE_OF_RATIO_BYTES, MAX_RATIO * archive_bytes)
        self.num_members = 0
        self.total_bytes = 0

    def count(self) -> None:
        """Count one more member: a file, a folder or a link.

        Raises:
            UntrustedSourceError: That is one too many.
        """
        self.num_members += 1
        if self.num_members > MAX_FILES:
            raise UntrustedSourceError(
                f"{self.shown}: more than {MAX_FILES} files and folders; refused"
            )

    def spend(self, size: int) -> None:
        """Count the bytes of a file, once more for each link to it.

        Raises:
            UntrustedSourceError: Those are too many.
        """
        self.total_bytes += size
        if self.total_bytes > MAX_TOTAL_BYTES:
            raise UntrustedSourceError(
                f"{self.shown}: unpacks to more than {MAX_TOTAL_BYTES // GIB} GiB; refused"
            )
        self.check_ratio(self.total_bytes)

    def check_ratio(self, size: int) -> None:
        """Refuse what comes out of an archive where that is too much for its own size.

        Raises:
            UntrustedSourceError: It is.
        """
        if size > self.max_ratio_bytes:
            raise UntrustedSourceError(
                f"{self.shown}: unpacks to more than {MAX_RATIO} times its size; refused"
            )


@contextlib.contextmanager
def reading_archive(shown: str, kind: str) -> Iterator[None]:
    """Turn what Python's libraries raise of an archive's content into our errors.

    Raises:
        DamagedArchiveError: It is cut short, or not what its first bytes say.
        FetchError: It is packed in a way that Python cannot read.
        UntrustedSourceError: It asks for more memory than there is.
        OSError: The disk failed.
    """
    try:
        yield
    except NotImplementedError as error:
        raise FetchError(f"{shown}: a {kind} archive that cannot be read: {error}") from None
    except MemoryError:
        raise UntrustedSourceError(f"{shown}: needs more memory than there is; refused") from None
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno not in {None, errno.EINVAL}:
            raise
        said = cut_middle(str(error) or type(error).__name__, _REASON_LENGTH)
        raise DamagedArchiveError(
            f"{shown}: a damaged or truncated {kind} archive ({said})"
        ) from None


def clean_name(name: str, *, shown: str) -> str:
    """Return a member's path in its plain form.

    Raises:
        UntrustedSourceError: It leaves the archive's root.
    """
    path = name.rstrip("/")
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    if path in {"", "."}:
        return ""
    if not is_inner_path(path):
        raise UntrustedSourceError(
            f"{shown}: has a member {shorten(name)}; expected paths below the archive's root, "
            "short and of printable characters"
        )
    return posixpath.normpath(path)


def clean_link(path: str, target: str, *, from_root: bool, shown: str) -> str:
    """Return the path in the archive that a link at `path` stands for.

    Args:
        path: The link.
        target: What it says.
        from_root: Whether that is relative to the root (tar's hard links) or to its folder.
        shown: What the user knows the archive as.

    Raises:
        UntrustedSourceError: It leads out of the archive.
    """
    base = "" if from_root else posixpath.dirname(path)
    found = posixpath.normpath(posixpath.join(base, target))
    if target.startswith("/") or found == ".." or found.startswith("../"):
        raise UntrustedSourceError(
            f"{shown}: the link {path!r} leads to {shorten(target)}; "
            "expected no links out of the archive"
        )
    return found


def resolve_links(members: Mapping[str, Member], budget: Budget) -> dict[str, str]:
    """Return the file behind each path; links to nothing, or in a circle, are left out.

    Raises:
        UntrustedSourceError: The links multiply what the archive unpacks to beyond its limits.
    """
    found = {}
    for path, member in members.items():
        place, end = path, member
        for _ in range(_MAX_LINKS):
            if end.link is None or end.link not in members:
                break
            place, end = end.link, members[end.link]
        if end.link is None:
            found[path] = place
            budget.spend(end.size if place != path else 0)
    return found


class ArchiveTree:
    """The files of an archive.

    Args:
        places: Where each file is in the archive, by its path in the tree.
        open_place: Opens a file by where it is in the archive.
        place_file: Puts one at a path on disk.
    """

    def __init__(
        self,
        places: Mapping[str, str],
        *,
        open_place: Callable[[str], IO[bytes]],
        place_file: Callable[[str, Path], None],
    ) -> None:
        self.places = dict(places)
        self._open = open_place
        self._place = place_file

    def without_top(self, *, always: bool) -> "ArchiveTree":
        """Return the tree below its only top folder, or itself when it has no such.

        Args:
            always: Take the first part from each path, whatever it is (npm's way).
        """
        tops = {path.partition("/")[0] for path in self.places if "/" in path}
        at_root = any("/" not in path for path in self.places)
        if not always and (len(tops) != 1 or at_root):
            return self
        places = {path.partition("/")[2]: place for path, place in self.places.items()}
        places.pop("", None)
        return ArchiveTree(places, open_place=self._open, place_file=self._place)

    def is_file(self, path: str) -> bool:
        """Tell whether a file is there."""
        return path in self.places

    def is_folder(self, path: str) -> bool:
        """Tell whether a folder is there; archives need not list them."""
        return path == "" or any(name.startswith(f"{path}/") for name in self.places)

    def list_below(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder, sorted."""
        start = f"{folder}/" if folder else ""
        return sorted(name for name in self.places if name.startswith(start))

    def list_near(self, path: str) -> Iterable[str]:
        """Return all paths, those of folders too."""
        del path
        yield from self.places
        yield from {folder for name in self.places for folder in _parents(name)}

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        with self._open(self.places[path]) as file:
            return read_json_text(file, shown=path)

    def place(self, path: str, target: Path) -> None:
        """Put a file at `target`."""
        self._place(self.places[path], target)


def _parents(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path
