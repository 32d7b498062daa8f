"""Zip archives (.zip, .whl): members are read where they lie."""

import contextlib
import functools
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pipeline.errors import FetchError, UntrustedSourceError
from pipeline.fetch.archive import (
    ArchiveTree,
    Budget,
    Member,
    clean_link,
    clean_name,
    resolve_links,
)
from pipeline.fetch.faults import DamagedArchiveError

_ENCRYPTED = 0x1
_MAX_LINK_BYTES = 4096


@contextlib.contextmanager
def open_zip(path: Path, *, shown: str) -> Iterator[ArchiveTree]:
    """Open a zip archive; its tree works within the context.

    Raises:
        DamagedArchiveError: It is cut short, or not what its first bytes say.
        FetchError: It is encrypted, or packed in a way that Python cannot read.
        UntrustedSourceError: It tries to leave its root or is too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = _list_members(archive, Budget(path.stat().st_size, shown=shown))
            members = {
                name: Member(size=info.file_size, link=_read_link(archive, name, info, shown=shown))
                for name, info in infos.items()
            }
            yield ArchiveTree(
                resolve_links(members),
                open_place=lambda place: archive.open(infos[place]),
                place_file=functools.partial(_place, archive, infos),
            )
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise DamagedArchiveError(
            f"{shown}: a damaged or truncated zip archive ({error})"
        ) from None
    except NotImplementedError as error:
        raise FetchError(f"{shown}: a zip archive that cannot be read: {error}") from None


def _list_members(archive: zipfile.ZipFile, budget: Budget) -> dict[str, zipfile.ZipInfo]:
    infos = {}
    for info in archive.infolist():
        if info.flag_bits & _ENCRYPTED:
            raise FetchError(f"{budget.shown}: an encrypted zip archive; expected one without")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}:
            raise UntrustedSourceError(f"{budget.shown}: {info.filename!r} is a device; refused")
        name = clean_name(info.filename, shown=budget.shown)
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


def _place(
    archive: zipfile.ZipFile, infos: dict[str, zipfile.ZipInfo], place: str, target: Path
) -> None:
    source: IO[bytes]
    with archive.open(infos[place]) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 1024 * 1024)
