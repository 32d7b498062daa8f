"""Local files: files beside the manifest that a step reads.

Every run checks them, so the check must be cheap: it compares sizes and times first, and digests
only if those changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.disk.files import digest_file

State = dict[str, list[int]]


class LocalFiles(Protocol):
    """Files beside the manifest that a step reads."""

    def state(self) -> State:
        """Return size and time of change in ns of each file, by path."""
        ...  # pragma: no cover

    def is_current(self, state: Mapping[str, list[int]]) -> bool:
        """Return whether the files still have the state given."""
        ...  # pragma: no cover

    def inputs(self) -> dict[str, str]:
        """Return the SHA-256 of each input that the files make up, by name."""
        ...  # pragma: no cover


@dataclass(frozen=True, kw_only=True)
class ListedFiles:
    """Files that the manifest names, such as those of `metadata:`.

    Attributes:
        paths: Path relative to the manifest by the name of the input.
        root: Folder of the manifest.
    """

    paths: Mapping[str, str]
    root: Path

    def state(self) -> State:
        """Return size and time of each file."""
        return file_states(self.root, self.paths.values())

    def is_current(self, state: Mapping[str, list[int]]) -> bool:
        """Return whether the files have not changed."""
        return self.state() == state

    def inputs(self) -> dict[str, str]:
        """Return the digest of each file; the step itself reports a missing file."""
        return {
            name: digest_file(self.root / path)
            for name, path in self.paths.items()
            if (self.root / path).exists()
        }


def file_states(folder: Path, paths: Iterable[str]) -> State:
    """Return size and time of change in ns of files below a folder; -1 for a missing file."""
    states = {}
    for path in paths:
        try:
            stat = (folder / path).stat()
        except OSError:
            states[path] = [-1, -1]
        else:
            states[path] = [stat.st_size, stat.st_mtime_ns]
    return states
