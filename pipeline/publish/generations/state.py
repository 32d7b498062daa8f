"""The state of a target: its files, and the records of what was published."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline.catalog.document import CATALOG_FILE
from pipeline.disk.canonical import digest_bytes
from pipeline.disk.typed_json import WrongJsonError
from pipeline.errors import PublishError
from pipeline.publish.generations.file_listing import PublishedCatalog, parse_published
from pipeline.publish.generations.generation import (
    INDEX_FILE,
    Generation,
    Index,
    PublishedFile,
    parse_generation,
    parse_index,
    record_file,
)
from pipeline.publish.generations.journal import Pending, load_pending
from pipeline.publish.targets.stored_record import FOLDER, MAX_RECORD_BYTES
from pipeline.publish.targets.target import Target

_RECORD = re.compile(rf"{FOLDER}/(\d{{6,9}})\.json", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class State:
    """The state of a target.

    Attributes:
        present: Size of every file, by path.
        index: The generations that are kept.
        current: The current generation; None where nothing was published.
        pending: The uploads of publishes that never ended.
        is_certain: Whether the files that are replaced in place are those of `current`. They
            may differ after a publish that never ended, or where somebody else wrote them.
        is_recorded: Whether the published catalog is that of `current`.
    """

    present: Mapping[str, int]
    index: Index
    current: Generation | None
    pending: Pending
    is_certain: bool
    is_recorded: bool

    @property
    def next_number(self) -> int:
        """Number of the next generation; no unfinished generation has it."""
        return max([self.index.current, *self.records()]) + 1

    @property
    def recorded(self) -> Mapping[str, PublishedFile]:
        """The files of the current generation, by path."""
        return self.current.files if self.current else {}

    def records(self) -> list[int]:
        """Return the numbers of all generations that have a record, unfinished ones too."""
        return [int(match[1]) for match in map(_RECORD.fullmatch, self.present) if match]

    def has(self, path: str, file: PublishedFile) -> bool:
        """Say whether the target has a file with this content."""
        if self.present.get(path) != file.bytes:
            return False
        known = self.recorded.get(path)
        if file.immutable:
            uploaded = self.pending.files.get(path)
            digests = [found.sha256 for found in (known, uploaded) if found is not None]
            # The later upload replaced the earlier one.
            return bool(digests) and digests[-1] == file.sha256
        return self.is_certain and known is not None and known.sha256 == file.sha256


def read_state(target: Target) -> State:
    """Return the state of a target.

    Raises:
        PublishError: The target cannot be read, or its records are not ours.
    """
    present = target.find()
    index = load_index(target) if INDEX_FILE in present else Index()
    current = load_generation(target, index.current) if index.current else None
    state = State(
        present=present,
        index=index,
        current=current,
        pending=load_pending(target, present),
        is_certain=False,
        is_recorded=_is_recorded(target, present, current),
    )
    unfinished = any(number > index.current for number in state.records())
    return replace(state, is_certain=state.is_recorded and not unfinished)


def _is_recorded(target: Target, present: Mapping[str, int], current: Generation | None) -> bool:
    if current is None or CATALOG_FILE not in present:
        return False
    content = target.read(CATALOG_FILE, limit=MAX_RECORD_BYTES)
    return content is not None and digest_bytes(content) == current.catalog_sha256


def load_published(target: Target) -> tuple[PublishedCatalog | None, str | None]:
    """Return the published catalog, and the fault of a catalog that cannot be read.

    Returns:
        The catalog, None where it is missing or cannot be read; why it cannot be read, None where
        it is read, or missing.
    """
    content = target.read(CATALOG_FILE, limit=MAX_RECORD_BYTES)
    try:
        return (None if content is None else parse_published(content)), None
    except WrongJsonError as error:
        return None, str(error)


def load_index(target: Target) -> Index:
    """Read the index of a target's generations; it is empty where nothing was published."""
    content = target.read(INDEX_FILE, limit=MAX_RECORD_BYTES)
    if content is None:
        return Index()
    return parse_index(content, where=f"{target.shown}: {INDEX_FILE}")


def load_generation(target: Target, number: int) -> Generation:
    """Read the record of a generation.

    Raises:
        PublishError: The record is gone.
    """
    path = record_file(number)
    content = target.read(path, limit=MAX_RECORD_BYTES)
    if content is None:
        raise PublishError(
            f"{target.shown}: {path} is gone, which tells the files of generation {number}",
            hint=f"remove {INDEX_FILE} too; the next publish then uploads everything",
        )
    return parse_generation(content, where=f"{target.shown}: {path}")
