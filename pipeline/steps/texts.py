"""The step `texts`: fetches labels, tokenizers and model cards that lie elsewhere."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.engine.local_files import ListedFiles, LocalFiles
from pipeline.engine.step import Step, Work
from pipeline.errors import FetchError
from pipeline.fetch.address.beside import find_beside, is_address
from pipeline.fetch.address.source import parse_source
from pipeline.manifest.model import Model
from pipeline.records.record import Part
from pipeline.records.texts import FetchedTexts

NAME = "texts"


class TextsParameters(Part):
    """The parameters of `texts`."""

    addresses: tuple[str, ...]
    """Addresses of the files, in the form of sources, each once."""


def run(work: Work[TextsParameters]) -> None:
    """Fetch the files: a folder for each, and `texts.json` with their paths."""
    addresses = work.parameters.addresses
    found = {address: _fetch(work, str(i), address) for i, address in enumerate(addresses)}
    FetchedTexts(files=found).save(work.folder)


def _fetch(work: Work[TextsParameters], name: str, address: str) -> str:
    """Return the path of a file, relative to the step's folder, once it is there."""
    from pipeline.fetch.fetch import fetch_source

    folder = work.folder / name
    folder.mkdir()
    fetched = fetch_source(
        parse_source(address),
        root=work.root,
        folder=folder,
        cache=work.cache,
        sha256=None,
        progress=work.progress,
        refresh=work.refresh,
        timeout_seconds=work.budget.limits.timeout_seconds,
    )
    if fetched.note:
        work.remark(fetched.note)
    if not (folder / fetched.entry).is_file():
        raise FetchError(f"{fetched.uri}: a folder; expected a file")
    return f"{name}/{fetched.entry}"


STEP = Step(name=NAME, version=1, parameters=TextsParameters, run=run)


def parameters(model: Model) -> TextsParameters | Mapping[str, Part]:
    """Return the parameters of `texts` for a model; none where it needs no such file."""
    addresses = _list_addresses(model)
    return TextsParameters(addresses=addresses) if addresses else {}


def needs(model: Model, _variant: str | None = None) -> tuple[str, ...]:
    """Return the step itself, for those that read it, where the model has it."""
    return (NAME,) if _list_addresses(model) else ()


def is_refreshable(model: Model) -> bool:
    """Return whether one of the files may change at its address."""
    return any(parse_source(address).refreshable for address in _list_addresses(model))


def local_files(model: Model, root: Path) -> LocalFiles | None:
    """Return the archives beside the manifest that it reads; None if it reads none."""
    sources = [(address, parse_source(address)) for address in _list_addresses(model)]
    paths = {address: one.location for address, one in sources if one.kind == "path"}
    return ListedFiles(paths=paths, root=root) if paths else None


def _list_addresses(model: Model) -> tuple[str, ...]:
    stated = model.labels
    given: Iterable[Any] = stated.values() if isinstance(stated, dict) else [stated]
    named = [*given, model.tokenizer, model.card]
    found = [find_beside(one, model.source) for one in named if is_text(one)]
    return tuple(dict.fromkeys(found))


def is_text(given: Any) -> bool:
    """Return whether a field of the manifest has an address."""
    return isinstance(given, str) and is_address(given)
