"""Tar archives, compressed or not: unpacked once, whole, into the store.

A compressed tar has no index: to read one member is to decompress all before it. So the first
model that comes from it unpacks it, and the others take their files from the store.
"""

import bz2
import gzip
import io
import lzma
import tarfile
from pathlib import Path
from typing import IO, Any

from pipeline.disk.files import link_or_copy
from pipeline.disk.json_value import JsonValue
from pipeline.errors import UntrustedSourceError
from pipeline.fetch.archive.archive import (
    ArchiveTree,
    Budget,
    Member,
    clean_link,
    clean_name,
    reading_archive,
    resolve_links,
)
from pipeline.fetch.archive.tree import shorten
from pipeline.fetch.disk_room import MIB, Room
from pipeline.fetch.download_cache import Store, is_digest

# tarfile reads a header's extensions (long names, pax records) in one go, as large as they say.
_MAX_HEADER_BYTES = MIB
# tarfile's search for pax records takes the square of the digits in a row (CVE-2024-6232).
_DIGITS = bytes(ord("0") if chr(byte).isdecimal() else 0 for byte in range(256))
_MANY_DIGITS = b"0" * 32
# Headers and padding, which are no part of any file.
_MAX_OVERHEAD_BYTES = 64 * MIB


def open_tar(store: Store, path: Path, sha256: str, *, shown: str) -> ArchiveTree:
    """Return the files of a tar archive.

    Args:
        store: Where it is unpacked to.
        path: The archive.
        sha256: Its digest, under which its members are remembered.
        shown: What the user knows it as.

    Raises:
        DamagedArchiveError: It is cut short, or not what its first bytes say.
        UntrustedSourceError: It tries to leave its root, brings devices, or is too large.
    """
    key = f"members of tar {sha256}"
    with store.lock(key):
        blobs = store.load_list(key, _parse_blobs)
        if blobs is None:
            blobs = _unpack(store, path, shown=shown)
            store.keep_list(key, blobs)

    def sound_blob(place: str) -> Path:
        blob = blobs[place]
        with store.lock(key):
            if not store.has(blob):  # damaged or pruned since it was unpacked
                _unpack(store, path, shown=shown)
        return store.blob(blob)

    return ArchiveTree(
        {place: place for place in blobs},
        open_place=lambda place: sound_blob(place).open("rb"),
        place_file=lambda place, target: link_or_copy(sound_blob(place), target),
    )


def _parse_blobs(value: JsonValue) -> dict[str, str]:
    blobs = {path: blob.text() for path, blob in value.fields()}
    if not blobs or not all(map(is_digest, blobs.values())):
        value.refuse("digests by path")
    return blobs


def _unpack(store: Store, path: Path, *, shown: str) -> dict[str, str]:
    """Store all files of a tar archive; return the SHA-256 of each by its path.

    It is read twice: all of it is counted before any of it is stored.
    """
    budget = Budget(path.stat().st_size, shown=shown)
    with reading_archive(shown, "tar"), _open_decompressed(path, budget) as file:
        members = _list_members(file, budget)
        files = resolve_links(members, budget)
        Room(store.folder, shown=shown, disk="the cache").check(budget.total_bytes)
        places = sorted(set(files.values()), key=lambda place: members[place].offset)
        blobs = {place: store.add(file.cut(members[place])) for place in places}
    return {name: blobs[place] for name, place in files.items()}


def _list_members(file: "_Bounded", budget: Budget) -> dict[str, Member]:
    """Return the files and links of an archive by their paths; of two with one, the later."""
    members: dict[str, Member] = {}
    # Names of another encoding are no reason to refuse a model: their letters are replaced.
    with tarfile.open(fileobj=file, mode="r:", encoding="utf-8", errors="replace") as archive:
        while (info := archive.next()) is not None:
            # pax headers of all would fill the memory
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
    """Return what a header stands for, None for a folder."""
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
    """What comes out of a compressed archive, bounded as a whole and in each header.

    Attributes:
        header_bytes: Read of the header that tarfile is at: it reads names, pax records and
            maps of holes as long as they say they are.
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

    def cut(self, member: Member) -> "_Content":
        """Return the content of a member."""
        self._file.seek(member.offset)
        return _Content(self._file, member.size)

    def close(self) -> None:
        """Close the file below."""
        self._file.close()
        super().close()


class _Content(io.BufferedIOBase):
    """The content of a member: so many of the next bytes of an archive."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most `size` bytes."""
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        content = self._file.read(wanted)
        if wanted and not content:
            raise EOFError
        self._left -= len(content)
        return content
