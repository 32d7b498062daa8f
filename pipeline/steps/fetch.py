"""The step `fetch`: fetches a source to this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.disk.canonical import digest_json
from pipeline.disk.files import digest_file
from pipeline.engine.local_files import LocalFiles, State, file_states
from pipeline.engine.step import Step, Work
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.address.source_type import Source
from pipeline.manifest.model import Model
from pipeline.records.record import SparsePart
from pipeline.records.source import FetchedSource

FILES = "files"


class FetchParameters(SparsePart):
    """The parameters of `fetch`."""

    # Only if it has a meaning: another parameter would fetch all models again.
    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"hub"})

    source: str
    sha256: str | None
    hub: bool | None = None
    """Whether the address is a module of TF Hub, which its server packs on request."""


def run(work: Work[FetchParameters]) -> None:
    """Fetch a source: `files/` with the model, `source.json` with its address and digest."""
    from pipeline.fetch.fetch import fetch_source

    files = work.folder / FILES
    files.mkdir()
    fetched = fetch_source(
        parse_source(work.parameters.source, hub=bool(work.parameters.hub)),
        root=work.root,
        folder=files,
        cache=work.cache,
        sha256=work.parameters.sha256,
        progress=work.progress,
        refresh=work.refresh,
        timeout_seconds=work.budget.limits.timeout_seconds,
    )
    if fetched.note:
        work.remark(fetched.note)
    record = FetchedSource(entry=fetched.entry, uri=fetched.uri, sha256=fetched.sha256)
    record.save(work.folder)


STEP = Step(name="fetch", version=1, parameters=FetchParameters, run=run, stays=True)


def parameters(model: Model) -> FetchParameters:
    """Return the parameters of `fetch` for a model."""
    is_hub = model.input_format == "tf_hub" and parse_source(model.source).kind == "http"
    return FetchParameters(source=model.source, sha256=model.sha256, hub=is_hub or None)


def fetched_model(folder: Path) -> Path:
    """Return the path of the model in the folder of a `fetch` step."""
    return folder / FILES / FetchedSource.load(folder).entry


def local_files(model: Model, root: Path) -> LocalFiles | None:
    """Return the files of a source beside the manifest; None for a source elsewhere."""
    source = parse_source(model.source)
    return LocalSource(source=source, root=root) if source.kind == "path" else None


@dataclass(frozen=True, kw_only=True)
class LocalSource:
    """A model's own files, beside the manifest or anywhere on this machine."""

    source: Source
    root: Path

    def state(self) -> State:
        """Return size and time of each file; of a model.json also of its shards."""
        from pipeline.fetch.fetch import source_state

        return source_state(self.source, root=self.root) or {}

    def is_current(self, state: Mapping[str, list[int]]) -> bool:
        """Return whether the files have not changed; the check reads no model.json."""
        base = self.root / self.source.location
        if base.is_dir():
            return self.state() == state
        return bool(state) and file_states(base.parent, state) == state

    def inputs(self) -> dict[str, str]:
        """Return one digest of all files."""
        base = self.root / self.source.location
        folder = base if base.is_dir() else base.parent
        found = {
            path: digest_file(folder / path) for path in self.state() if (folder / path).exists()
        }
        return {"source": digest_json(found)}
