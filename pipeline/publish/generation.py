"""Generations: what was published when, so that what is there is known and can come back.

Beside the zoo lies the folder `generations/`:

    index.json           which generation is shown, and a line about each that is kept
    000012.json          a generation: all its files with size and digest
    content/<sha256>     contents of files that are replaced in place (pages, models.json),
                         so that an earlier generation can be shown again
    pending/….json       what an unfinished publish has uploaded so far

The index is written when all else is done: what it does not name never became whole.
It opens no file.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from pipeline.canonical import format_json
from pipeline.catalog import CATALOG_FILE
from pipeline.errors import PublishError

FOLDER = "generations"
INDEX_FILE = f"{FOLDER}/index.json"
_SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """A file as it was published.

    Attributes:
        bytes: Its size.
        sha256: Digest of its content.
        immutable: Whether it keeps this content for ever under its path.
    """

    bytes: int
    sha256: str
    immutable: bool


@dataclass(frozen=True, kw_only=True)
class Generation:
    """A zoo as it was published.

    Attributes:
        number: Counts up from 1.
        published: When, in UTC.
        files: All its files by path.
        rollback_of: The generation that it shows again, if it does.
    """

    number: int
    published: str
    files: Mapping[str, PublishedFile]
    rollback_of: int | None = None

    @property
    def catalog_sha256(self) -> str:
        """Digest of its models.json."""
        return self.files[CATALOG_FILE].sha256


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A line about a generation.

    Attributes:
        number: Counts up from 1.
        published: When, in UTC.
        replaced: When the next one was published; None for the one that is shown.
        rollback_of: The generation that it shows again, if it does.
        models: Number of models that it offers.
        files: Number of its files.
        bytes: Size of them all.
    """

    number: int
    published: str
    replaced: str | None
    rollback_of: int | None
    models: int
    files: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Index:
    """The generations that are kept, in order; the last one is shown."""

    generations: tuple[Summary, ...] = ()

    @property
    def current(self) -> int:
        """Number of the generation that is shown; 0 where none is."""
        return self.generations[-1].number if self.generations else 0

    def add(self, generation: Generation, *, models: int) -> "Index":
        """Return the index with a generation that is shown from now on."""
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
    """Return the path of a generation's record."""
    return f"{FOLDER}/{number:06d}.json"


def content_file(sha256: str) -> str:
    """Return the path where a content is kept for a rollback."""
    return f"{FOLDER}/content/{sha256}"


def format_index(index: Index) -> bytes:
    """Return the text of `index.json`."""
    generations = [asdict(summary) for summary in index.generations]
    return format_json({"schema": _SCHEMA, "current": index.current, "generations": generations})


def parse_index(content: bytes, *, where: str) -> Index:
    """Read `index.json`; `where` is named in the error."""
    wire = _parse(content, where)
    try:
        return Index(generations=tuple(Summary(**line) for line in wire["generations"]))
    except (TypeError, KeyError):
        raise _unreadable(where) from None


def format_generation(generation: Generation) -> bytes:
    """Return the text of a generation's record."""
    files = {path: asdict(file) for path, file in generation.files.items()}
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
    wire = _parse(content, where)
    try:
        return Generation(
            number=wire["number"],
            published=wire["published"],
            rollback_of=wire["rollback_of"],
            files={path: PublishedFile(**file) for path, file in wire["files"].items()},
        )
    except (TypeError, KeyError, AttributeError):
        raise _unreadable(where) from None


def _parse(content: bytes, where: str) -> dict[str, Any]:
    try:
        wire = json.loads(content)
    except ValueError:
        raise _unreadable(where) from None
    if not isinstance(wire, dict):
        raise _unreadable(where)
    if wire.get("schema") != _SCHEMA:
        raise PublishError(
            f"{where}: written by another version of tfjs-zoo (schema {wire.get('schema')}); "
            f"expected schema {_SCHEMA}",
            hint="publish with that version",
        )
    return wire


def _unreadable(where: str) -> PublishError:
    return PublishError(
        f"{where}: is no record of what was published",
        hint="remove it, and the next publish uploads everything; generations before it are lost",
    )
