"""The contents of dist/: the zoo to be published.

To the zoo belong the files that the build put into dist/ and still lists, and files that people
added beside them (CNAME, favicon.ico). Three kinds of files do not belong to it: files that only
stay for readers of an earlier catalog, hidden files, and half-written files that a kill left.
"""

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.catalog.document import CATALOG_FILE
from pipeline.disk.beneath import open_beneath
from pipeline.disk.machine_faults import machine_error
from pipeline.disk.typed_json import WrongJsonError, is_inside
from pipeline.errors import PublishError
from pipeline.publish.generations.file_listing import ListedModel, PublishedCatalog, parse_published
from pipeline.publish.generations.generation import PublishedFile
from pipeline.publish.headers import is_content_named
from pipeline.publish.targets.stored_record import FOLDER
from pipeline.steps.placed import Placed

NO_JEKYLL = ".nojekyll"
_EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_HIDDEN_BUT_SERVED = (NO_JEKYLL, ".well-known")


@dataclass(frozen=True, kw_only=True)
class DistContents:
    """A zoo to be published.

    Attributes:
        catalog: Its catalog.
        files: All its files by path.
        sources: The content of each file, or the file that has it. Files without a source are
            in the target already.
    """

    catalog: PublishedCatalog
    files: Mapping[str, PublishedFile]
    sources: Mapping[str, bytes | Path] = field(default_factory=dict)


def load_dist_contents(dist: Path, placed: Mapping[str, Placed]) -> DistContents:
    """Read the zoo that dist/ holds.

    Args:
        dist: Folder of the built zoo.
        placed: The files that the build put there, by path; empty where they are not known.

    Raises:
        PublishError: Nothing was built, or a file is not as it was built.
    """
    try:
        with open_beneath(dist, CATALOG_FILE) as file:
            catalog = parse_published(file.read())
    except FileNotFoundError:
        raise PublishError(
            f"{dist.name}/{CATALOG_FILE}: there is no such file", hint="build the zoo first"
        ) from None
    except OSError as error:
        raise _unreadable(dist, CATALOG_FILE, error) from None
    except WrongJsonError as error:
        raise PublishError(
            f"{dist.name}/{CATALOG_FILE}: is no catalog of a zoo: {error}", hint=_rebuild(dist)
        ) from None
    listed = listed_files(catalog.models)
    wanted = {path for path, was in placed.items() if was.unlisted is None}
    found = dict(_find(dist))
    paths = {*found, *wanted, *listed}
    paths -= {path for path in placed if path not in wanted}
    if not placed:
        paths -= set(_left_over(paths, catalog, listed))
    sources: dict[str, bytes | Path] = {}
    files = {}
    for path in sorted(paths):
        files[path] = _describe(dist, path, found.get(path), placed.get(path), listed.get(path))
        sources[path] = dist / path
    if NO_JEKYLL not in files:
        files[NO_JEKYLL] = PublishedFile(bytes=0, sha256=_EMPTY_SHA256, immutable=False)
        sources[NO_JEKYLL] = b""
    return DistContents(catalog=catalog, files=files, sources=sources)


def listed_files(models: Iterable[ListedModel]) -> dict[str, PublishedFile]:
    """Return the files of models, by path; they never change."""
    return {
        file.path: PublishedFile(bytes=file.bytes, sha256=file.sha256, immutable=True)
        for model in models
        for file in model.files()
    }


def alias_files(model: ListedModel) -> list[str]:
    """Return the paths of a model's aliases, which the catalog does not list.

    A variant's alias has no digest in its path: "models/cat/uint8/model.json".
    """
    variants = (variant.name for variant in model.variants if variant.files)
    return [f"models/{model.name}/{variant}/model.json" for variant in variants]


