"""Zip archives (.zip, .whl): members are read from the archive."""

import contextlib
import functools
import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import FetchError, UntrustedSourceError
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
from pipeline.fetch.download_cache import CHUNK_BYTES

_ENCRYPTED = 0x1
_ENTRY = b"PK\x01\x02"
_MAX_LINK_BYTES = 4096
_SMALL_BYTES = 4096


@contextlib.contextmanager
def open_zip(path: Path, *, shown: str) -> Iterator[NamedTree]:
    """Open a zip archive; its tree works within the context.

    Raises:
        DamagedArchiveError: The archive is cut short, or no zip archive.
        FetchError: The archive is encrypted, or packed in a way that Python cannot read.
        UntrustedSourceError: A member leaves the root, or the archive is too large.
    """
    budget = Budget(path.stat().st_size, shown=shown)
    with reading_archive(shown, "zip"):
        count_entries(path, budget)
        with zipfile.ZipFile(path) as archive:
            infos = _list_members(archive, budget)
            members = {
                name: Member(size=info.file_size, link=_read_link(archive, name, info, shown=shown))
                for name, info in infos.items()
            }
            yield NamedTree(
                resolve_links(members, budget),
                open_file=lambda name: archive.open(infos[name]),
                copy_file=functools.partial(_copy, archive, infos),
            )


def count_entries(path: Path, budget: Budget) -> None:
    """Count the entries of a zip archive's directory, which zipfile reads whole into memory.

    Raises:
        UntrustedSourceError: The directory has too many entries.
    """
    before = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            for _ in range((before + chunk).count(_ENTRY)):
                budget.count()
            before = chunk[1 - len(_ENTRY) :]


def _list_members(archive: zipfile.ZipFile, budget: Budget) -> dict[str, zipfile.ZipInfo]:
    infos = {}
    packed_bytes = 0
    for info in archive.infolist():
        if info.flag_bits & _ENCRYPTED:
            raise FetchError(f"{budget.shown}: an encrypted zip archive; expected one without")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}:
            found = shorten(info.filename)
            raise UntrustedSourceError(f"{budget.shown}: {found} is a device or a pipe; refused")
        name = clean_name(info.filename, shown=budget.shown)
        packed_bytes += info.compress_size
        if packed_bytes > budget.archive_bytes:  # https://www.bamsoftware.com/hacks/zipbomb/
            raise UntrustedSourceError(
                f"{budget.shown}: its members share bytes or are cut short; refused"
            )
        if name and not info.is_dir():
            budget.spend(info.file_size)
            infos[name] = info
    return infos


def _read_link(
    archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo, *, shown: str
) -> str | None:
    if not stat.S_ISLNK(info.external_attr >> 16):
        return None
    with archive.open(info) as file:
        target = file.read(_MAX_LINK_BYTES).decode(errors="replace")
    return clean_link(name, target, from_root=False, shown=shown)


def _copy(
    archive: zipfile.ZipFile, infos: dict[str, zipfile.ZipInfo], name: str, target: Path
) -> None:
    info, source = infos[name], archive.open(infos[name])
    # zipfile unpacks each read at once, and has no limit for methods other than these two.
    bounded = info.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
    with source, target.open("wb") as file:
        shutil.copyfileobj(source, file, CHUNK_BYTES if bounded else _SMALL_BYTES)
