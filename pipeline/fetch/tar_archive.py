"""Tar archives, compressed or not: unpacked once, whole, into the store.

A compressed tar has no index: to read one member is to decompress all before it. So the first
model that comes from it unpacks it, and the others take their files from the store.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from pathlib import Path
from typing import IO, Any

from pipeline.errors import UntrustedSourceError
from pipeline.fetch.archive import (
    MIB,
    ArchiveTree,
    Budget,
    Member,
    clean_link,
    clean_name,
    resolve_links,
)
from pipeline.fetch.faults import DamagedArchiveError
from pipeline.fetch.store import Store
from pipeline.files import link_or_copy

# tarfile reads a header's extensions (long names, pax records) in one go, as large as they say.
_MAX_READ_BYTES = 16 * MIB


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
        blobs = store.load_list(key)
        if blobs is None:
            blobs = _unpack(store, path, shown=shown)
            store.keep_list(key, blobs)

    def sound_blob(place: str) -> Path:
        blob: str = blobs[place]
        with store.lock(key):
            if not store.has(blob):  # damaged or pruned since it was unpacked
                _unpack(store, path, shown=shown)
        return store.blob(blob)

    return ArchiveTree(
        {place: place for place in blobs},
        open_place=lambda place: sound_blob(place).open("rb"),
        place_file=lambda place, target: link_or_copy(sound_blob(place), target),
    )


def _unpack(store: Store, path: Path, *, shown: str) -> dict[str, str]:
    """Store all files of a tar archive; return the SHA-256 of each by its path."""
    budget = Budget(path.stat().st_size, shown=shown)
    members: dict[str, Member] = {}
    blobs: dict[str, str] = {}
    try:
        with _open_decompressed(path) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for info in archive:
                name = clean_name(info.name, shown=shown)
                member = _parse_member(name, info, shown=shown)
                if member is None or not name:
                    continue
                budget.spend(member.size)
                members[name] = member
                content = archive.extractfile(info) if member.link is None else None
                if content is not None:
                    blobs[name] = store.add(content)
    except _TooMuchError:
        raise UntrustedSourceError(
            f"{shown}: a tar header of more than {_MAX_READ_BYTES // MIB} MiB; refused"
        ) from None
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DamagedArchiveError(
            f"{shown}: a damaged or truncated tar archive ({error})"
        ) from None
    return {name: blobs[place] for name, place in resolve_links(members).items()}


def _parse_member(name: str, info: tarfile.TarInfo, *, shown: str) -> Member | None:
    """Return what a header stands for, None for a folder."""
    if info.isdir():
        return None
    if info.isreg():
        return Member(size=info.size)
    if info.issym() or info.islnk():
        link = clean_link(name, info.linkname, from_root=info.islnk(), shown=shown)
        return Member(size=0, link=link)
    raise UntrustedSourceError(
        f"{shown}: {info.name!r} is a device or a pipe; expected files and folders"
    )


def _open_decompressed(path: Path) -> "_Bounded":
    with path.open("rb") as file:
        head = file.read(6)
    openers: dict[bytes, Any] = {
        b"\x1f\x8b": gzip.open,
        b"BZh": bz2.open,
        b"\xfd7zXZ\x00": lzma.open,
    }
    opener = next((found for magic, found in openers.items() if head.startswith(magic)), open)
    return _Bounded(opener(path, "rb"))


class _TooMuchError(Exception):
    """One read asks for more than any header holds."""


class _Bounded(io.BufferedIOBase):
    """A file that refuses to be read in huge pieces."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most `size` bytes."""
        if size is None or not 0 <= size <= _MAX_READ_BYTES:
            raise _TooMuchError
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a position."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file below."""
        self._file.close()
        super().close()
