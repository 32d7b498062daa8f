"""Files below a folder that others may write into, read so that no link leads out of it.

Each name of a path is opened relative to the folder before it. So no link is followed, and nobody
can put a link in place between our check and our open. Pipes, sockets and devices are never
opened. Hard links look like any other file, and are read.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# If a pipe or a terminal takes the place of a file meanwhile, opening it must neither block nor
# make it our controlling terminal.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def open_beneath(folder: Path, path: str) -> BufferedReader:
    """Open a regular file for reading; links that stay in the folder are followed.

    Args:
        folder: The folder; the path to the folder itself may contain links.
        path: Path of the file relative to the folder, with forward slashes.

    Raises:
        IsADirectoryError: The path is a folder.
        OSError: The file is missing, unreadable or not regular, or a link leads out.
    """
    real = os.path.realpath(folder)
    found = os.path.realpath(os.path.join(real, path))  # noqa: PTH118  # keeps a last "/"
    inside = os.path.relpath(found, real)
    if inside == os.curdir:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    names = Path(inside).parts
    if os.pardir in names:
        raise OSError(errno.ELOOP, f"leads out of {folder.name}/", path)
    with folder_beneath(Path(real), names[:-1]) as handle:
        return open_file(handle, names[-1])


@contextlib.contextmanager
def folder_beneath(folder: Path, names: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """Open a folder below a folder, following no link; yield its descriptor.

    Args:
        folder: The folder to start from; the path to the folder itself may contain links.
        names: Names of the inner folders, outermost first.
        make: Whether to make missing folders.

    Raises:
        OSError: An inner folder is a link, is no folder, or cannot be opened.
    """
    handle = os.open(folder, _FOLDER)
    try:
        for name in names:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=handle)
            inner = _open_folder(handle, name)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def open_file(handle: int, name: str) -> BufferedReader:
    """Open a regular file of a folder for reading, following no link.

    Args:
        handle: Descriptor of the folder.
        name: Name of the file in it.

    Raises:
        IsADirectoryError: The name is a folder's.
        OSError: The file is missing, unreadable or not regular.
    """
    # Checked before opening, because opening a device may already act on it.
    _check_regular(os.stat(name, dir_fd=handle, follow_symlinks=False), name)
    file = os.fdopen(os.open(name, _FILE, dir_fd=handle), "rb")
    try:
        _check_regular(os.fstat(file.fileno()), name)
    except OSError:
        file.close()
        raise
    return file


def _open_folder(handle: int, name: str) -> int:
    try:
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=handle)
    except OSError as error:
        # For a link, some systems report ENOTDIR and others ELOOP.
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            found = os.stat(name, dir_fd=handle, follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode):
                raise OSError(errno.ELOOP, f"{name} is a link, not a folder", name) from None
        raise


def _check_regular(found: os.stat_result, name: str) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    if not stat.S_ISREG(found.st_mode):
        kind = "a link" if stat.S_ISLNK(found.st_mode) else "no regular file"
        raise OSError(errno.EINVAL, f"is {kind}", name)
