"""TensorFlow Hub: the URL of a module's files, for a handle that is the URL of a page.

See HttpCompressedFileResolver in tensorflow_hub/compressed_module_resolver.py, and
`loadGraphModel(url, {fromTFHub: true})` in tfjs-converter/src/executor/graph_model.ts. It asks
no server.
"""

import re
from urllib.parse import parse_qs, urlsplit, urlunsplit

_HOST = "tfhub.dev"
_COMPRESSED = "tf-hub-format=compressed"
_TFJS_FILE = "tfjs-format=file"
_FORMATS = {"tf-hub-format", "tfjs-format", "lite-format"}


def is_hub(url: str) -> bool:
    """Return whether a URL is a handle of TensorFlow Hub itself."""
    return urlsplit(url).hostname == _HOST


def is_hub_version(url: str) -> bool:
    """Return whether a handle names a version, which never changes."""
    path = urlsplit(url).path.removesuffix("/model.json")
    # A model of TensorFlow.js has its version before its variation: …/1/default/1.
    return is_hub(url) and re.search(r"/\d+/?$", path) is not None


def ask_compressed(url: str) -> str:
    """Return the URL of a module's archive: "https://…/1?tf-hub-format=compressed"."""
    parts = urlsplit(url)
    if _FORMATS & parse_qs(parts.query).keys():
        return url
    query = f"{parts.query}&{_COMPRESSED}" if parts.query else _COMPRESSED
    return urlunsplit(parts._replace(query=query))


def locate_hub(url: str) -> tuple[str, bool]:
    """Return the URL of a handle's files, and whether it brings an archive."""
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    if _FORMATS & asked.keys():
        return url, "compressed" in asked.get("tf-hub-format", []) + asked.get("tfjs-format", [])
    if "/tfjs-model/" not in parts.path:
        return ask_compressed(url), True
    path = parts.path.rstrip("/")
    if not path.endswith(".json"):
        path += "/model.json"
    return urlunsplit(parts._replace(path=path, query=_TFJS_FILE)), False
