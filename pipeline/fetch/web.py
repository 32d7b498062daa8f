"""Files behind http: and https: URLs."""

import os
from pathlib import PurePosixPath
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from pipeline.fetch.archive.tree import MODEL_JSON
from pipeline.fetch.download_cache import Entry
from pipeline.fetch.http.credentials import expand_variables, mask_credentials, strip_credentials
from pipeline.fetch.http.download import Download
from pipeline.fetch.http.http_session import HttpSettings
from pipeline.fetch.http.receive import Location
from pipeline.fetch.package import deliver_package
from pipeline.fetch.request import Delivery, Request
from pipeline.fetch.server_files import deliver_file, join_beside

_HINT_CREDENTIALS = (
    "give credentials for that host in ~/.netrc, or in the source from the environment: "
    "https://${USER}:${PASSWORD}@host/…"
)


def fetch_http(request: Request) -> Delivery:
    """Bring a file, a model.json with its shards, or the model inside an archive.

    A URL that ends in "/" is a folder with a model.json.
    """
    url = request.source.location
    if urlsplit(url).path.endswith("/") and not request.source.archive:
        url = urljoin(url, MODEL_JSON)
    main = _find_pinned(request) or _download(request, url)
    if request.source.archive:
        return deliver_package(request, main, name=request.shown, top="either")
    name = unquote(PurePosixPath(urlsplit(url).path).name)
    return deliver_file(
        request,
        name,
        main,
        lambda shard: _download(request, find_shard_url(url, shard), shard=True),
    )


def find_shard_url(url: str, shard: str) -> str:
    """Return the URL of a shard: "https://h/m/a.bin?v=1" for "a.bin" of "https://h/m/m.json?v=1".

    TensorFlow.js keeps the query, too: see `HTTPRequest.getWeightUrls` and `parseUrl` in
    tfjs-core/src/io/http.ts.

    Raises:
        UntrustedSourceError: The shard lies above the root of the server.
    """
    parts = urlsplit(url)
    quoted = quote(shard, safe="/%:@!$&()*+,;=~")
    return urlunsplit(parts._replace(path=join_beside(parts.path, quoted, shown=url)))


def _find_pinned(request: Request) -> Download | None:
    """Return the file of the pinned digest if the store has it, from any URL."""
    pin = request.sha256
    if pin is None or not request.store.has(pin):
        return None
    entry = Entry(key=mask_credentials(request.source.location), sha256=pin)
    return Download(entry=entry, path=request.store.blob(pin), asked=False)


def _download(request: Request, url: str, *, shard: bool = False) -> Download:
    key, shown = mask_credentials(url), strip_credentials(url)

    def locate() -> Location:
        return Location(
            url=expand_variables(url, os.environ, shown=shown),
            shown=shown,
            settings=HttpSettings(hint=_HINT_CREDENTIALS),
            may_be_empty=shard,
            written=url,
        )

    return request.download(key, locate, may_change=True)
