"""Files and folders of this machine. They are copied: their owner may edit them in place."""

from pathlib import Path

from pipeline.disk.files import digest_file
from pipeline.errors import FetchError
from pipeline.fetch.archive.folder_files import LocalTree, list_names, missing, reading, stat_file
from pipeline.fetch.archive.tree import find_near
from pipeline.fetch.package import deliver_package
from pipeline.fetch.request import Delivery, Request, deliver_tree


def fetch_path(request: Request) -> Delivery:
    """Bring a file, a folder, or the model inside an archive.

    Raises:
        FetchError: It is not there, or cannot be read.
    """
    path, shown = request.root / request.source.location, request.shown
    with reading(path, shown=shown):
        is_folder = path.is_dir()
    if is_folder:
        inside = request.source.inside or ""
        return Delivery(entry=deliver_tree(request, LocalTree(path, shown=shown), inside))
    if stat_file(path, shown=shown) is None:
        raise _missing(path, shown=shown)
    if request.source.archive:
        with reading(path, shown=shown):
            sha256 = digest_file(path)
        return deliver_package(request, path, sha256, key=None, name=shown, top="either")
    tree = LocalTree(path.parent, shown=shown, file=path.name)
    return Delivery(entry=deliver_tree(request, tree, path.name))


def _missing(path: Path, *, shown: str) -> FetchError:
    fault = missing(path, shown=shown)
    if path.is_symlink():
        return fault
    near = find_near(path.name, list_names(path.parent))
    meant = f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
    hint = None if near else "paths are relative to the folder of models.yaml"
    return FetchError(f"{fault.message}{meant}", hint=hint)
