"""Files and folders of this machine. They are copied: their owner may edit them in place."""

import os
from pathlib import Path

from pipeline.errors import FetchError
from pipeline.fetch.folder import LocalTree
from pipeline.fetch.package import deliver_package
from pipeline.fetch.request import Delivery, Request, deliver_tree
from pipeline.fetch.tree import find_near
from pipeline.files import digest_file


def fetch_path(request: Request) -> Delivery:
    """Bring a file, a folder, or the model inside an archive.

    Raises:
        FetchError: It is not there.
    """
    path = request.root / request.source.location
    if path.is_dir():
        inside = request.source.inside or ""
        return Delivery(entry=deliver_tree(request, LocalTree(path), inside))
    if not path.is_file():
        raise _missing(request, path)
    if request.source.archive:
        return deliver_package(
            request, path, digest_file(path), key=None, name=request.shown, top="either"
        )
    return Delivery(entry=deliver_tree(request, LocalTree(path.parent), path.name))


def _missing(request: Request, path: Path) -> FetchError:
    folder = path.parent
    near = find_near(path.name, os.listdir(folder)) if folder.is_dir() else []  # noqa: PTH208
    meant = f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
    hint = None if near else "paths are relative to the folder of models.yaml"
    return FetchError(f"{request.shown}: no such file or folder{meant}", hint=hint)
