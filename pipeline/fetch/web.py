"""Files behind http: and https: URLs."""

from pathlib import PurePosixPath
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from pipeline.errors import FetchError
from pipeline.fetch.download import Download, Location, download
from pipeline.fetch.package import deliver_package
from pipeline.fetch.request import Delivery, Request, make_place
from pipeline.fetch.source import strip_credentials
from pipeline.fetch.store import Entry
from pipeline.fetch.tree import MODEL_JSON, parse_shards
from pipeline.files import link_or_copy


def fetch_http(request: Request) -> Delivery:
    """Bring a file, a model.json with its shards, or the model inside an archive.

    A URL that ends in "/" is a folder with a model.json.
    """
    url = request.source.location
    if urlsplit(url).path.endswith("/") and not request.source.archive:
        url = urljoin(url, MODEL_JSON)
    main = _find_pinned(request) or _download(request, url)
    if request.source.archive:
        name = strip_credentials(url)
        delivery = deliver_package(
            request, main.path, main.entry.sha256, key=main.entry.key, name=name, top="either"
        )
        return Delivery(
            entry=delivery.entry, archive_sha256=delivery.archive_sha256, note=main.note
        )
    return _deliver_file(request, url, main)


def find_shard_url(url: str, shard: str) -> str:
    """Return the URL of a shard as TensorFlow.js does, which keeps the query.

    See `HTTPRequest.getWeightUrls` and `parseUrl` in tfjs-core/src/io/http.ts.
    """
    parts = urlsplit(url)
    folder = parts.path.rpartition("/")[0]
    return urlunsplit(parts._replace(path=f"{folder}/{quote(shard, safe='/%:@!$&()*+,;=~')}"))


def _deliver_file(request: Request, url: str, main: Download) -> Delivery:
    name = unquote(PurePosixPath(urlsplit(url).path).name)
    if "/" in name or name in {"", ".", ".."} or "\0" in name:
        raise FetchError(f"{request.shown}: names no file; expected https://host/path/model.json")
    found = {name: main}
    if name.endswith(".json"):
        try:
            shards = parse_shards(main.path.read_bytes(), shown=request.shown)
        except FetchError:
            request.store.forget(main.entry.key)
            raise
        for shard in shards:
            found[shard] = _download(request, find_shard_url(url, shard), shard=True)
    for path, file in found.items():
        link_or_copy(file.path, make_place(request, path))
    note = next((file.note for file in found.values() if file.note), None)
    return Delivery(entry=name, note=note)


def _find_pinned(request: Request) -> Download | None:
    """Return the file of the pinned digest, wherever it came from."""
    pin = request.sha256
    if pin is None or not request.store.has(pin):
        return None
    entry = Entry(key=_make_key(request.source.location), sha256=pin)
    return Download(entry=entry, path=request.store.blob(pin), asked=False)


def _download(request: Request, url: str, *, shard: bool = False) -> Download:
    location = Location(url=url, shown=strip_credentials(url), may_be_empty=shard)
    key = _make_key(url)
    file = download(
        request.store,
        key,
        lambda: location,
        progress=request.progress,
        refresh=request.refresh,
    )
    if not file.asked:
        request.unasked.add(key)
    return file


def _make_key(url: str) -> str:
    """Return the key of a URL; who may read it is no part of it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
