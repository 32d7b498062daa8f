"""Headers: the content type of a file, and how long a browser may keep it. It opens no file."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

# RFC 8246: a browser never asks again for a file that it has.
IMMUTABLE = "public, max-age=31536000, immutable"
# A browser keeps the file and asks by ETag each time, so it sees a publish at once.
REVALIDATED = "public, no-cache"

OCTETS = "application/octet-stream"
_TYPES = {
    ".bin": OCTETS,
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    # Python's table says video/mp2t.
    ".ts": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
    ".xml": "application/xml",
}
# LICENSE, CNAME, .nojekyll.
_WITHOUT_SUFFIX = "text/plain; charset=utf-8"
# Named by their content, or by the release of TensorFlow.js that they are.
_CONTENT_NAMED = re.compile(
    r"assets/.+-[0-9a-f]{8,}\.[a-z0-9.]+|zoo-[a-z]+-[0-9a-f]{8,}\.js|tfjs/\d[^/]*/.+"
)


@dataclass(frozen=True, kw_only=True)
class Headers:
    """The headers that a server sends with a file."""

    content_type: str
    cache_control: str


def find_headers(path: str, *, immutable: bool) -> Headers:
    """Return the headers of a published file."""
    cache_control = IMMUTABLE if immutable else REVALIDATED
    return Headers(content_type=find_content_type(path), cache_control=cache_control)


def find_content_type(path: str) -> str:
    """Return the content type of a file by its name: "application/json" for "models.json"."""
    suffix = PurePosixPath(path).suffix.lower()
    return _TYPES.get(suffix, OCTETS) if suffix else _WITHOUT_SUFFIX


def is_content_named(path: str) -> bool:
    """Say whether a file of the pages has a digest in its name, so that it never changes.

    For files of models this says nothing: the catalog lists their files that never change.
    """
    return _CONTENT_NAMED.fullmatch(path) is not None
