"""The model inside an archive, whichever kind of source it came with."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pipeline.errors import DamagedArchiveError, FetchError, ServerError
from pipeline.fetch.archive.archive import ArchiveTree
from pipeline.fetch.archive.content import find_archive_type
from pipeline.fetch.archive.tar_archive import open_tar
from pipeline.fetch.archive.zip_archive import open_zip
from pipeline.fetch.request import Delivery, Request, deliver_tree

# How paths leave out the archive's own top folder: as npm does ("package/…", whatever its
# name), when all files share one (an sdist), or not at all (a wheel). "either" is for archives
# that people made: with that folder or without.
Top = Literal["npm", "shared", "kept", "either"]


@contextlib.contextmanager
def open_package(
    request: Request, path: Path, sha256: str, *, name: str, top: Top
) -> Iterator[ArchiveTree]:
    """Open an archive; its tree works within the context.

    Args:
        request: What is wanted.
        path: The archive.
        sha256: Its digest.
        name: What messages call it; its suffix must agree with its content.
        top: How paths leave out its own top folder.

    Raises:
        DamagedArchiveError: It is damaged or no archive.
        FetchError: It cannot be read for another reason.
        UntrustedSourceError: It is refused.
    """
    if find_archive_type(path, shown=name) == "zip":
        with open_zip(path, shown=name) as tree:
            yield _at_top(tree, request.source.inside, top)
    else:
        tree = open_tar(request.store, path, sha256, shown=name)
        yield _at_top(tree, request.source.inside, top)


def deliver_package(  # noqa: PLR0913  # each of them differs between the kinds that call it
    request: Request, path: Path, sha256: str, *, key: str | None, name: str, top: Top
) -> Delivery:
    """Put the model inside an archive into the request's folder.

    Args:
        request: What is wanted.
        path: The archive.
        sha256: Its digest.
        key: The download that brought it, forgotten when it is damaged; None for a file of
            this machine.
        name: What messages call it.
        top: How paths leave out its own top folder.

    Raises:
        ServerError: A download is damaged; another one may be sound.
        FetchError: A file of this machine is damaged, or the archive has no such model.
        UntrustedSourceError: It is refused.
    """
    try:
        with open_package(request, path, sha256, name=name, top=top) as tree:
            entry = deliver_tree(request, tree, request.source.inside or "")
    except DamagedArchiveError as error:
        if key is None:
            raise FetchError(error.message, hint="make it again, or copy it again") from None
        request.store.forget(key)
        raise ServerError(
            error.message, hint="run the same command again: it is fetched anew"
        ) from None
    return Delivery(entry=entry, archive_sha256=sha256)


def _at_top(tree: ArchiveTree, inside: str | None, top: Top) -> ArchiveTree:
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
