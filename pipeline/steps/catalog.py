"""The step `catalog`: assembles `models.json` from the cards of all models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.catalog.card import model_folder
from pipeline.catalog.document import CATALOG_FILE, SCHEMA_FILE, build_catalog, format_schema
from pipeline.catalog.entries import model_entry, read_since
from pipeline.catalog.pieces import PIECES_FILE, CatalogWriter, Piece, load_pieces, texts_of
from pipeline.catalog.texts import CatalogTexts, format_entry
from pipeline.catalog.types import CatalogModel, CatalogZoo, ModelIdentity
from pipeline.catalog.verdict_words import ModelVerdicts, judge_model
from pipeline.disk.canonical import digest_bytes, digest_json
from pipeline.disk.versions import digest_program
from pipeline.engine.job import Job, digest_outcome
from pipeline.engine.step import Step, Work
from pipeline.errors import DamagedFileError
from pipeline.fetch.address.source import parse_source
from pipeline.manifest.zoo import Zoo
from pipeline.records.record import Part
from pipeline.steps.card import identify
from pipeline.steps.projection import (
    PROJECTION_FILE,
    Projected,
    Projection,
    format_files,
    list_by_model,
    list_file,
    model_of_path,
    read_lists,
    write_lists,
)

# In the path of each shard that models share: models/text/weights/0123456789abcdef.bin.
_SHARED = b"/weights/"


class ListedModel(Part):
    """A model of the manifest."""

    identity: ModelIdentity
    uri: str
    """Its source, without credentials."""


class CatalogParameters(Part):
    """The parameters of `catalog`."""

    zoo: CatalogZoo
    models: dict[str, ListedModel]


@dataclass(frozen=True, kw_only=True)
class _Made:
    """The part of a model: its piece, the text of its entry, and its files in the projection."""

    piece: Piece
    text: bytes
    files: bytes
    shared: Sequence[Projected] = ()
    """Shards that it has in common with others, in another folder than its own."""


def run(work: Work[CatalogParameters]) -> None:
    """Assemble `models.json`, and list every file of dist/ in `projection.json`."""
    work.uses(*STEP.tools)
    earlier = _load_earlier(work)
    lists: dict[str, bytes] = {}
    shared: dict[str, Projected] = {}
    head = build_catalog((), zoo=work.parameters.zoo, toolchain=work.tools)
    names = sorted(work.parameters.models)
    with CatalogWriter(work.folder, head, is_empty=not names) as writer:
        for name in names:
            key = _digest_model(work, name)
            made = (earlier and earlier.keep(name, key)) or _make(work, name, key)
            writer.add(name, made.piece, made.text)
            lists[name] = made.files
            shared |= {file.path: file for file in made.shared}
    (work.folder / SCHEMA_FILE).write_bytes(format_schema())
    own = (
        list_file(work.folder / name, name, source=f"catalog/{name}")
        for name in (CATALOG_FILE, SCHEMA_FILE)
    )
    for family, some in list_by_model(shared.values()).lines.items():
        # A model may have the name of a family, too.
        own_lines = (lists[family],) if family in lists else ()
        joined = Projection(lines={family: (*own_lines, *some)}).files(family)
        lists[family] = format_files(joined)
    write_lists(work.folder, {**lists, "": format_files(own)})


@dataclass(frozen=True, kw_only=True)
class _Earlier:
    """The parts of the last catalog."""

    pieces: Mapping[str, Piece]
    texts: CatalogTexts
    lists: Mapping[str, bytes]

    def keep(self, name: str, key: str) -> _Made | None:
        """Return the part of a model if it would be the same; else None."""
        piece = self.pieces.get(name)
        if (
            piece is None
            or piece.key != key
            or piece.shares
            or _SHARED in self.lists.get(name, b"")
        ):
            return None
        try:
            return _Made(piece=piece, text=self.texts.read(name), files=self.lists[name])
        except (OSError, DamagedFileError):
            return None


def _load_earlier(work: Work[CatalogParameters]) -> _Earlier | None:
    """Return the parts of the last catalog; None if they cannot be trusted."""
    if work.earlier is None:
        return None
    folder = work.earlier.folder
    try:
        if any(not work.earlier.has(name) for name in (PIECES_FILE, PROJECTION_FILE)):
            return None
        pieces = load_pieces(folder)
        lists = read_lists(folder / PROJECTION_FILE)
    except (OSError, DamagedFileError):
        return None
    if pieces.frame.program != digest_program():
        return None
    return _Earlier(pieces=pieces.models, texts=texts_of(pieces, folder), lists=lists)


def _digest_model(work: Work[CatalogParameters], name: str) -> str:
    """Return the digest of all that decides a model's part; the manifest only without a card."""
    key = f"card:{name}"
    parts: list[Any] = [work.digests.get(key)]
    outcome = work.outcomes.get(key)
    if outcome is None or outcome.status != "ok":
        since = work.inputs[key].with_name("card.since.json")
        parts += [work.parameters.models[name].to_json(), read_since(since)]
    return digest_json(parts)


