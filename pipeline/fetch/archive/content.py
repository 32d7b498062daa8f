"""Content: the type of a file by its first bytes, whatever its name or its server says.

It finds files that are not the wanted file: a Git-LFS pointer, an HTML page, an empty file, an
archive whose type contradicts its name.
"""

from pathlib import Path
from typing import Literal

from pipeline.errors import DamagedArchiveError, FetchError

ArchiveType = Literal["zip", "tar"]

HEAD_BYTES = 512
# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_HTML = (b"<!doctype html", b"<html")
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
_USTAR_OFFSET = 257


def check_whole(path: Path, *, shown: str, may_be_empty: bool = False) -> None:
    """Refuse a file that is no model and no archive.

    Args:
        path: The file.
        shown: The file as messages name it.
        may_be_empty: Whether the file may have no bytes.

    Raises:
        FetchError: The file is empty, a Git-LFS pointer or an HTML page.
    """
    check_head(_read_head(path), shown=shown, may_be_empty=may_be_empty)


def check_head(head: bytes, *, shown: str, may_be_empty: bool = False) -> None:
    """Refuse a file by its first bytes, as `check_whole` does."""
    if not head and not may_be_empty:
        raise FetchError(f"{shown}: an empty file; expected a model or an archive")
    _check_no_pointer(head, shown=shown)
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_HTML):
        raise FetchError(
            f"{shown}: an HTML page; expected a model or an archive",
            hint="open it in a browser: a login, an error, or a page around the real link?",
        )


def check_pointer(path: Path, *, shown: str) -> None:
    """Refuse a Git-LFS pointer, the small text that Git holds in place of a large file."""
    _check_no_pointer(_read_head(path), shown=shown)


def _check_no_pointer(head: bytes, *, shown: str) -> None:
    if head.startswith(_LFS_POINTER):
        raise FetchError(
            f"{shown}: a Git-LFS pointer; expected the file that it points to",
            hint="run 'git lfs pull' in its repository, or use the link of the file itself",
        )


def find_archive_type(path: Path, *, shown: str) -> ArchiveType:
    """Return the type of an archive by its content.

    Raises:
        DamagedArchiveError: The file is no archive, or its name contradicts its type.
    """
    head = _read_head(path)
    found: ArchiveType | None = None
    if head.startswith(_ZIP):
        found = "zip"
    elif head.startswith(_COMPRESSED) or head[_USTAR_OFFSET:].startswith(b"ustar"):
        found = "tar"
    if found is None:
        raise DamagedArchiveError(
            f"{shown}: not an archive by its content; expected a zip or tar archive"
        )
    name = shown.partition("#")[0].partition("?")[0].lower()
    if name.endswith((".zip", ".whl")) and found != "zip":
        raise DamagedArchiveError(
            f"{shown}: a compressed tar archive by its content; expected a zip"
        )
    if name.endswith((".tar", ".gz", ".tgz", ".bz2", ".xz")) and found != "tar":
        raise DamagedArchiveError(f"{shown}: a zip archive by its content; expected a tar archive")
    return found


def _read_head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)
