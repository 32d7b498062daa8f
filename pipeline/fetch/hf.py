"""Repositories of Hugging Face.

Its own client reads the user's token, finds the commit of a branch or tag, and lists the files of
the commit. A commit never changes; `doit refresh` asks again for the commit of a branch or tag, and
then only new files come.

The files come through our downloads and not through `hf_hub_download` (huggingface_hub 2.3), which
compares sizes only: it took a file of other bytes and stored it under the digest of the right one.
It loses up to 10 MiB when a connection breaks, knows no deadline, so that a server that sends a few
bytes a minute holds a run for hours, and keeps a cache that other kinds of sources cannot share.
"""

import functools
import posixpath
from collections.abc import Mapping
from dataclasses import replace

from pipeline.disk.json_value import JsonValue
from pipeline.errors import NotFoundError
from pipeline.fetch.address.source_type import is_archive_name, is_commit
from pipeline.fetch.archive.tree import NamedTree
from pipeline.fetch.download_cache import Entry
from pipeline.fetch.hf_client import HfFile, HfRepository
from pipeline.fetch.http.download import Download
from pipeline.fetch.http.receive import Location
from pipeline.fetch.package import deliver_package
from pipeline.fetch.request import Delivery, Request, deliver_tree
from pipeline.fetch.server_files import ListingLimits

# Files of a folder, by their paths in the repository.
Files = Mapping[str, HfFile]


def fetch_hf(request: Request) -> Delivery:
    """Bring a file, a folder, or the model in an archive, out of a repository.

    Raises:
        NotFoundError: There is no such repository or revision.
        MissingPathError: The repository has no such path; the message suggests similar paths.
        SetupError: Hugging Face's client is not installed.
    """
    inside = request.source.inside or ""
    commit = _find_commit(request)
    files = _list_near(request, commit, inside)
    bring = functools.partial(_bring, request, commit, files)
    if is_archive_name(inside) and inside in files:
        name = f"{request.shown}: {inside}"
        return deliver_package(
            replace(request, source=request.source.within), bring(inside), name=name, top="either"
        )
    tree = NamedTree.of_stored(files, lambda path: bring(path).path)
    if not tree.is_file(inside):
        limits = ListingLimits(shown=request.shown)
        for path in tree.list_below(inside):
            limits.check(path, files[path].size)
    return deliver_tree(request, tree, inside)


def _find_commit(request: Request) -> str:
    """Return the commit that a revision stands for: 40 hexadecimal digits."""
    revision = request.source.version or ""
    if is_commit(revision):
        return revision
    return request.recall(
        f"hf:{request.source.location}@{revision}",
        lambda: _open(request).find_commit(revision),
        JsonValue.text,
    )


def _list_near(request: Request, commit: str, inside: str) -> Files:
    """Return the files of the folder that a path is in, where its shards lie, too."""
    folder = posixpath.dirname(inside)

    def ask() -> Files:
        repository = _open(request)
        try:
            return repository.list_files(commit, folder)
        except NotFoundError:
            if not folder:
                raise
            return repository.list_files(commit, "")  # for a message that suggests paths

    return request.recall(
        f"files of hf:{request.source.location}@{commit} {folder}",
        ask,
        lambda value: {path: HfFile.parse(known) for path, known in value.fields()},
        encode=lambda files: {path: file.to_json() for path, file in files.items()},
        may_change=False,
    )


def _open(request: Request) -> HfRepository:
    return HfRepository(request.source.location, shown=request.shown, deadline=request.deadline)


def _bring(request: Request, commit: str, files: Files, path: str) -> Download:
    """Return a file; files of the same content are one download."""
    file = files[path]
    key = f"{file.algorithm}:{file.digest}"
    if file.algorithm == "sha256" and request.store.has(file.digest):
        entry = Entry(key=key, sha256=file.digest)
        return Download(entry=entry, path=request.store.blob(file.digest), asked=False)

    def locate() -> Location:
        url, settings = _open(request).locate(commit, path)
        return Location(
            url=url,
            shown=f"{request.shown}: {path}",
            settings=settings,
            digests={file.algorithm: file.digest},
            any_content=True,
        )

    return request.download(key, locate)
