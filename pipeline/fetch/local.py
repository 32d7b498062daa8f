"""Files and folders of this machine; they are copied, as their owner may edit them in place."""

from pathlib import Path

from pipeline.disk.files import digest_file
from pipeline.errors import DamagedArchiveError, FetchError
from pipeline.fetch.archive.folder_files import LocalTree, list_names, missing, reading, stat_file
from pipeline.fetch.archive.inner_paths import find_near
from pipeline.fetch.package import deliver_archive
from pipeline.fetch.request import Delivery, Request, deliver_tree
from pipeline.text.suggest import did_you_mean


def fetch_path(request: Request) -> Delivery:
    """Bring a file, a folder, or the model inside an archive.

    Raises:
        FetchError: The path does not exist, or cannot be read.
    """
    path, shown = request.root / request.source.location, request.shown
    with reading(path, shown=shown):
        is_folder = path.is_dir()
    if is_folder:
        return deliver_tree(request, LocalTree(path, shown=shown), request.source.inside or "")
    if stat_file(path, shown=shown) is None:
        raise _missing(path, shown=shown)
    if not request.source.archive:
        tree = LocalTree(path.parent, shown=shown, file=path.name)
        return deliver_tree(request, tree, path.name)
    with reading(path, shown=shown):
        sha256 = digest_file(path)
    try:
        return deliver_archive(request, path, sha256, name=shown, top="either")
    except DamagedArchiveError as error:
        raise FetchError(error.message, hint="make it again, or copy it again") from None


def _missing(path: Path, *, shown: str) -> FetchError:
    """Return the error of a path that does not exist, with similar names beside it."""
    fault = missing(path, shown=shown)
    if path.is_symlink():
        return fault
    near = find_near(path.name, list_names(path.parent))
    hint = None if near else "paths are relative to the folder of models.yaml"
    return FetchError(f"{fault.message}{did_you_mean(near)}", hint=hint)
