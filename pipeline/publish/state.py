"""State: what is in a place now, as far as its records and a look at it tell."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.catalog.document import CATALOG_FILE
from pipeline.disk.typed_json import WrongJsonError
from pipeline.errors import PublishError
from pipeline.publish.file_listing import parse_catalog
from pipeline.publish.generation import (
    FOLDER,
    INDEX_FILE,
    Generation,
    Index,
    PublishedFile,
    parse_generation,
    parse_index,
    record_file,
)
from pipeline.publish.journal import Pending, load_pending
from pipeline.publish.stored_record import MAX_RECORD_BYTES
from pipeline.publish.target import Target

_RECORD = re.compile(rf"{FOLDER}/(\d{{6,9}})\.json", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class State:
    """What is in a place.

    Attributes:
        present: Size of every file, by path.
        index: The generations that are kept.
        current: The generation that is shown; None where none is.
        pending: What publishes that never ended have uploaded.
        is_certain: Whether files that are replaced in place are those of `current`. They
            may not be after a publish that never ended, or where somebody else wrote them.
        catalog: The published catalog; None where there is none that can be read.
        fault: Why it cannot be read, where it is there.
    """

    present: Mapping[str, int]
    index: Index
    current: Generation | None
    pending: Pending
    is_certain: bool
    catalog: Mapping[str, Any] | None
    fault: str | None = None

    @property
    def next_number(self) -> int:
        """Number of the next generation, which no unfinished one bears."""
        return max([self.index.current, *self.records()]) + 1

    @property
    def recorded(self) -> Mapping[str, PublishedFile]:
        """What is known of the files that are there, by path."""
        return self.current.files if self.current else {}

    def records(self) -> list[int]:
        """Return the numbers of all generations that have a record, also unfinished ones."""
        return [int(match[1]) for match in map(_RECORD.fullmatch, self.present) if match]

    def has(self, path: str, file: PublishedFile) -> bool:
        """Say whether a file is there with this content."""
        if self.present.get(path) != file.bytes:
            return False
        known = self.recorded.get(path)
        if file.immutable:
            uploaded = self.pending.files.get(path)
            digests = [found.sha256 for found in (known, uploaded) if found is not None]
            # The later one holds: what was uploaded over another.
            return bool(digests) and digests[-1] == file.sha256
        return self.is_certain and known is not None and known.sha256 == file.sha256


def read_state(target: Target) -> State:
    """Look at a place.

    Raises:
        PublishError: It cannot be read, or its records are not ours.
    """
    present = target.find()
    index = load_index(target) if INDEX_FILE in present else Index()
    current = load_generation(target, index.current) if index.current else None
    content = None
    if CATALOG_FILE in present:
        content = target.read(CATALOG_FILE, limit=MAX_RECORD_BYTES)
    catalog, fault = _parse_catalog(content)
    state = State(
        present=present,
        index=index,
        current=current,
        pending=load_pending(target, present),
        is_certain=False,
        catalog=catalog,
        fault=fault,
    )
    is_ours = content is not None and current is not None
    as_recorded = is_ours and hashlib.sha256(content or b"").hexdigest() == _catalog_of(current)
    unfinished = any(number > index.current for number in state.records())
    return replace(state, is_certain=as_recorded and not unfinished)


def load_index(target: Target) -> Index:
    """Read which generations a place keeps; none where nothing was published."""
    content = target.read(INDEX_FILE, limit=MAX_RECORD_BYTES)
    if content is None:
        return Index()
    return parse_index(content, where=f"{target.shown}: {INDEX_FILE}")


def load_generation(target: Target, number: int) -> Generation:
    """Read the record of a generation.

    Raises:
        PublishError: It is gone.
    """
    path = record_file(number)
    content = target.read(path, limit=MAX_RECORD_BYTES)
    if content is None:
        raise PublishError(
            f"{target.shown}: {path} is gone, which tells the files of generation {number}",
            hint=f"remove {INDEX_FILE} too; the next publish then uploads everything",
        )
    return parse_generation(content, where=f"{target.shown}: {path}")


def _catalog_of(generation: Generation | None) -> str | None:
    return generation.catalog_sha256 if generation else None


def _parse_catalog(content: bytes | None) -> tuple[Mapping[str, Any] | None, str | None]:
    """Read a published catalog; what cannot be read tells nothing of earlier models."""
    if content is None:
        return None, None
    try:
        return parse_catalog(content), None
    except WrongJsonError as error:
        return None, str(error)
