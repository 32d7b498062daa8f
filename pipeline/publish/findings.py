"""Findings: faults of a published file as a server sends it over HTTP. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipeline.catalog.document import CATALOG_FILE
from pipeline.publish.generations.generation import PublishedFile
from pipeline.publish.headers import find_content_type

Kind = Literal["content", "missing", "type", "cors", "range", "cache"]

# The origin of a page elsewhere; a server that allows every origin allows this one.
ORIGIN = "https://origin.invalid"
_MAX_CATALOG_SECONDS = 3600
_MAX_AGE = re.compile(r"max-age=(\d+)")
# Types that browsers insist on, by the type that we give. A module script of another type is
# refused; so is a style sheet; WebAssembly of another type is not streamed.
_ALSO_RIGHT = {
    "text/javascript": {"application/javascript", "application/x-javascript"},
    "application/json": {"text/json"},
}
_INSISTED_ON = {
    "text/javascript",
    "text/css",
    "text/html",
    "image/svg+xml",
    "application/json",
    "application/wasm",
}


@dataclass(frozen=True, kw_only=True)
class FileFinding:
    """A fault of a published file.

    Attributes:
        kind: The kind of fault.
        path: The file.
        text: The value that was found, and the value that was expected.
        hint: What the publisher can do; None if the text says it all.
    """

    kind: Kind
    path: str
    text: str
    hint: str | None = None


@dataclass(kw_only=True)
class Answer:
    """A server's answer to the request for a file.

    Attributes:
        sha256: Digest of the content; None where no content came.
        bytes: Size of the content.
        headers: Headers of the answer.
        reason: Why no content came.
        hint: What can be done about that.
    """

    sha256: str | None = None
    bytes: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    hint: str | None = None


def judge_answer(path: str, file: PublishedFile, answer: Answer) -> Iterator[FileFinding]:
    """Yield the faults of a file as the server sent it."""
    if answer.sha256 is None:
        yield FileFinding(kind="missing", path=path, text=answer.reason, hint=answer.hint)
        return
    if answer.sha256 != file.sha256:
        came = f"{answer.bytes} bytes with SHA-256 {answer.sha256[:8]}…"
        if answer.bytes > file.bytes:  # the rest was not received
            came = f"more than {file.bytes} bytes"
        text = f"{came} came; expected {file.bytes} with {file.sha256[:8]}…"
        yield FileFinding(kind="content", path=path, text=text)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if (fault := _type_fault(path, headers.get("content-type", ""))) is not None:
        yield FileFinding(kind="type", path=path, text=fault)
    allowed = headers.get("access-control-allow-origin")
    if allowed not in {"*", ORIGIN} and not path.endswith((".html", ".md")):
        found = f"allows {allowed!r}" if allowed else "allows no other origin"
        text = f"{found}; expected Access-Control-Allow-Origin: *"
        yield FileFinding(kind="cors", path=path, text=text)
    if (fault := _cache_fault(path, file, headers.get("cache-control", ""))) is not None:
        yield FileFinding(kind="cache", path=path, text=fault)


def _type_fault(path: str, found: str) -> str | None:
    """Return the fault of a content type: "comes as text/html; expected text/css".

    Return None for a type that browsers accept.
    """
    found = found.partition(";")[0].strip().lower()
    right = find_content_type(path).partition(";")[0]
    if found == right or found in _ALSO_RIGHT.get(right, set()):
        return None
    # Browsers ignore the type of other files; but a page of HTML is the server's error page.
    if right not in _INSISTED_ON and found != "text/html":
        return None
    return f"comes as {found or 'nothing'}; expected {right}"


def _cache_fault(path: str, file: PublishedFile, found: str) -> str | None:
    """Return the fault of a cache header: "is never kept (no-store) although it never changes".

    Return None for a right header, and for no header, as static servers send.
    """
    if path == CATALOG_FILE:
        age = _MAX_AGE.search(found)
        if "immutable" in found or (age and int(age[1]) > _MAX_CATALOG_SECONDS):
            return f"is kept for long ({found}); a publish is not seen until then"
    if file.immutable and "no-store" in found:
        return f"is never kept ({found}) although it never changes"
    return None
