"""Repositories of Hugging Face.

Its own client finds who asks, which commit a branch or tag stands for, and what files that has;
they come through our downloads, so that they resume and are shared by content. A commit never
changes; a branch or tag is asked again on `doit refresh`, and then only what is new comes.
"""

import functools
import posixpath
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pipeline.disk.json_value import JsonValue
from pipeline.errors import NotFoundError
from pipeline.fetch.address.hf_address import is_commit
from pipeline.fetch.address.source import is_archive_name
from pipeline.fetch.hf_client import HfRepository
from pipeline.fetch.http.download import download
from pipeline.fetch.http.receive import Location
from pipeline.fetch.listed_files import ListedTree, ListingLimits
from pipeline.fetch.package import deliver_package
from pipeline.fetch.recall import recall
from pipeline.fetch.request import Delivery, Request, deliver_tree

# Path in the repository: size, algorithm and digest.
Files = Mapping[str, tuple[int, str, str]]


def fetch_hf(request: Request) -> Delivery:
    """Bring a file, a folder, or the model in an archive, out of a repository.

    Raises:
        NotFoundError: There is no such repository or revision.
        MissingPathError: It has no such path; the message has those like it.
        SetupError: Hugging Face's client is not installed.
    """
    inside = request.source.inside or ""
    commit, note = _find_commit(request)
    files = _list_near(request, commit, inside)
    bring = functools.partial(_bring, request, commit, files)
    if is_archive_name(inside) and inside in files:
        delivery = _deliver_archive(request, bring(inside), files)
        return replace(delivery, note=note)
    tree = ListedTree(files, bring)
    if not tree.is_file(inside):
        limits = ListingLimits(shown=request.shown)
        for path in tree.list_below(inside):
            limits.check(path, files[path][0])
    return Delivery(entry=deliver_tree(request, tree, inside), note=note)


def _find_commit(request: Request) -> tuple[str, str | None]:
    """Return the commit that is wanted, and what should be known of how it was found."""
    name, revision = request.source.location, request.source.version or ""
    if is_commit(revision):
        return revision, None
    return recall(
        request,
        f"hf:{name}@{revision}",
        lambda: _open(request).find_commit(revision),
        JsonValue.text,
    )


def _list_near(request: Request, commit: str, inside: str) -> Files:
    """Return the files of the folder that a path is in: shards lie there too."""
    name = request.source.location
    folder = posixpath.dirname(inside)

    def ask() -> Files:
        repository = _open(request)
        try:
            found = list(repository.list_files(commit, folder))
        except NotFoundError:
            if not folder:
                raise
            found = list(repository.list_files(commit, ""))  # its paths are what may be meant
        return {path: (size, algorithm, digest) for path, size, algorithm, digest in found}

    key = f"files of hf:{name}@{commit} {folder}"
    files, _ = recall(request, key, ask, _parse_files, final=True)
    return files


def _parse_files(value: JsonValue) -> Files:
    files: dict[str, tuple[int, str, str]] = {}
    for path, known in value.fields():
        parts = tuple(known.items())
        if len(parts) != len(("size", "algorithm", "digest")):
            known.refuse("size, algorithm and digest")
        files[path] = parts[0].whole(), parts[1].text(), parts[2].text()
    return files


def _open(request: Request) -> HfRepository:
    return HfRepository(request.source.location, shown=request.shown, deadline=request.deadline)


def _bring(request: Request, commit: str, files: Files, path: str) -> Path:
    """Return where a file lies after its download; one content is one download."""
    _, algorithm, digest = files[path]
    if algorithm == "sha256" and request.store.has(digest):
        return request.store.blob(digest)
    shown = f"{request.shown}: {path}"

    def locate() -> Location:
        url, settings = _open(request).locate(commit, path)
        return Location(
            url=url, shown=shown, settings=settings, digests={algorithm: digest}, any_content=True
        )

    return download(
        request.store,
        f"{algorithm}:{digest}",
        locate,
        progress=request.progress,
        deadline=request.deadline,
    ).path


def _deliver_archive(request: Request, archive: Path, files: Files) -> Delivery:
    inside = request.source.inside or ""
    _, algorithm, digest = files[inside]
    return deliver_package(
        replace(request, source=replace(request.source, inside=request.source.nested)),
        archive,
        archive.name,  # a blob is named by its digest
        key=f"{algorithm}:{digest}",
        name=f"{request.shown}: {inside}",
        top="either",
    )
