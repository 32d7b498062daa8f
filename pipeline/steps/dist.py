"""dist/: the zoo as published, a projection of the results of the steps.

A variant's folder is named by the content of its files, so that they never change and may be cached
for ever. `models.json` is replaced last, by rename. So a reader always sees a whole zoo, and a
reader with the catalog of a minute ago still finds its files: unlisted files stay for a grace
period.

`.zoo/dist.json` lists the files in dist/, and since when each has been unlisted. Files that this
module did not put there are never touched. Of a model whose lists are as they were, only the times
of its files are compared.
"""

import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.catalog.document import CATALOG_FILE
from pipeline.catalog.index import ENTRY_FILE
from pipeline.disk.files import writing_beside
from pipeline.errors import DamagedBuildError
from pipeline.steps.placed import (
    Placed,
    PlacedFiles,
    PlacedList,
    load_placed,
    load_placed_list,
    write_placed_list,
)
from pipeline.steps.projection import Projected, Projection, model_of_path

PART_SUFFIX = ".zoo-part"
GRACE_SECONDS = 24 * 3600
_CHUNK_BYTES = 1024**2


def find_fault(projection: Projection, placed: PlacedList, dist: Path) -> str | None:
    """Return why dist/ is out of date: "models.json is missing, changed or new"; else None."""
    # A list that changed is found without a look at files.
    same = {model: placed.has(model, projection.digest(model)) for model in projection.lines}
    for model in sorted(same, key=same.__getitem__):
        was = placed.of(model)
        if not (same[model] and was.projection and _lie_there(was, dist)):
            fault = _name_fault(projection.files(model), was.files, dist)
            if fault is not None:
                return fault
    for model in placed.lines.keys() - projection.lines.keys():
        fault = _name_fault((), placed.of(model).files, dist)
        if fault is not None:
            return fault
    return None


def _lie_there(was: PlacedFiles, dist: Path) -> bool:
    """Return whether the listed files of a model lie in dist/ as they were put there."""
    listed = (item for item in was.files.items() if item[1].unlisted is None)
    return all(_is_untouched(f"{dist}/{path}", file) for path, file in listed)


def _name_fault(files: Sequence[Projected], placed: Mapping[str, Placed], dist: Path) -> str | None:
    for file in files:
        if not _is_in_place(file, placed.get(file.path), dist):
            return f"{file.path} is missing, changed or new"
    wanted = {file.path for file in files}
    for path, was in placed.items():
        if path not in wanted and was.unlisted is None:
            return f"{path} is no longer listed"
    return None


def find_unlisted(projection: Projection, state_file: Path, *, grace_seconds: float) -> list[str]:
    """Return the files of dist/ whose grace period after their listing is over."""
    wanted = {file.path for file in projection}
    now = time.time()
    return [
        path
        for path, was in load_placed(state_file).items()
        if path not in wanted and _is_over(was, now, grace_seconds)
    ]


def remove_unlisted(
    projection: Projection, state_file: Path, dist: Path, *, grace_seconds: float
) -> None:
    """Remove the files of dist/ whose grace period after their listing is over."""
    gone = set(find_unlisted(projection, state_file, grace_seconds=grace_seconds))
    placed = load_placed_list(state_file)
    lines = dict(placed.lines)
    for path in sorted(gone):
        remove_file(dist, path)
    for model in {model_of_path(path) for path in gone}:
        was = placed.of(model)
        left = {path: file for path, file in was.files.items() if path not in gone}
        lines[model] = replace(was, files=left).format()
    if gone:
        write_placed_list(state_file, PlacedList(lines=lines))


def project(
    projection: Projection,
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
    placed = load_placed_list(state_file)
    unfinished = state_file.with_name(f"{state_file.name}.unfinished")
    if unfinished.exists() or not placed.lines:
        _sweep(dist)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    unfinished.touch()
    changed = {one.model: one for one in _find_changed(projection, placed, dist)}
    wanted = [file for one in changed.values() for file in one.wanted.values()]
    for file in sorted(wanted, key=_order):
        changed[model_of_path(file.path)].place(file, state=state, dist=dist)
    lines = dict(placed.lines)
    for model, one in changed.items():
        one.expire(dist, time.time(), grace_seconds)
        lines.pop(model, None)
        if one.files:
            lines[model] = one.format()
    write_placed_list(state_file, PlacedList(lines=lines))
    unfinished.unlink()


def _find_changed(
    projection: Projection, placed: PlacedList, dist: Path
) -> "Iterator[_ModelFiles]":
    """Yield the models of which files are to be placed, or may have to go."""
    for model in projection.lines:
        was = placed.of(model)
        is_going = any(file.unlisted is not None for file in was.files.values())
        is_listed = was.projection == projection.digest(model)
        if is_going or not is_listed or not _lie_there(was, dist):
            yield _ModelFiles(model, projection, was)
    for model in placed.lines.keys() - projection.lines.keys():
        yield _ModelFiles(model, projection, placed.of(model))


class _ModelFiles:
    """The files of a model in dist/.

    Attributes:
        model: Its name; "" for files that belong to no model.
        wanted: The files that belong there, by path.
        files: The files that were put there, by path.
    """

    def __init__(self, model: str, projection: Projection, was: PlacedFiles) -> None:
        self.model = model
        is_listed = model in projection.lines
        self._digest = projection.digest(model) if is_listed else ""
        listed = projection.files(model) if is_listed else ()
        self.wanted = {file.path: file for file in listed}
        self.files = dict(was.files)

    def place(self, file: Projected, *, state: Path, dist: Path) -> None:
        """Put a file into dist/ if it is not there."""
        was = self.files.get(file.path)
        if was is None or not _is_in_place(file, was, dist):
            _place(file, state / file.source, dist / file.path)
            stat = (dist / file.path).stat()
            was = Placed(sha256=file.sha256, bytes=stat.st_size, modified=stat.st_mtime_ns)
        self.files[file.path] = replace(was, unlisted=None)

    def expire(self, dist: Path, now: float, grace_seconds: float) -> None:
        """Remove the files that are no longer listed, after their grace period."""
        for path, was in list(self.files.items()):
            if path in self.wanted:
                continue
            if _is_over(was, now, grace_seconds):
                remove_file(dist, path)
                del self.files[path]
            else:
                self.files[path] = replace(was, unlisted=was.unlisted or now)

    def format(self) -> bytes:
        """Return the line of the model in the list of files in dist/."""
        return PlacedFiles(projection=self._digest, files=self.files).format()


def _sweep(dist: Path) -> None:
    """Remove the temporary files of a copy that was killed."""
    for path in dist.rglob(f".*{PART_SUFFIX}"):
        path.unlink(missing_ok=True)


def _order(file: Projected) -> tuple[bool, bool, bool, str]:
    """Sort models before their catalogs, these before the files at the top, models.json last."""
    path = file.path
    return (path == CATALOG_FILE, "/" not in path, path.endswith(f"/{ENTRY_FILE}"), path)


def _is_in_place(file: Projected, was: Placed | None, dist: Path) -> bool:
    if was is None or was.sha256 != file.sha256:
        return False
    return _is_untouched(f"{dist}/{file.path}", was)


def _is_untouched(path: str, was: Placed) -> bool:
    try:
        stat = os.stat(path)  # noqa: PTH116  # a third of the time of Path.stat
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


def remove_file(dist: Path, path: str) -> None:
    """Remove a file of dist/, and the folders that it leaves empty."""
    (dist / path).unlink(missing_ok=True)
    for folder in (dist / path).parents:
        if folder == dist or not folder.is_dir() or any(folder.iterdir()):
            return
        folder.rmdir()
