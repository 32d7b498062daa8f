"""Archives of strangers: the limits and the paths of their members.

A tar archive is unpacked once, whole, into the store, where each member is a blob and cannot
land anywhere else; all models of the archive share the blobs. The members of a zip archive are
read from the archive. In both cases only the wanted files reach a model's folder. An archive is
refused as a whole if a member leaves its root or is a device, or if it exceeds the limits here.
"""

import contextlib
import errno
import lzma
import posixpath
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.errors import DamagedArchiveError, FetchError, UntrustedSourceError
from pipeline.fetch.archive.inner_paths import is_inner_path, shorten
from pipeline.fetch.archive.tree import MAX_FILES
from pipeline.fetch.disk_room import GIB, MAX_TOTAL_BYTES, MIB
from pipeline.text.printable import cut_middle

# Weights hardly compress, zeros compress a thousandfold. Small archives may unpack to any size.
MAX_RATIO = 100
FREE_OF_RATIO_BYTES = 256 * MIB
# Linux follows as many links.
_MAX_LINKS = 40
_REASON_LENGTH = 100
# Damaged bytes make tarfile, zipfile and the decompressors raise these: their own errors, and
# those of calculations with wrong numbers.
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    LookupError,
    OSError,  # without a number, or for a position beyond the file
    OverflowError,
    RecursionError,
    ValueError,
)


@dataclass(frozen=True, kw_only=True)
class Member:
    """A file in an archive, or a link to one.

    Attributes:
        size: Bytes of its content; 0 for a link.
        link: Path in the archive that it leads to, None for a file.
        offset: Position of its content in a tar archive, in bytes.
    """

    size: int
    link: str | None = None
    offset: int = 0


class Budget:
    """Counts the members of an archive before any is stored, and refuses it at the limits."""

    def __init__(self, archive_bytes: int, *, shown: str) -> None:
        self.shown = shown
        self.archive_bytes = archive_bytes
        self.max_ratio_bytes = max(FREE_OF_RATIO_BYTES, MAX_RATIO * archive_bytes)
        self.num_members = 0
        self.total_bytes = 0

    def count(self) -> None:
        """Count one more member: a file, a folder or a link.

        Raises:
            UntrustedSourceError: The archive has too many members.
        """
        self.num_members += 1
        if self.num_members > MAX_FILES:
            raise UntrustedSourceError(
                f"{self.shown}: more than {MAX_FILES} files and folders; refused"
            )

    def spend(self, size: int) -> None:
        """Count the bytes of a file, again for each link to it.

        Raises:
            UntrustedSourceError: The archive unpacks to too many bytes.
        """
        self.total_bytes += size
        if self.total_bytes > MAX_TOTAL_BYTES:
            raise UntrustedSourceError(
                f"{self.shown}: unpacks to more than {MAX_TOTAL_BYTES // GIB} GiB; refused"
            )
        self.check_ratio(self.total_bytes)

    def check_ratio(self, size: int) -> None:
        """Refuse an archive that unpacks to `size` bytes if it is itself too small for that.

        Raises:
            UntrustedSourceError: The archive is too small.
        """
        if size > self.max_ratio_bytes:
            raise UntrustedSourceError(
                f"{self.shown}: unpacks to more than {MAX_RATIO} times its size; refused"
            )


@contextlib.contextmanager
def reading_archive(shown: str, kind: str) -> Iterator[None]:
    """Turn the errors that Python's libraries raise for an archive's content into our errors.

    Raises:
        DamagedArchiveError: The archive is cut short, or not of the type of its first bytes.
        FetchError: Python cannot read the way in which it is packed.
        UntrustedSourceError: Unpacking needs more memory than there is.
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
    """Return a member's path in its plain form: "m/a.bin" for "./m/a.bin"; "" for the root.

    Raises:
        UntrustedSourceError: The path leaves the archive's root.
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
    """Return the path in the archive that a link leads to: "m/b" for "../m/b" in "n/a".

    Args:
        path: Path of the link.
        target: Target of the link, as the archive has it.
        from_root: Whether the target is relative to the root, as in tar's hard links, or to the
            folder of the link.
        shown: The archive as messages name it.

    Raises:
        UntrustedSourceError: The link leads out of the archive.
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
    """Return the path of the file behind each path, without links to nothing or in a circle.

    Raises:
        UntrustedSourceError: With its links the archive unpacks to more than its limits.
    """
    found = {}
    for path, member in members.items():
        name, end = path, member
        for _ in range(_MAX_LINKS):
            if end.link is None or end.link not in members:
                break
            name, end = end.link, members[end.link]
        if end.link is None:
            found[path] = name
            budget.spend(end.size if name != path else 0)
    return found
