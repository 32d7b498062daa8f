"""A folder of this machine as a tree of files."""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

# What version control and file browsers leave in folders is no part of a model.
_IGNORED = {".git", ".DS_Store"}


class LocalTree:
    """The files of a folder, links followed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def is_file(self, path: str) -> bool:
        """Tell whether a file is there."""
        return (self.root / path).is_file()

    def is_folder(self, path: str) -> bool:
        """Tell whether a folder is there."""
        return (self.root / path).is_dir()

    def list_below(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder, sorted."""
        return sorted(path.relative_to(self.root).as_posix() for path in walk(self.root / folder))

    def list_near(self, path: str) -> Iterable[str]:
        """Return what lies beside a path."""
        folder = (self.root / path).parent
        found = folder.iterdir() if folder.is_dir() else ()
        return [entry.relative_to(self.root).as_posix() for entry in found]

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        return (self.root / path).read_bytes()

    def place(self, path: str, target: Path) -> None:
        """Copy a file to `target`."""
        shutil.copyfile(self.root / path, target)


def walk(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder; links are followed, but not in circles."""
    seen = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        stat = os.stat(parent)  # noqa: PTH116
        if (stat.st_dev, stat.st_ino) in seen:
            folders.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        folders[:] = [name for name in folders if name not in _IGNORED]
        yield from (Path(parent, name) for name in files if name not in _IGNORED)
