"""The step `catalog`: assembles `models.json` from the cards of all models."""

import hashlib
from collections.abc import Iterator
from typing import Any, ClassVar

from pipeline.catalog.entries import model_entry, read_since
from pipeline.catalog.types import CatalogModel, CatalogZoo, ModelIdentity
from pipeline.catalog.verdict_words import ModelVerdicts, judge_model
from pipeline.disk.canonical import digest_json
from pipeline.disk.versions import digest_program
from pipeline.engine.job import Job, digest_outcome
from pipeline.engine.step import Step, Work
from pipeline.errors import DamagedFileError
from pipeline.fetch.address.source import parse_source
from pipeline.manifest.zoo import Zoo
from pipeline.records.record import Part, Record
from pipeline.steps.card import identify
from pipeline.steps.dist import Projected, list_file, save_projection


class ListedModel(Part):
    """A model of the manifest."""

    identity: ModelIdentity
    uri: str
    """Its source, without credentials."""


class ListedFile(Part):
    """A file that belongs in dist/: see `pipeline.steps.dist.Projected`."""

    path: str
    source: str
    bytes: int
    sha256: str


class CatalogParameters(Part):
    """The parameters of `catalog`."""

    zoo: CatalogZoo
    models: dict[str, ListedModel]


class Piece(Part):
    """The part of a model in the result."""

    key: str
    """Digest of all that decides it."""
    verdicts: ModelVerdicts
    """How its variants were judged."""
    files: tuple[ListedFile, ...]
    """Its files in dist/."""


class Pieces(Record):
    """The parts of all models; the next catalog takes over those that stay as they are."""

    FILE: ClassVar[str] = "pieces.json"

    program: str
    """Digest of the program that made them."""
    models: dict[str, Piece]


def run(work: Work[CatalogParameters]) -> None:
    """Assemble `models.json`, and list every file of dist/ in `projection.json`."""
    from pipeline.catalog.document import CATALOG_FILE, SCHEMA_FILE, build_catalog, format_schema
    from pipeline.catalog.texts import join_entries

    work.uses(*STEP.tools)
    earlier = _load_earlier(work)
    pieces: dict[str, Piece] = {}
    texts: list[bytes] = []
    for name in sorted(work.parameters.models):
        key = _digest_model(work, name)
        piece, text = earlier.get(name, (None, b""))
        if piece is None or piece.key != key:
            piece, text = _make_piece(work, name, key)
        pieces[name] = piece
        texts.append(text)
    head = build_catalog((), zoo=work.parameters.zoo, toolchain=work.tools)
    (work.folder / CATALOG_FILE).write_bytes(join_entries(head, texts))
    (work.folder / SCHEMA_FILE).write_bytes(format_schema())
    Pieces(program=digest_program(), models=pieces).save(work.folder)
    projection = [Projected(**vars(file)) for piece in pieces.values() for file in piece.files]
    projection += [
        list_file(work.folder / name, name, source=f"catalog/{name}")
        for name in (CATALOG_FILE, SCHEMA_FILE)
    ]
    save_projection(work.folder, projection)


def _load_earlier(work: Work[CatalogParameters]) -> dict[str, tuple[Piece, bytes]]:
    """Return the parts of the last catalog, each with its text; none if it cannot be trusted."""
    from pipeline.catalog.document import CATALOG_FILE
    from pipeline.catalog.texts import split_entries

    if work.earlier is None:
        return {}
    try:
        pieces = Pieces.load(work.earlier.folder)
        content = (work.earlier.folder / CATALOG_FILE).read_bytes()
    except (OSError, DamagedFileError):
        return {}
    texts = split_entries(content)
    whole = hashlib.sha256(content).hexdigest() == work.earlier.digests.get(CATALOG_FILE)
    if pieces.program != digest_program() or len(texts) != len(pieces.models) or not whole:
        return {}
    named = zip(sorted(pieces.models), texts, strict=True)
    return {name: (pieces.models[name], text) for name, text in named}


def _digest_model(work: Work[CatalogParameters], name: str) -> str:
    """Return the digest of all that decides a model's part; the manifest only without a card."""
    key = f"card:{name}"
    parts: list[Any] = [work.digests.get(key)]
    outcome = work.outcomes.get(key)
    if outcome is None or outcome.status != "ok":
        since = work.inputs[key].with_name("card.since.json")
        parts += [work.parameters.models[name].to_json(), read_since(since)]
    return digest_json(parts)


def _make_piece(work: Work[CatalogParameters], name: str, key: str) -> tuple[Piece, bytes]:
    """Return a model's part and its text, from its card."""
    from pipeline.catalog.texts import format_entry

    model = work.parameters.models[name]
    card = f"card:{name}"
    entry = model_entry(work.inputs[card], work.outcomes.get(card), model.identity, uri=model.uri)
    files = tuple(ListedFile(**vars(file)) for file in _list_model(work, entry))
    return Piece(key=key, verdicts=judge_model(entry), files=files), format_entry(entry)


def recall_verdicts(job: Job) -> dict[str, ModelVerdicts]:
    """Return how models were judged, if the catalog has them as their cards are now.

    Args:
        job: The job of the catalog.
    """
    try:
        pieces = Pieces.load(job.folder).models
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
    version=1,
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
    from pipeline.catalog.card import model_folder

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
