"""Web pages that show a file: their addresses are not the address of the file.

People paste them from Hugging Face, GitHub and the consoles of AWS and Google Cloud. The address of
the page tells the source, so that an error can suggest it. It asks no server.
"""

import re
from urllib.parse import parse_qs, unquote, urlsplit

_HF = r"(?:huggingface\.co|hf\.co)/"
_HF_REPO = r"(?P<repo>(?:(?:datasets|spaces)/)?[^/]+/[^/]+)"
_NO_REPO = r"(?!(?:api|blog|docs|learn|papers|tasks|organizations)/)"
_TAIL = r"(?:/(?P<path>.+?))?/?"
# Patterns of host and path, and the source behind each; {prefix} comes from the query.
_PAGES = {
    rf"{_HF}{_HF_REPO}/(?:blob|tree|blame)/(?P<revision>[^/]+){_TAIL}": (
        "hf:{repo}@{revision}#{path}"
    ),
    rf"{_HF}{_HF_REPO}/commit/(?P<revision>[0-9a-f]{{40}})": "hf:{repo}@{revision}",
    rf"{_HF}(?P<repo>(?:datasets|spaces)/[^/]+/[^/]+)/?": "hf:{repo}",
    rf"{_HF}{_NO_REPO}(?P<repo>(?!(?:datasets|spaces)/)[^/]+/[^/]+)/?": "hf:{repo}",
    r"github\.com/(?P<repo>[^/]+/[^/]+)/(?:blob|blame)/(?P<path>.+)": (
        "https://github.com/{repo}/raw/{path}"
    ),
    rf"github\.com/(?P<repo>[^/]+/[^/]+)/tree/(?P<revision>[^/]+){_TAIL}": (
        "https://github.com/{repo}/archive/{revision}.zip#{path}"
    ),
    r"(?P<site>[^/]*gitlab[^/]*/.+)/-/blob/(?P<path>.+)": "https://{site}/-/raw/{path}",
    r"(?:[a-z0-9-]+\.)*console\.aws\.amazon\.com/s3/(?:buckets|object)/(?P<bucket>[^/]+)/?": (
        "s3://{bucket}/{prefix}"
    ),
    r"storage\.cloud\.google\.com/(?P<path>.+)": "gs://{path}",
    r"console\.cloud\.google\.com/storage/browser/(?:_details/)?(?P<path>[^;]+?)/?(?:;.*)?": (
        "gs://{path}"
    ),
    r"drive\.google\.com/file/d/(?P<id>[^/]+)(?:/.*)?": (
        "https://drive.google.com/uc?export=download&id={id}"
    ),
}


def find_meant(url: str) -> str | None:
    """Return the source behind a page, "hf:ann/net@main#m.h5"; None for any other URL."""
    parts = urlsplit(url)
    page = f"{parts.hostname}{parts.path}"
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    for pattern, meant in _PAGES.items():
        if match := re.fullmatch(pattern, page):
            groups = {name: unquote(value or "") for name, value in match.groupdict().items()}
            return meant.format(**groups, prefix=query.get("prefix", "")).rstrip("#")
    if parts.hostname in {"www.dropbox.com", "dropbox.com"} and query.get("dl") == "0":
        return url.replace("dl=0", "dl=1")
    return None