def _find(dist: Path) -> Iterator[tuple[str, os.stat_result | None]]:
    """Find the files of dist/ that may be served.

    With each comes what the system says of it; None of a link, which may lead anywhere.
    """
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(f"{dist}/{folder}") as listed:
                entries = [entry for entry in listed if _may_be_served(entry.name)]
        except OSError as error:
            raise _unreadable(dist, folder.rstrip("/") or ".", error) from None
        for entry in entries:
            path = folder + entry.name
            if entry.is_dir(follow_symlinks=False):
                pending.append(f"{path}/")
            elif not path.startswith(f"{FOLDER}/"):
                yield _check_name(dist, path), _stat_file(entry)


def _stat_file(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        is_file = entry.is_file(follow_symlinks=False)
        return entry.stat(follow_symlinks=False) if is_file else None
    except OSError:
        return None  # opening it meets the fault


def _may_be_served(name: str) -> bool:
    """Say whether a file is not hidden; the half-written copies that a kill leaves are."""
    return not name.startswith(".") or name in _HIDDEN_BUT_SERVED


def _left_over(
    paths: Iterable[str], catalog: PublishedCatalog, listed: Mapping[str, PublishedFile]
) -> Iterator[str]:
    """Find files of models that the catalog does not list, for a dist/ without a record."""
    aliases = {alias for model in catalog.models for alias in alias_files(model)}
    for path in paths:
        in_variant = path.startswith("models/") and path.count("/") > 2  # noqa: PLR2004  # models/NAME/VARIANT/
        if in_variant and path not in listed and path not in aliases:
            yield path


def _describe(
    dist: Path,
    path: str,
    found: os.stat_result | None,
    was: Placed | None,
    listed: PublishedFile | None,
) -> PublishedFile:
    """Return a file's size and digest, after a check that it is the file that was built.

    Args:
        dist: The folder of the zoo.
        path: Path of the file in it.
        found: What the system says of the file; None of a link, or if it is missing.
        was: The file as the build put it there; None of a file that people added.
        listed: The file as the catalog lists it.
    """
    if was is not None and found is not None and _is_untouched(found, was):
        size, sha256 = was.bytes, was.sha256
    else:
        size, sha256 = _digest(dist, path)
    expected = listed.sha256 if listed else was.sha256 if was else sha256
    if sha256 != expected:
        raise _changed(dist, path)
    immutable = listed is not None or is_content_named(path)
    return PublishedFile(bytes=size, sha256=sha256, immutable=immutable)


def _is_untouched(found: os.stat_result, was: Placed) -> bool:
    return (found.st_size, found.st_mtime_ns) == (was.bytes, was.modified)


def _digest(dist: Path, path: str) -> tuple[int, str]:
    """Return the size and SHA-256 of a file of dist/."""
    try:
        with open_beneath(dist, path) as file:
            size = os.fstat(file.fileno()).st_size
            return size, hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise _changed(dist, path) from None
    except OSError as error:
        raise _unreadable(dist, path, error) from None


def _check_name(dist: Path, path: str) -> str:
    """Refuse a name that not every server and store takes."""
    if not is_inside(path):
        raise PublishError(
            f"{dist.name}/{path!r}: has a name that cannot be published; expected UTF-8 "
            "without control characters",
            hint="rename it, or take it out of the folder",
        )
    return path


def _changed(dist: Path, path: str) -> PublishError:
    return PublishError(f"{dist.name}/{path}: is not as it was built", hint=_rebuild(dist))


def _unreadable(dist: Path, path: str, error: OSError) -> PublishError:
    """Return the error of something in dist/ that cannot be published."""
    if isinstance(error, IsADirectoryError):
        fault = "is a link to a folder"
    elif error.errno in {errno.EINVAL, errno.ELOOP}:
        fault = error.strerror or "is no file"
    else:
        return PublishError(f"{dist.name}/{path}: {error.strerror}", hint=machine_error(error).hint)
    return PublishError(
        f"{dist.name}/{path}: {fault}; expected a file",
        hint="put a copy in its place, or take it out of the folder",
    )


def _rebuild(dist: Path) -> str:
    return f"the next build puts it right; after that, publish {dist.name}/ again"
