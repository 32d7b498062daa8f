"""Generations: the record of each publish, from which a target's files are known.

The folder `generations/` in the target has these files:

    index.json           a line about each generation that is kept; the last is the current one
    000012.json          a generation: all its files with size and digest
    content/<sha256>     contents of files that are replaced in place (pages, models.json),
                         so that an earlier generation can be shown again
    pending/….json       the uploads of an unfinished publish
    locks/….json         the lease of a publisher, in a store

The index is written last: a generation that it does not name never became whole.
It opens no file.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pipeline.catalog.document import CATALOG_FILE
from pipeline.disk.canonical import format_json
from pipeline.disk.clock import parse_utc
from pipeline.disk.typed_json import InsidePath, Number, NumBytes, Sha256
from pipeline.errors import PublishError
from pipeline.publish.targets.stored_record import FOLDER, parse_record

INDEX_FILE = f"{FOLDER}/index.json"
_SCHEMA = 1


def _check_time(text: str) -> str:
    try:
        parse_utc(text)
    except ValueError:
        raise ValueError("a time such as 2026-11-29T12:00:00Z") from None
    return text


Time = Annotated[str, AfterValidator(_check_time)]
"""A time in UTC."""


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """A file as it was published.

    Attributes:
        bytes: Its size.
        sha256: Digest of its content.
        immutable: Whether the file under its path never changes.
    """

    bytes: NumBytes
    sha256: Sha256
    immutable: bool


@dataclass(frozen=True, kw_only=True)
class Generation:
    """A zoo as it was published.

    Attributes:
        number: Its number, from 1.
        published: When it was published, in UTC.
        files: All its files by path.
        rollback_of: Number of the generation that it shows again; None for a new zoo.
    """

    number: Number
    published: Time
    files: Mapping[InsidePath, PublishedFile]
    rollback_of: Number | None = None

    @property
    def catalog_sha256(self) -> str:
        """Digest of its models.json."""
        return self.files[CATALOG_FILE].sha256


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A line about a generation.

    Attributes:
        number: Its number, from 1.
        published: When it was published, in UTC.
        replaced: When the next generation was published; None for the current one.
        rollback_of: Number of the generation that it shows again; None for a new zoo.
        models: Number of models that can be loaded.
        files: Number of its files.
        bytes: Size of all its files.
    """

    number: Number
    published: Time
    replaced: Time | None
    rollback_of: Number | None
    models: Number
    files: Number
    bytes: NumBytes


@dataclass(frozen=True, kw_only=True)
class Index:
    """The generations that are kept, in order; the last one is current."""

    generations: tuple[Summary, ...] = ()

    @property
    def current(self) -> int:
        """Number of the current generation; 0 where nothing was published."""
        return self.generations[-1].number if self.generations else 0

    def add(self, generation: Generation, *, models: int) -> "Index":
        """Return the index with a new generation, which is current from now on."""
        now = generation.published
        earlier = [replace(line, replaced=line.replaced or now) for line in self.generations]
        summary = Summary(
            number=generation.number,
            published=now,
            replaced=None,
            rollback_of=generation.rollback_of,
            models=models,
            files=len(generation.files),
            bytes=sum(file.bytes for file in generation.files.values()),
        )
        return Index(generations=(*earlier, summary))


def record_file(number: int) -> str:
    """Return the path of a generation's record: "generations/000012.json"."""
    return f"{FOLDER}/{number:06d}.json"


def content_file(sha256: str) -> str:
    """Return the path of a content that is kept for a rollback: "generations/content/3f2a…"."""
    return f"{FOLDER}/content/{sha256}"


def format_index(index: Index) -> bytes:
    """Return the text of `index.json`."""
    generations = [asdict(summary) for summary in index.generations]
    return format_json({"schema": _SCHEMA, "current": index.current, "generations": generations})


def parse_index(content: bytes, *, where: str) -> Index:
    """Read `index.json`; `where` is named in the error."""
    _check_schema(content, where)
    return Index(generations=tuple(parse_record(_IndexFile, content, where=where).generations))


def format_generation(generation: Generation) -> bytes:
    """Return the text of a generation's record."""
    files = {path: vars(file) for path, file in generation.files.items()}
    record = {
        "schema": _SCHEMA,
        "number": generation.number,
        "published": generation.published,
        "rollback_of": generation.rollback_of,
        "files": files,
    }
    return format_json(record, indent=None)


def parse_generation(content: bytes, *, where: str) -> Generation:
    """Read a generation's record; `where` is named in the error."""
    _check_schema(content, where)
    record = parse_record(_GenerationFile, content, where=where)
    if CATALOG_FILE not in record.files:
        raise PublishError(f"{where}: files: has no {CATALOG_FILE}, which every zoo has")
    return Generation(
        number=record.number,
        published=record.published,
        files=record.files,
        rollback_of=record.rollback_of,
    )


class _Versioned(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    schema_version: Annotated[int, Field(alias="schema")]


class _IndexFile(_Versioned):
    generations: list[Summary]


class _GenerationFile(_Versioned):
    number: Number
    published: Time
    rollback_of: Number | None
    files: dict[InsidePath, PublishedFile]


def _check_schema(content: bytes, where: str) -> None:
    found = parse_record(_Versioned, content, where=where).schema_version
    if found != _SCHEMA:
        raise PublishError(
            f"{where}: written by another version of tfjs-zoo (schema {found}); "
            f"expected schema {_SCHEMA}",
            hint="publish with that version",
        )
