"""Files: digests, and writing that leaves a file whole or untouched."""

import contextlib
import hashlib
import os
import shutil
import stat
import uuid
from pathlib import Path

_MODE = 0o644
_digests: dict[tuple[int, int, int, int], str] = {}


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, as 64 hexadecimal digits.

    A file is read once per process: as long as device, inode, size and time of change are
    the same the digest is remembered, also under another name (a hard link).
    """
    stat = path.stat()
    key = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    if key not in _digests:
        with path.open("rb") as file:
            _digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _digests[key]


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it there; its folder is made.

    Raises:
        OSError: It cannot be written; the error names `path`, and nothing is left beside it.
    """
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Readable by all, as far as the user lets files be: a private one cannot be opened up
        # by a process behind the wall, which may not change modes.
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        with os.fdopen(handle, "wb") as file:
            if os.fstat(handle).st_mode & 0o777 != _MODE:
                os.fchmod(handle, _MODE)
            file.write(content)
        beside.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None
        raise


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` the same file as `source`, or a copy where links do not reach."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def find_special(folder: Path) -> Path | None:
    """Return something below a folder that is neither a plain file nor a folder, None for nothing.

    A process of a stranger's model may have left a link there, which would lead a reader out.
    """
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return path
    return None


def total_size(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; 0 where nothing is.

    Links are not followed, and files may come and go meanwhile.
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
