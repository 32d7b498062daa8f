"""Files: their digests and sizes, and writing that leaves a file whole or untouched."""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import UntrustedSourceError

_MODE = 0o644
_digests: dict[tuple[int, int, int, int], str] = {}


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, as 64 hexadecimal digits.

    A file is read once per process: the digest is remembered as long as device, inode, size and
    time of change are the same, also under another name (a hard link).
    """
    found = path.stat()
    key = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    if key not in _digests:
        with path.open("rb") as file:
            _digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _digests[key]


def remember_digest(path: Path, sha256: str) -> None:
    """Let `digest_file` return the digest that a receipt has of a file, without reading it."""
    found = path.stat()
    _digests[found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns] = sha256


@contextlib.contextmanager
def writing_beside(path: Path, beside: Path) -> Iterator[Path]:
    """Let a block write the file `beside`, and rename it to `path` if the block succeeds.

    The folder of `path` is made. After a failure nothing is left beside it.

    Raises:
        OSError: The file cannot be made or renamed; the error names `path`, which people know.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        beside.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError) and error.filename == str(beside):
            error.filename, error.filename2 = str(path), None
        raise


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it there; its folder is made.

    Raises:
        OSError: It cannot be written; the error names `path`, and nothing is left beside it.
    """
    try:
        with writing_beside(path, path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")) as beside:
            # Readable by all, as far as the user lets files be: a private file cannot be opened
            # up by a process behind the wall, which may not change modes.
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
            with os.fdopen(handle, "wb") as file:
                if os.fstat(handle).st_mode & 0o777 != _MODE:
                    os.fchmod(handle, _MODE)
                file.write(content)
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` the same file as `source`, or a copy where links do not reach."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def link_files(source: Path, target: Path) -> None:
    """Link or copy the files of a folder, without its folders, into a new folder."""
    target.mkdir(parents=True)
    for file in source.iterdir():
        if file.is_file():
            link_or_copy(file, target / file.name)


def move_untrusted(source: Path, target: Path) -> None:
    """Move what a process of a stranger's model has left, which need not be a plain file.

    It is moved without a look into it; a plain file also to another file system.

    Raises:
        UntrustedSourceError: A link or a pipe is to go to another file system.
    """
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_plain(source, target)
        source.unlink()


def _copy_plain(source: Path, target: Path) -> None:
    try:
        handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise UntrustedSourceError(f"{source.name} cannot be read: {error.strerror}") from None
    with os.fdopen(handle, "rb") as made, target.open("xb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise UntrustedSourceError(f"{source.name} was left as a link or a pipe")
        shutil.copyfileobj(made, file)


def empty_folder(folder: Path) -> None:
    """Remove all that a folder holds."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def find_files(folder: Path) -> Iterator[str]:
    """Yield the paths of all files below a folder, relative to it, with forward slashes.

    A link to a file is one; what is behind a link to a folder is not looked at.
    """
    pending = [""]
    while pending:
        inside = pending.pop()
        with os.scandir(folder / inside) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{inside}{entry.name}/")
                elif entry.is_file():
                    yield f"{inside}{entry.name}"


def find_special(folder: Path) -> Path | None:
    """Return the first path below a folder that is neither a plain file nor a folder, or None.

    A process of a stranger's model may have left a link there, which would lead a reader out.
    """
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return path
    return None


def total_size(path: Path) -> int:
    """Return the size in bytes of a file or of all files below a folder; 0 if nothing is there.

    Links below the folder are not followed. Files may come and go meanwhile.
    """
    with contextlib.suppress(OSError):
        if not path.is_dir():
            return path.stat().st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118  # called often
    return total
