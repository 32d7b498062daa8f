"""Folders of this machine as trees of files, with the faults that such files can have."""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.disk.machine_faults import OF_NO_MODEL
from pipeline.errors import DiskError, FetchError, UntrustedSourceError
from pipeline.fetch.archive.inner_paths import is_plain_path, name_file, shorten
from pipeline.fetch.archive.tree import MAX_FILES, read_json_text
from pipeline.tfjs.model.shard_paths import split_up

# Version control and file browsers leave these in folders; they are no part of a model.
_IGNORED = {".git", ".DS_Store"}


class LocalTree:
    """The files of a folder, with those behind links that stay in it.

    Args:
        root: The folder.
        shown: The folder as messages name it, or the only file in it that is wanted.
        file: The only file in it that is wanted, which may be a link to anywhere; None for all.
    """

    def __init__(self, root: Path, *, shown: str, file: str | None = None) -> None:
        self.root = root
        self.shown = shown
        with reading(root, shown=shown):
            self.borders = Borders(root / file if file else root, shown=shown)

    def is_file(self, path: str) -> bool:
        """Return whether a path is a file, or a link to nothing, which `read` reports."""
        file = self.root / path
        with reading(self.root, shown=self.shown):
            return file.is_file() or (file.is_symlink() and not file.exists())

    def is_folder(self, path: str) -> bool:
        """Return whether a path is a folder."""
        with reading(self.root, shown=self.shown):
            return (self.root / path).is_dir()

    def list_below(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder, sorted."""
        with reading(self.root, shown=self.shown):
            paths = walk(self.root / folder, borders=self.borders)
            found = [path.relative_to(self.root).as_posix() for path in paths]
        return sorted(found)

    def list_near(self, path: str) -> Iterable[str]:
        """Return the paths of the files and folders beside a path."""
        return [
            (self.root / path).parent.joinpath(name).relative_to(self.root).as_posix()
            for name in list_names((self.root / path).parent)
        ]

    def read(self, path: str) -> bytes:
        """Return the content of a JSON file."""
        shown = self._check(path)
        with reading(self.root / path, shown=shown), (self.root / path).open("rb") as file:
            return read_json_text(file, shown=shown)

    def copy(self, path: str, target: Path) -> None:
        """Copy a file to `target`."""
        copy_file(self.root / path, target, shown=self._check(path))

    def _check(self, path: str) -> str:
        """Refuse a path that is no file; return its name in messages."""
        shown = name_file(self.shown, path)
        if stat_file(self.root / path, shown=shown) is None:
            raise missing(self.root / path, shown=shown)
        with reading(self.root / path, shown=shown):
            self.borders.check(self.root / path)
        return shown


class Borders:
    """The folder that a model's links may not leave, and the names that files in it may have.

    The path in the manifest may itself be a link to anywhere: the author of the manifest wrote
    it. Links below it may be those of a stranger who wants a file of this machine published. So may
    be shards above a model.json: a link there stays in the folder that the shard's path goes up to.

    Args:
        source: The path in the manifest: a folder, or a file whose shards lie beside it.
        shown: The source as messages name it.
    """

    def __init__(self, source: Path, *, shown: str) -> None:
        self.shown = shown
        self._source = source
        self._root = source if source.is_dir() else source.parent
        behind = Path(os.path.realpath(source))
        folders = {Path(os.path.realpath(self._root)), behind if behind.is_dir() else behind.parent}
        self._folders = tuple(folders)

    def check(self, path: Path) -> None:
        """Refuse a path that no text can show, or that leads out of the folder.

        Raises:
            UntrustedSourceError: The path is such a path.
        """
        name = path.relative_to(self._root).as_posix()
        if not is_plain_path(name):
            raise UntrustedSourceError(
                f"{self.shown}: has a file {shorten(name)}; expected names that are short and of "
                "printable characters"
            )
        behind = Path(os.path.realpath(path))
        up = split_up(name)[0]
        within = any(behind.is_relative_to(_go_up(folder, up)) for folder in self._folders)
        if path == self._source or (within and (not up or behind.suffix == path.suffix)):
            return
        if path.exists():
            raise UntrustedSourceError(
                f"{name_file(self.shown, name)}: a link that leads out of the model's folder",
                hint="copy the model with all that its links lead to: cp -RL",
            )


def _go_up(folder: Path, up: int) -> Path:
    """Return the folder so many folders up; that of the whole disk is its own."""
    for _ in range(up):
        folder = folder.parent
    return folder


def walk(folder: Path, *, borders: Borders | None = None) -> Iterator[Path]:
    """Yield all files below a folder; links are followed, but not in circles.

    Args:
        folder: The folder.
        borders: The paths that are allowed in it; None for any.

    Raises:
        OSError: A folder cannot be listed.
        UntrustedSourceError: A path is not allowed, or there are more files than in any model.
    """
    seen = set()
    num_files = 0
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=_raise):
        status = os.stat(parent)  # noqa: PTH116  # called often
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [name for name in folders if name not in _IGNORED]
        paths = [Path(parent, name) for name in files if name not in _IGNORED]
        num_files += len(paths) + len(folders)
        if borders:
            for path in [*paths, *(Path(parent, name) for name in folders)]:
                borders.check(path)
            if num_files > MAX_FILES:
                raise UntrustedSourceError(
                    f"{borders.shown}: more than {MAX_FILES} files and folders; expected one model"
                )
        yield from paths


def stat_file(path: Path, *, shown: str) -> os.stat_result | None:
    """Return size and times of a file, or of the file behind a link; None if there is none.

    Raises:
        FetchError: The path cannot be read, or is no file: reading a pipe might never end.
    """
    with reading(path, shown=shown):
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
        raise FetchError(f"{shown}: {kind}; expected a file")
    return status


def copy_file(source: Path, target: Path, *, shown: str) -> None:
    """Copy a file.

    Raises:
        FetchError: The source cannot be read.
        OSError: The target cannot be written.
    """
    with reading(source, shown=shown):
        source.open("rb").close()
    shutil.copyfile(source, target)


def missing(path: Path, *, shown: str) -> FetchError:
    """Return the error of a path where there is no file, or of a link that leads to none."""
    with contextlib.suppress(OSError):
        target = os.readlink(path)  # noqa: PTH115  # Path would change what its owner wrote
        return FetchError(f"{shown}: is a link to {target}, which is not there")
    return FetchError(f"{shown}: no such file or folder")


def list_names(folder: Path) -> list[str]:
    """Return the names in a folder; none if it cannot be listed."""
    try:
        return os.listdir(folder)  # noqa: PTH208  # called often
    except OSError:
        return []


@contextlib.contextmanager
def reading(root: Path, *, shown: str) -> Iterator[None]:
    """Turn an error of the system about a user's file or folder into our error.

    Args:
        root: The file, or a folder above it.
        shown: `root` as messages name it.

    Raises:
        DiskError: The disk failed, or a limit of the machine; the next run tries again.
        FetchError: In place of any other OSError.
    """
    try:
        yield
    except OSError as error:
        path = Path(os.fsdecode(error.filename)) if error.filename else root
        if path != root and path.is_relative_to(root):
            shown = name_file(shown, path.relative_to(root).as_posix())
        kind = DiskError if error.errno in OF_NO_MODEL else FetchError
        raise kind(f"{shown}: cannot be read: {error.strerror or error}") from None


def _raise(error: OSError) -> None:
    raise error
