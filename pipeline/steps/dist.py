"""dist/: the zoo as published, a projection of the results of the steps.

A variant's folder is named by the content of its files, so that they never change and may be cached
for ever. `models.json` is replaced last, by rename. So a reader always sees a whole zoo, and a
reader with the catalog of a minute ago still finds its files: unlisted files stay for a grace
period.

`.zoo/dist.json` lists the files in dist/, and since when each has been unlisted. Files that this
module did not put there are never touched.
"""

import hashlib
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline.catalog.document import CATALOG_FILE
from pipeline.catalog.index import ENTRY_FILE
from pipeline.disk.canonical import format_json
from pipeline.disk.files import digest_file, write_atomic, writing_beside
from pipeline.disk.json_file import write_json
from pipeline.errors import DamagedBuildError, DamagedFileError

PART_SUFFIX = ".zoo-part"
GRACE_SECONDS = 24 * 3600
_CHUNK_BYTES = 1024**2


@dataclass(frozen=True, kw_only=True)
class Projected:
    """A file that belongs in dist/.

    Attributes:
        path: Relative to dist/.
        source: Path of the original, relative to `.zoo/`.
        bytes: Its size.
        sha256: Digest of its content.
    """

    path: str
    source: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A file that was put into dist/.

    Attributes:
        sha256: Digest of its content when it was put there.
        bytes: Its size then.
        modified: Its time of change then, in nanoseconds.
        unlisted: When it was first unlisted, in seconds since 1970; None while it is listed.
    """

    sha256: str
    bytes: int
    modified: int
    unlisted: float | None = None


PROJECTION_FILE = "projection.json"

# A run with nothing to do reads these thousands of entries, so the quickest reader is used.
_PROJECTION = TypeAdapter(list[Projected])
_PLACED = TypeAdapter(dict[str, Placed])


def list_file(path: Path, target: str, *, source: str) -> Projected:
    """Return a file of `.zoo/` as a file of dist/.

    Args:
        path: The file.
        target: Its path in dist/.
        source: Its path in `.zoo/`.
    """
    return Projected(
        path=target, source=source, bytes=path.stat().st_size, sha256=digest_file(path)
    )


def save_projection(folder: Path, files: Sequence[Projected]) -> None:
    """Write the list of a step's files that belong in dist/."""
    write_json(folder / PROJECTION_FILE, [vars(file) for file in files])


def load_projection(paths: Iterable[Path]) -> tuple[Projected, ...]:
    """Read the lists of files that belong in dist/; a missing list is empty.

    Raises:
        DamagedFileError: A list is damaged.
        OSError: A list cannot be read.
    """
    return tuple(file for path in paths for file in _load_list(path))


def _load_list(path: Path) -> Sequence[Projected]:
    try:
        return _PROJECTION.validate_json(path.read_bytes())
    except FileNotFoundError:
        return ()
    except ValidationError as error:
        raise DamagedFileError(f"{path.name}: {error.errors()[0]['msg']}") from None


def load_placed(state_file: Path) -> dict[str, Placed]:
    """Read the list of files that were put into dist/, by path; empty if it is lost.

    Raises:
        OSError: It is there and cannot be read.
    """
    try:
        return _PLACED.validate_json(state_file.read_bytes())
    except (FileNotFoundError, ValidationError):
        return {}


def find_fault(
    projection: Iterable[Projected], placed: Mapping[str, Placed], dist: Path
) -> str | None:
    """Return why dist/ is out of date: "models.json is missing, changed or new"; else None."""
    wanted = set()
    folder = str(dist)
    for file in projection:
        wanted.add(file.path)
        if not _is_in_place(file, placed.get(file.path), folder):
            return f"{file.path} is missing, changed or new"
    for path, was in placed.items():
        if path not in wanted and was.unlisted is None:
            return f"{path} is no longer listed"
    return None


def find_unlisted(
    projection: Iterable[Projected], state_file: Path, *, grace_seconds: float
) -> list[str]:
    """Return the files of dist/ whose grace period after their listing is over."""
    wanted = {file.path for file in projection}
    return [
        path
        for path, was in load_placed(state_file).items()
        if path not in wanted and _is_over(was, time.time(), grace_seconds)
    ]


