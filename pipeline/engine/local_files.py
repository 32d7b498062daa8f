"""Local files that a step reads beside the results of other steps.

A model's files may lie beside the manifest, and so may the values of `metadata:`. They are
looked at in every run, so looking has to be cheap: sizes and times first, digests only
where those changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipeline.disk.canonical import digest_json
from pipeline.disk.files import digest_file
from pipeline.fetch.address.source import Source, parse_source
from pipeline.fetch.fetch import source_state
from pipeline.manifest.model import Model

State = dict[str, list[int]]


class LocalFiles(Protocol):
    """Files beside the manifest that a step reads."""

    def state(self) -> State:
        """Return size and time of change in ns of each, by path."""
        ...  # pragma: no cover

    def is_current(self, state: Mapping[str, list[int]]) -> bool:
        """Tell whether the files are still as they were in a state."""
        ...  # pragma: no cover

    def inputs(self) -> dict[str, str]:
        """Return the SHA-256 of each input that they make up, by name."""
        ...  # pragma: no cover


@dataclass(frozen=True, kw_only=True)
class LocalSource:
    """A model's own files, beside the manifest or anywhere on this machine."""

    source: Source
    root: Path

    def state(self) -> State:
        """Return size and time of each file; of a model.json also of its shards."""
        return source_state(self.source, root=self.root) or {}

    def is_current(self, state: Mapping[str, list[int]]) -> bool:
        """Tell whether the files are still the same; a model.json is not read for that."""
        base = self.root / self.source.location
        if base.is_dir():
            return self.state() == state
        return bool(state) and _states(base.parent, state) == state

    def inputs(self) -> dict[str, str]:
        """Return one digest of all files."""
        base = self.root / self.source.location
        folder = base if base.is_dir() else base.parent
        found = {
            path: digest_file(folder / path) for path in self.state() if (folder / path).exists()
        }
        return {"source": digest_json(found)}


@dataclass(frozen=True, kw_only=True)
class ListedFiles:
    """Files that the manifest names: of `metadata:`, of `test_inputs:`.

    Attributes:
        paths: Path relative to the manifest by the name of the input.
        root: Folder of the manifest.
    """

    paths: Mapping[str, str]
    root: Path

    def state(self) -> State:
        """Return size and time of each."""
        return _states(self.root, self.paths.values())

    def is_current(self, state: Mapping[str, list[int]]) -> bool:
        """Tell whether they are still the same."""
        return self.state() == state

    def inputs(self) -> dict[str, str]:
        """Return the digest of each; a missing one is the step's to report."""
        return {
            name: digest_file(self.root / path)
            for name, path in self.paths.items()
            if (self.root / path).exists()
        }


def local_files(step: str, model: Model, root: Path) -> LocalFiles | None:
    """Return the local files that a step of a model reads; None where it reads none."""
    if step == "fetch":
        source = parse_source(model.source)
        return LocalSource(source=source, root=root) if source.kind == "path" else None
    if step == "convert":
        named = {f"metadata.{name}": value for name, value in model.metadata.items()}
        paths = {name: value for name, value in named.items() if isinstance(value, str)}
        return ListedFiles(paths=paths, root=root) if paths else None
    if step == "reference" and model.test_inputs:
        from pipeline.proof.inputs.test_inputs import list_files  # noqa: PLC0415  # it needs numpy

        paths = {f"test_inputs {path}": path for path in list_files(model.test_inputs)}
        return ListedFiles(paths=paths, root=root)
    return None


def _states(folder: Path, paths: Any) -> State:
    states = {}
    for path in paths:
        try:
            stat = (folder / path).stat()
        except OSError:
            states[path] = [-1, -1]
        else:
            states[path] = [stat.st_size, stat.st_mtime_ns]
    return states
