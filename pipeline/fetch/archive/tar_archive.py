"""Tar archives, compressed or not: unpacked once, whole, into the store.

A compressed tar has no index: to read one member, all members before it must be decompressed.
So the first model of an archive unpacks it, and the others take their files from the store.
"""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from pipeline.disk.json_value import JsonValue
from pipeline.errors import UntrustedSourceError
from pipeline.fetch.archive.archive import (
    Budget,
    Member,
    clean_link,
    clean_name,
    reading_archive,
    resolve_links,
)
from pipeline.fetch.archive.inner_paths import shorten
from pipeline.fetch.archive.tree import NamedTree
from pipeline.fetch.disk_room import MIB, Room
from pipeline.fetch.download_cache import CHUNK_BYTES, Store, is_digest

# tarfile reads the extensions of a header (long names, pax records) at once, whatever their size.
_MAX_HEADER_BYTES = MIB
# The time of tarfile's search for pax records is the square of the digits in a row: CVE-2024-6232.
_DIGITS = bytes(ord("0") if chr(byte).isdecimal() else 0 for byte in range(256))
_MANY_DIGITS = b"0" * 32
# Most bytes of headers and padding in an archive.
_MAX_OVERHEAD_BYTES = 64 * MIB


def open_tar(store: Store, path: Path, sha256: str, *, shown: str) -> NamedTree:
    """Return the files of a tar archive.

    Args:
        store: The store that it is unpacked into.
        path: The archive.
        sha256: Its digest; the store remembers the members under it.
        shown: The archive as messages name it.

    Raises:
        DamagedArchiveError: The archive is cut short, or no tar archive.
        UntrustedSourceError: A member leaves the root or is a device, or the archive is too large.
    """
    key = f"members of tar {sha256}"
    with store.lock(key):
        blobs = store.load_list(key, _parse_blobs)
        if blobs is None:
            blobs = _unpack(store, path, shown=shown)
            store.keep_list(key, blobs)

    def bring(name: str) -> Path:
        blob = blobs[name]
        with store.lock(key):
            if not store.has(blob):  # damaged or pruned since it was unpacked
                _unpack(store, path, shown=shown)
        return store.blob(blob)

    return NamedTree.of_stored(blobs, bring)


def _parse_blobs(value: JsonValue) -> dict[str, str]:
    blobs = {path: blob.text() for path, blob in value.fields()}
    if not blobs or not all(map(is_digest, blobs.values())):
        value.refuse("digests by path")
    return blobs


def _unpack(store: Store, path: Path, *, shown: str) -> dict[str, str]:
    """Store all files of a tar archive; return the SHA-256 of each file by its path.

    The archive is read twice: all members are counted before the first is stored.
    """
    budget = Budget(path.stat().st_size, shown=shown)
    with reading_archive(shown, "tar"), _open_decompressed(path, budget) as file:
        members = _list_members(file, budget)
        files = resolve_links(members, budget)
        Room(store.folder, shown=shown, disk="the cache").check(budget.total_bytes)
        names = sorted(set(files.values()), key=lambda name: members[name].offset)
        blobs = {name: store.add(file.read_member(members[name])) for name in names}
    return {path: blobs[name] for path, name in files.items()}


def _list_members(file: "_Bounded", budget: Budget) -> dict[str, Member]:
    """Return the files and links of an archive by path; the later of two with the same path."""
    members: dict[str, Member] = {}
    # A name in another encoding is accepted: its letters are replaced.
    with tarfile.open(fileobj=file, mode="r:", encoding="utf-8", errors="replace") as archive:
        while (info := archive.next()) is not None:
            # The pax headers of all members would fill the memory.
            archive.members = []  # type: ignore[attr-defined]
            file.header_bytes = 0
            budget.count()
            name = clean_name(info.name, shown=budget.shown)
            member = _parse_member(name, info, shown=budget.shown)
            if member is not None and name:
                budget.spend(member.size)
                members[name] = member
    return members


def _parse_member(name: str, info: tarfile.TarInfo, *, shown: str) -> Member | None:
    """Return the file or link that a header describes, None for a folder."""
    if info.size < 0:
        raise tarfile.ReadError("negative size")
    if info.issparse():
        raise UntrustedSourceError(
            f"{shown}: {shorten(info.name)} is stored with holes; expected a tar archive made "
            "without --sparse"
        )
    if info.isdir():
        return None
    if info.isreg():
        return Member(size=info.size, offset=info.offset_data)
    if info.issym() or info.islnk():
        link = clean_link(name, info.linkname, from_root=info.islnk(), shown=shown)
        return Member(size=0, link=link)
    raise UntrustedSourceError(
        f"{shown}: {shorten(info.name)} is a device or a pipe; expected files and folders"
    )


def _open_decompressed(path: Path, budget: Budget) -> "_Bounded":
    with path.open("rb") as file:
        head = file.read(6)
    openers: dict[bytes, Any] = {
        b"\x1f\x8b": gzip.open,
        b"BZh": bz2.open,
        b"\xfd7zXZ\x00": lzma.open,
    }
    opener = next((found for magic, found in openers.items() if head.startswith(magic)), open)
    return _Bounded(opener(path, "rb"), budget)


class _Bounded(io.BufferedIOBase):
    """A decompressed archive that ends at a limit, for the whole and for each header.

    Attributes:
        header_bytes: Bytes read of the present header. tarfile reads names, pax records and maps
            of holes in the length that they state.
    """

    def __init__(self, file: IO[bytes], budget: Budget) -> None:
        self._file = file
        self._budget = budget
        self.header_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most `size` bytes of a header."""
        if size is None or not 0 <= size <= _MAX_HEADER_BYTES - self.header_bytes:
            raise UntrustedSourceError(
                f"{self._budget.shown}: a tar header of more than {_MAX_HEADER_BYTES // MIB} MiB; "
                "refused"
            )
        content = self._file.read(size)
        self.header_bytes += len(content)
        if _MANY_DIGITS in content.translate(_DIGITS):
            raise UntrustedSourceError(
                f"{self._budget.shown}: a tar header with a number of {len(_MANY_DIGITS)} digits; "
                "refused"
            )
        return content

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a position."""
        self._budget.check_ratio(offset - _MAX_OVERHEAD_BYTES)
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def read_member(self, member: Member) -> Iterator[bytes]:
        """Yield the content of a member."""
        self._file.seek(member.offset)
        left = member.size
        while left:
            content = self._file.read(min(left, CHUNK_BYTES))
            if not content:
                raise EOFError
            left -= len(content)
            yield content

    def close(self) -> None:
        """Close the file below."""
        self._file.close()
        super().close()