def remove_unlisted(
    projection: Iterable[Projected], state_file: Path, dist: Path, *, grace_seconds: float
) -> None:
    """Remove the files of dist/ whose grace period after their listing is over."""
    gone = find_unlisted(projection, state_file, grace_seconds=grace_seconds)
    for path in gone:
        remove_file(dist, path)
    left = {path: was for path, was in load_placed(state_file).items() if path not in gone}
    if gone:
        _write_placed(state_file, left)


def project(
    projection: Iterable[Projected],
    *,
    state: Path,
    dist: Path,
    state_file: Path,
    grace_seconds: float = GRACE_SECONDS,
) -> None:
    """Bring dist/ up to date: new files first, the catalog last, then remove old files.

    Args:
        projection: The files that belong there.
        state: Folder to which their sources are relative.
        dist: The folder to bring up to date.
        state_file: File for the list of files in dist/.
        grace_seconds: How long an unlisted file stays.
    """
    placed = load_placed(state_file)
    wanted = {file.path: file for file in projection}
    _sweep(dist)
    for file in sorted(wanted.values(), key=_order):
        if not _is_in_place(file, placed.get(file.path), dist):
            _place(file, state / file.source, dist / file.path)
            stat = (dist / file.path).stat()
            placed[file.path] = Placed(
                sha256=file.sha256, bytes=stat.st_size, modified=stat.st_mtime_ns
            )
        elif placed[file.path].unlisted is not None:
            placed[file.path] = _relist(placed[file.path], None)
    kept = {}
    now = time.time()
    for path, was in placed.items():
        if path in wanted:
            kept[path] = was
        elif _is_over(was, now, grace_seconds):
            remove_file(dist, path)
        else:
            kept[path] = _relist(was, was.unlisted or now)
    _write_placed(state_file, kept)


def _write_placed(state_file: Path, placed: Mapping[str, Placed]) -> None:
    write_atomic(state_file, format_json({path: vars(was) for path, was in placed.items()}))


def _sweep(dist: Path) -> None:
    """Remove the temporary files of a copy that was killed."""
    for path in dist.rglob(f".*{PART_SUFFIX}"):
        path.unlink(missing_ok=True)


def _order(file: Projected) -> tuple[bool, bool, bool, str]:
    """Sort models before their catalogs, these before the files at the top, models.json last."""
    path = file.path
    return (path == CATALOG_FILE, "/" not in path, path.endswith(f"/{ENTRY_FILE}"), path)


def _is_in_place(file: Projected, was: Placed | None, dist: Path | str) -> bool:
    if was is None or was.sha256 != file.sha256:
        return False
    try:
        stat = os.stat(f"{dist}/{file.path}")  # noqa: PTH116  # a third of the time of Path.stat
    except OSError:
        return False
    return (stat.st_size, stat.st_mtime_ns) == (was.bytes, was.modified)


def _place(file: Projected, source: Path, target: Path) -> None:
    """Copy a file, and compare the copy with the catalog's digest.

    It is no hard link: an editor that writes into the copy must not change the build.
    """
    digest = hashlib.sha256()
    with writing_beside(target, target.with_name(f".{target.name}{PART_SUFFIX}")) as beside:
        with source.open("rb") as read, beside.open("wb") as written:
            while chunk := read.read(_CHUNK_BYTES):
                digest.update(chunk)
                written.write(chunk)
        if digest.hexdigest() != file.sha256:
            raise _damaged(file)


def _damaged(file: Projected) -> DamagedBuildError:
    model = file.source.split("/")[1]
    return DamagedBuildError(
        f".zoo/{file.source} was changed after it was built",
        hint=f"the next run builds {model} again",
        model=model,
    )


def _is_over(was: Placed, now: float, grace_seconds: float) -> bool:
    return now - (was.unlisted or now) >= grace_seconds


def _relist(was: Placed, unlisted: float | None) -> Placed:
    return Placed(sha256=was.sha256, bytes=was.bytes, modified=was.modified, unlisted=unlisted)


def remove_file(dist: Path, path: str) -> None:
    """Remove a file of dist/, and the folders that it leaves empty."""
    (dist / path).unlink(missing_ok=True)
    for folder in (dist / path).parents:
        if folder == dist or not folder.is_dir() or any(folder.iterdir()):
            return
        folder.rmdir()
