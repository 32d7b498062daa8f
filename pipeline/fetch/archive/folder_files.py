"""A folder of this machine as a tree of files, and what can be wrong with such files."""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.errors import FetchError, UntrustedSourceError
from pipeline.fetch.archive.tree import MAX_FILES, is_plain_path, name_file, read_json_text, shorten

# What version control and file browsers leave in folders is no part of a model.
_IGNORED = {".git", ".DS_Store"}


class LocalTree:
    """The files of a folder, links followed that stay in it.

    Args:
        root: The folder.
        shown: What the user knows it as, or the one file in it that is wanted.
        file: The one file in it that is wanted, which may be a link to anywhere; None for all.
    """

    def __init__(self, root: Path, *, shown: str, file: str | None = None) -> None:
        self.root = root
        self.shown = shown
        with reading(root, shown=shown):
            self.borders = Borders(root / file if file else root, shown=shown)

    def is_file(self, path: str) -> bool:
        """Tell whether a file is there, or a link to nothing: that is said when it is read."""
        place = self.root / path
        with reading(self.root, shown=self.shown):
            return place.is_file() or (place.is_symlink() and not place.exists())

    def is_folder(self, path: str) -> bool:
        """Tell whether a folder is there."""
        with reading(self.root, shown=self.shown):
            return (self.root / path).is_dir()

    def list_below(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder, sorted."""
        with reading(self.root, shown=self.shown):
            paths = walk(self.root / folder, borders=self.borders)
            found = [path.relative_to(self.root).as_posix() for path in paths]
        return sorted(found)

    def list_near(self, path: str) -> Iterable[str]:
        """Return what lies beside a path."""
        return [
            (self.root / path).parent.joinpath(name).relative_to(self.root).as_posix()
            for name in list_names((self.root / path).parent)
        ]

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        shown = self._check(path)
        with reading(self.root / path, shown=shown), (self.root / path).open("rb") as file:
            return read_json_text(file, shown=shown)

    def place(self, path: str, target: Path) -> None:
        """Copy a file to `target`."""
        copy_file(self.root / path, target, shown=self._check(path))

    def _check(self, path: str) -> str:
        """Refuse what is no file; return what messages call it."""
        shown = name_file(self.shown, path)
        if stat_file(self.root / path, shown=shown) is None:
            raise missing(self.root / path, shown=shown)
        with reading(self.root / path, shown=shown):
            self.borders.check(self.root / path)
        return shown


class Borders:
    """The folder that a model's links may not leave, and the names that it may hold.

    The path that the manifest names may itself be a link to anywhere: its author wrote it. Links
    below it may be a stranger's, who wants a file of this machine published.

    Args:
        source: That path: the model's folder, or its file, beside which its shards lie.
        shown: What the user knows the folder, or the one file in it, as.
    """

    def __init__(self, source: Path, *, shown: str) -> None:
        self.shown = shown
        self._source = source
        self._root = source if source.is_dir() else source.parent
        behind = Path(os.path.realpath(source))
        folders = {Path(os.path.realpath(self._root)), behind if behind.is_dir() else behind.parent}
        self._folders = tuple(folders)

    def check(self, path: Path) -> None:
        """Refuse a path of which no text can be made, or that leads out of the folder.

        Raises:
            UntrustedSourceError: It is such.
        """
        name = path.relative_to(self._root).as_posix()
        if not is_plain_path(name):
            raise UntrustedSourceError(
                f"{self.shown}: has a file {shorten(name)}; expected names that are short and of "
                "printable characters"
            )
        behind = Path(os.path.realpath(path))
        if path == self._source or any(map(behind.is_relative_to, self._folders)):
            return
        if path.exists():
            raise UntrustedSourceError(
                f"{name_file(self.shown, name)}: a link that leads out of the model's folder",
                hint="copy the model with all that its links lead to: cp -RL",
            )


def walk(folder: Path, *, borders: Borders | None = None) -> Iterator[Path]:
    """Yield all files below a folder; links are followed, but not in circles.

    Args:
        folder: The folder.
        borders: What may be in it; None for anything.

    Raises:
        OSError: A folder cannot be listed.
        UntrustedSourceError: It holds what it may not, or more than any model.
    """
    seen = set()
    num_files = 0
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=_raise):
        status = os.stat(parent)  # noqa: PTH116
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
    """Return what the system says of a file, links followed; None when nothing is there.

    Raises:
        FetchError: It cannot be looked at, or is no file: reading a pipe might never end.
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
    """Return the error that says that nothing is at a path, or nothing behind its link."""
    with contextlib.suppress(OSError):
        target = os.readlink(path)  # noqa: PTH115  # as its owner wrote it
        return FetchError(f"{shown}: is a link to {target}, which is not there")
    return FetchError(f"{shown}: no such file or folder")


def list_names(folder: Path) -> list[str]:
    """Return what lies in a folder, nothing where it cannot be listed."""
    try:
        return os.listdir(folder)  # noqa: PTH208
    except OSError:
        return []


@contextlib.contextmanager
def reading(root: Path, *, shown: str) -> Iterator[None]:
    """Turn what the system says of a user's file or folder into our error.

    Args:
        root: The file, or the folder that it is in.
        shown: What the user knows that as.

    Raises:
        FetchError: In place of any OSError.
    """
    try:
        yield
    except OSError as error:
        path = Path(os.fsdecode(error.filename)) if error.filename else root
        if path != root and path.is_relative_to(root):
            shown = name_file(shown, path.relative_to(root).as_posix())
        raise FetchError(f"{shown}: cannot be read: {error.strerror or error}") from None


def _raise(error: OSError) -> None:
    raise error
