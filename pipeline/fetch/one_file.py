"""A model that is one file of a server, or a model.json with the shards that it names."""

from collections.abc import Callable

from pipeline.disk.files import link_or_copy
from pipeline.errors import FetchError
from pipeline.fetch.archive.tree import is_inner_path, parse_shards, read_json_text
from pipeline.fetch.http.download import Download
from pipeline.fetch.request import Delivery, Request, make_place


def deliver_file(
    request: Request, name: str, main: Download, bring: Callable[[str], Download]
) -> Delivery:
    """Put a file into the request's folder, and with a model.json its shards.

    Args:
        request: What is wanted.
        name: The file's own.
        main: The file.
        bring: Downloads a shard by its path relative to the file's folder.

    Raises:
        FetchError: It has no name, or is a .json and no JSON.
        UntrustedSourceError: A shard lies elsewhere, or two files have one name.
    """
    if "/" in name or not is_inner_path(name):
        raise FetchError(f"{request.shown}: names no file; expected https://host/path/model.json")
    found = {name: main}
    if name.endswith(".json"):
        try:
            with main.path.open("rb") as opened:
                content = read_json_text(opened, shown=request.shown)
            shards = parse_shards(content, shown=request.shown)
        except FetchError:
            request.store.forget(main.entry.key)
            raise
        for shard in shards:
            found[shard] = bring(shard)
    for path, file in found.items():
        link_or_copy(file.path, make_place(request, path))
    note = next((file.note for file in found.values() if file.note), None)
    return Delivery(entry=name, note=note)
