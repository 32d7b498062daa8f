"""Pruning: files of old generations are removed from a target.

A generation is kept for some days after another replaced it, so that it can be shown again and
a reader who holds its catalog finds its files. Only files that a publish wrote are removed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.errors import PublishError
from pipeline.publish.generations.generation import (
    INDEX_FILE,
    Generation,
    Index,
    Summary,
    content_file,
    format_index,
    record_file,
)
from pipeline.publish.generations.journal import Journal
from pipeline.publish.generations.state import State, load_generation, read_state
from pipeline.publish.headers import find_headers
from pipeline.publish.targets.target import Notify, Target

KEEP_DAYS = 30
_CONTENTS = content_file("")


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """The result of a prune, or of its preview.

    Attributes:
        generations: Numbers of the generations that are kept no longer.
        files: Size of each removed file, by path.
    """

    generations: tuple[int, ...]
    files: Mapping[str, int]


def prune_target(
    target: Target,
    *,
    keep_days: float,
    now: datetime | None = None,
    dry_run: bool,
    notify: Notify,
) -> Pruned:
    """Remove files of generations that were replaced long enough ago.

    Args:
        target: The target.
        keep_days: Days that a generation is kept after another replaced it.
        now: The time; None for the time of the clock.
        dry_run: Remove nothing; only return the files that would be removed.
        notify: Shows a message if another publisher is at work.

    Raises:
        PublishError: A publish did not end, so the current generation is not known.
    """
    if dry_run:
        return _find(target, read_state(target), _deadline(now, keep_days))
    with target.hold(notify) as check:
        state = read_state(target)
        deadline = _deadline(now, keep_days)
        pruned = _find(target, state, deadline)
        kept = [line for line in state.index.generations if _is_kept(line, deadline)]
        check()
        if pruned.generations:
            index = format_index(Index(generations=tuple(kept)))
            target.write(INDEX_FILE, index, find_headers(INDEX_FILE, immutable=False))
        _forget(target, state, pruned)
        # A record is removed after its files, so a prune that is ended midway can go on.
        for path in sorted(pruned.files, key=lambda path: (path in _records(pruned), path)):
            check()
            target.remove(path)
        return pruned


def _find(target: Target, state: State, deadline: datetime) -> Pruned:
    if state.records() and not state.is_certain:
        raise PublishError(
            f"{target.shown}: a publish did not end, or somebody changed files here",
            hint="publish first, then prune",
        )
    kept = {line.number for line in state.index.generations if _is_kept(line, deadline)}
    dropped = tuple(sorted(set(state.records()) - kept))
    wanted = _paths(target, kept)
    candidates = {path for path in _paths(target, dropped) if not path.startswith(_CONTENTS)}
    candidates |= {path for path, since in state.pending.since.items() if _parse(since) <= deadline}
    candidates |= {path for path in state.present if path.startswith(_CONTENTS)}
    candidates -= wanted
    candidates |= {record_file(number) for number in dropped}
    files = {path: state.present[path] for path in sorted(candidates & set(state.present))}
    return Pruned(generations=dropped, files=files)


def _paths(target: Target, numbers: set[int] | tuple[int, ...]) -> set[str]:
    """Return the paths of all files of generations, and of their contents kept for a rollback."""
    paths: set[str] = set()
    for number in numbers:
        generation: Generation = load_generation(target, number)
        paths |= set(generation.files)
        files = generation.files.values()
        paths |= {content_file(file.sha256) for file in files if not file.immutable}
    return paths


def _forget(target: Target, state: State, pruned: Pruned) -> None:
    """Write the journal of unfinished publishes anew, without the removed files."""
    if not set(pruned.files) & set(state.pending.files):
        return
    left = Journal(target)
    for path, file in state.pending.files.items():
        if path not in pruned.files:
            left.add(path, file, since=state.pending.since[path])
    left.flush()
    for piece in state.pending.pieces:
        target.remove(piece)


def _records(pruned: Pruned) -> set[str]:
    return {record_file(number) for number in pruned.generations}


def _is_kept(line: Summary, deadline: datetime) -> bool:
    return line.replaced is None or _parse(line.replaced) > deadline


def _deadline(now: datetime | None, keep_days: float) -> datetime:
    return (now or datetime.now(UTC)) - timedelta(days=keep_days)


def _parse(text: str) -> datetime:
    return datetime.fromisoformat(text)
