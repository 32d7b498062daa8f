"""Files of a server, apart from archives: one file with its shards, or the files of a listing."""

from collections.abc import Callable

from pipeline.disk.files import link_or_copy
from pipeline.errors import FetchError, UntrustedSourceError
from pipeline.fetch.archive.inner_paths import is_inner_path, shorten
from pipeline.fetch.archive.tree import MAX_FILES, list_data, parse_shards, read_json_text
from pipeline.fetch.disk_room import GIB, MAX_TOTAL_BYTES
from pipeline.fetch.http.credentials import strip_credentials
from pipeline.fetch.http.download import Download
from pipeline.fetch.request import Delivery, Request, make_target
from pipeline.tfjs.model.shard_paths import place_files, split_up


def deliver_file(
    request: Request, name: str, main: Download, bring: Callable[[str], Download]
) -> Delivery:
    """Put a file into the request's folder, and the files beside it that it names.

    These are the shards of a model.json, and the data of an ONNX or OpenVINO model.

    Args:
        request: The request for the model.
        name: Name of the file.
        main: The file.
        bring: Downloads a file by its path relative to the folder of the first.

    Raises:
        FetchError: The name is empty or a path, or a .json is no JSON.
        UntrustedSourceError: One of them lies elsewhere, or two files have one name.
    """
    if "/" in name or not is_inner_path(name):
        raise FetchError(f"{request.shown}: names no file; expected https://host/path/model.json")
    shards: list[str] = []
    if name.endswith(".json"):
        try:
            with main.path.open("rb") as opened:
                content = read_json_text(opened, shown=request.shown)
            shards = parse_shards(content, shown=request.shown)
        except FetchError:
            request.store.forget(main.entry.key)
            raise
    placed = place_files(name, shards)
    entry = next(iter(placed))
    found = {place: main if place == entry else bring(path) for place, path in placed.items()}
    for place, file in found.items():
        link_or_copy(file.path, make_target(request, place))
    for path in list_data(request.folder / entry, shown=request.shown):
        link_or_copy(bring(path).path, make_target(request, path))
    return Delivery(entry=entry)


def join_beside(file: str, path: str, *, shown: str) -> str:
    """Return a path relative to a file's folder, from its root: "h/f/a.bin" for "../f/a.bin".

    Args:
        file: Path of the file: "h/m/model.json".
        path: The path, which `is_shard_path` or `is_inner_path` has let through.
        shown: The file as messages name it, with credentials or without.

    Raises:
        UntrustedSourceError: It lies above the first folder: in another bucket, above a server.
    """
    up, rest = split_up(path)
    folders = file.split("/")[:-1]
    if up and up >= len(folders):
        raise UntrustedSourceError(
            f"{strip_credentials(shown)}: names {shorten(path)}, which lies above the root of its "
            "server"
        )
    return "/".join([*folders[: len(folders) - up], rest])


class ListingLimits:
    """Counts the files of a listing, and refuses it if it is larger than any model."""

    def __init__(self, *, shown: str) -> None:
        self.shown = shown
        self.num_files = 0
        self.total_bytes = 0

    def check(self, path: str, size: int) -> None:
        """Count one more file.

        Raises:
            UntrustedSourceError: The path leaves the folder.
            FetchError: The listing has too many files, or too many bytes.
        """
        if not is_inner_path(path):
            raise UntrustedSourceError(
                f"{self.shown}: has a file {shorten(path)}; expected paths below its folder, "
                "short and of printable characters"
            )
        self.num_files += 1
        self.total_bytes += size
        if self.num_files > MAX_FILES:
            raise FetchError(f"{self.shown}: more than {MAX_FILES} files; expected one model")
        if self.total_bytes > MAX_TOTAL_BYTES:
            raise FetchError(
                f"{self.shown}: more than {MAX_TOTAL_BYTES // GIB} GiB; expected one model"
            )