def _make(work: Work[CatalogParameters], name: str, key: str) -> _Made:
    """Return a model's part, from its card."""
    model = work.parameters.models[name]
    card = f"card:{name}"
    entry = model_entry(work.inputs[card], work.outcomes.get(card), model.identity, uri=model.uri)
    text = format_entry(entry)
    files = list(_list_model(work, entry))
    shared = [file for file in files if model_of_path(file.path) != name]
    piece = Piece(
        key=key,
        bytes=len(text),
        sha256=digest_bytes(text),
        verdicts=judge_model(entry),
        shares=bool(shared),
    )
    own = format_files(file for file in files if model_of_path(file.path) == name)
    return _Made(piece=piece, text=text, files=own, shared=shared)


def recall_verdicts(job: Job) -> dict[str, ModelVerdicts]:
    """Return how models were judged, if the catalog has them as their cards are now.

    Args:
        job: The job of the catalog.
    """
    try:
        pieces = load_pieces(job.folder).models
    except (OSError, DamagedFileError):
        return {}
    cards = ((name, job.reads.get(f"card:{name}")) for name in pieces)
    return {
        name: pieces[name].verdicts
        for name, read in cards
        if read is not None and pieces[name].key == digest_json([digest_outcome(read.outcome_file)])
    }


STEP = Step(
    name="catalog",
    version=2,
    parameters=CatalogParameters,
    run=run,
    accepts=("card",),
    tools=frozenset({"tensorflow", "tensorflowjs", "tfjs", "tfjs-zoo"}),
    stays=True,
)


def parameters(zoo: Zoo) -> CatalogParameters:
    """Return the parameters of `catalog`."""
    return CatalogParameters(
        zoo=CatalogZoo(name=zoo.name, description=zoo.description, homepage=zoo.homepage),
        models={
            model.name: ListedModel(identity=identify(model), uri=parse_source(model.source).uri)
            for model in zoo.models
        },
    )


def _list_model(work: Work[CatalogParameters], entry: CatalogModel) -> Iterator[Projected]:
    """List the files of dist/ that belong to a model: its variants, their aliases, the others."""
    folder, build = model_folder(entry.name), f"build/{entry.name}/card"
    for file in (*entry.shared_files, *(file for made in entry.variants for file in made.files)):
        inside = file.path.removeprefix(f"{folder}/")
        yield Projected(
            path=file.path, source=f"{build}/{inside}", bytes=file.bytes, sha256=file.sha256
        )
    for made in entry.variants:
        if made.files:
            alias = f"{made.name}/model.json"
            path = work.inputs[f"card:{entry.name}"] / alias
            yield list_file(path, f"{folder}/{alias}", source=f"{build}/{alias}")
