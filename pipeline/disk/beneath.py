"""Files below a folder: whoever may write into it cannot lead us out of it.

A path is walked name by name from the folder itself, each opened from the one before it, so that
no link is followed and none can be put in the way between a look and an open. What is no regular
file (a pipe, a socket, a device) is never opened. Hard links cannot be told from files.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# A pipe that took the file's place meanwhile must not keep us waiting, nor a terminal take us.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def open_beneath(folder: Path, path: str) -> BufferedReader:
    """Open a regular file for reading; links that stay in the folder are followed.

    Args:
        folder: The folder; it may itself be reached by links.
        path: Relative to it, with forward slashes.

    Raises:
        IsADirectoryError: It is a folder.
        OSError: It is not there, cannot be read, is no regular file, or a link leads out.
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
        folder: Where to start; it may be reached by links.
        names: The names of the folders from there on.
        make: Make those that are not there.

    Raises:
        OSError: One of them is a link or no folder, or cannot be opened.
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
        name: Of the file in it.

    Raises:
        IsADirectoryError: It is a folder.
        OSError: It is not there, cannot be read, or is no regular file.
    """
    # Looked at first: to open a device may do something.
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
        # Systems disagree about what a link is here: ENOTDIR or ELOOP.
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
