"""Eviction: what a store holds, and the removal of what was not used for long. Readers may go on.

A document goes before its blobs, and a blob only if no document that stays names it and it was not
written for a day. A writer relies on a blob for half of that time, and else writes it anew. So what
a writer has just put there is whole; a reader who comes too late has no result, and its step runs.
All ages are by the store's own clock.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from pipeline.disk.typed_json import WrongJsonError
from pipeline.store.blob_writer import REUSE_SECONDS
from pipeline.store.store_files import PART_SUFFIX, FoundFile, StoreFiles
from pipeline.store.stored_result import (
    BLOBS,
    MAX_DOCUMENT_BYTES,
    RESULTS,
    StoredDocument,
    blob_path,
    parse_document,
)

GRACE_SECONDS = 2 * REUSE_SECONDS
_THREADS = 8

T = TypeVar("T")
R = TypeVar("R")


@dataclass(kw_only=True)
class StepUse:
    """The results of one step in a store.

    Attributes:
        num_results: Their number.
        newest: Seconds since the last use of the one that was used last; None if unknown.
        oldest: Seconds since the last use of the one that was not used for longest.
    """

    num_results: int = 0
    newest: float | None = None
    oldest: float | None = None


@dataclass(kw_only=True)
class Survey:
    """What a store holds.

    Attributes:
        steps: The results by the name of their step.
        num_files: Number of all files.
        num_bytes: Bytes of all files.
    """

    steps: dict[str, StepUse] = field(default_factory=dict)
    num_files: int = 0
    num_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Evicted:
    """What an eviction removed, and what it left.

    Attributes:
        num_results: Number of results that it removed.
        num_freed: Bytes of all files that it removed.
        num_left: Bytes of all files that it left.
        num_young: Bytes among these that no result needs, and that are too young to be removed.
    """

    num_results: int
    num_freed: int
    num_left: int
    num_young: int


def survey_store(files: StoreFiles) -> Survey:
    """Return what a store holds; ages are by this machine's clock, as nothing is written.

    Raises:
        StoreError: The store fails.
    """
    now = time.time()
    survey = Survey()
    for found in files.walk(BLOBS):
        survey.num_files += 1
        survey.num_bytes += found.size
    for found in files.walk(RESULTS):
        survey.num_files += 1
        survey.num_bytes += found.size
        if not _is_part(found):
            step = found.path.rpartition("/")[2].partition("-")[0]
            _add_use(survey.steps.setdefault(step, StepUse()), found, now)
    return survey


def evict(
    files: StoreFiles, *, keep_seconds: float, max_bytes: int | None, dry_run: bool = False
) -> Evicted:
    """Remove results that were not used for long, and beyond a size those not used for longest.

    Args:
        files: The files of the store.
        keep_seconds: How long a result stays after its last use.
        max_bytes: Size that the store may have; None for any.
        dry_run: Whether nothing is removed.

    Raises:
        StoreError: The store fails. What was removed until then is removed.
    """
    now = time.time() + (files.measure_clock() or 0.0)
    # Blobs are listed before documents: what is put there meanwhile is young.
    blobs = {found.path: found for found in files.walk(BLOBS)}
    listed = list(files.walk(RESULTS))
    documents = [found for found in listed if not _is_part(found)]
    choice = _choose(files, documents, blobs, now, keep_seconds, max_bytes)
    gone = choice.evicted if dry_run else list(_each(_removal(files), choice.evicted))
    for found in set(choice.evicted) - set(gone):
        # Somebody used it meanwhile.
        choice.needed.update(_name_blobs(_load(files, found)))
    free = [found for path, found in blobs.items() if path not in choice.needed]
    free += filter(_is_part, listed)
    old = [found for found in free if _age(found, now) >= GRACE_SECONDS]
    removed = old if dry_run else list(_each(_removal(files), old))
    freed = _size([*gone, *removed])
    return Evicted(
        num_results=len(gone),
        num_freed=freed,
        num_left=_size([*blobs.values(), *listed]) - freed,
        num_young=_size(free) - _size(old),
    )


@dataclass(kw_only=True)
class _Choice:
    """The documents to remove, and the paths of the blobs that the others need."""

    evicted: list[FoundFile] = field(default_factory=list)
    needed: set[str] = field(default_factory=set)


def _choose(  # noqa: PLR0913, PLR0917  # the store, and both limits
    files: StoreFiles,
    documents: Iterable[FoundFile],
    blobs: dict[str, FoundFile],
    now: float,
    keep_seconds: float,
    max_bytes: int | None,
) -> _Choice:
    """Choose the documents to remove: the old ones, and those for which there is no room."""
    choice = _Choice()
    by_age = sorted(documents, key=lambda found: _age(found, now))
    young = [found for found in by_age if _age(found, now) < keep_seconds]
    choice.evicted += by_age[len(young) :]
    total, is_full = 0, False
    loaded = _each_in_order(lambda found: _load(files, found), young)
    for found, document in zip(young, loaded, strict=True):
        if document is None and _age(found, now) >= GRACE_SECONDS:
            choice.evicted.append(found)
            continue
        more = _name_blobs(document) - choice.needed
        total += found.size + _size(blobs[path] for path in more if path in blobs)
        is_full = is_full or (max_bytes is not None and total > max_bytes)
        if is_full:
            choice.evicted.append(found)
        else:
            choice.needed |= more
    return choice


def _load(files: StoreFiles, found: FoundFile) -> StoredDocument | None:
    """Read a document; None if it is damaged or gone."""
    content = files.read(found.path, limit=MAX_DOCUMENT_BYTES)
    try:
        return None if content is None else parse_document(content)
    except WrongJsonError:
        return None


def _name_blobs(document: StoredDocument | None) -> set[str]:
    """Return the paths of the blobs that a document names."""
    results = document.results if document else ()
    return {blob_path(file.sha256) for one in results for file in one.files if file.content is None}


def _removal(files: StoreFiles) -> Callable[[FoundFile], FoundFile | None]:
    """Return a function that removes a file, unless it was written since it was listed."""

    def remove(found: FoundFile) -> FoundFile | None:
        now = files.find(found.path)
        if now is None or now.modified != found.modified:
            return None
        files.remove(found.path)
        return found

    return remove


def _each(
    function: Callable[[FoundFile], FoundFile | None], found: Sequence[FoundFile]
) -> Iterator[FoundFile]:
    """Call a function for each file, some at a time; yield what it returns, without None."""
    return (one for one in _each_in_order(function, found) if one is not None)


def _each_in_order(function: Callable[[T], R], values: Sequence[T]) -> Iterator[R]:
    with ThreadPoolExecutor(_THREADS) as pool:
        yield from pool.map(function, values)


def _add_use(use: StepUse, found: FoundFile, now: float) -> None:
    use.num_results += 1
    if found.modified is not None:
        age = max(0.0, now - found.modified)
        use.newest = age if use.newest is None else min(use.newest, age)
        use.oldest = age if use.oldest is None else max(use.oldest, age)


def _age(found: FoundFile, now: float) -> float:
    """Return the seconds since a file was written; 0 if the store does not say."""
    return 0.0 if found.modified is None else now - found.modified


def _is_part(found: FoundFile) -> bool:
    """Return whether a file is what a killed writer left."""
    return found.path.endswith(PART_SUFFIX)


def _size(found: Iterable[FoundFile]) -> int:
    return sum(one.size for one in found)
