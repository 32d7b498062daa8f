"""Stored results: the documents of a store, as JSON types. It opens no file.

A key has one document, which lists a result for each set of tools that it was made with. A small
file lies in the document itself; the content of a larger file is a blob, named by its digest.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.disk.typed_json import InsidePath, NumBytes, Sha256, parse_json

RESULTS = "v1/results"
BLOBS = "v1/blobs"

MAX_RESULTS = 8
"""Results of one key, each made with other tools; the oldest give way."""

MAX_FILES = 100_000
MAX_DOCUMENT_BYTES = 64 * 1024**2
_KEY = re.compile(r"([a-z]+)-([0-9a-f]{64})")


class _Part(BaseModel):
    # A newer version may have written further fields.
    model_config = ConfigDict(
        extra="ignore", frozen=True, ser_json_bytes="base64", val_json_bytes="base64"
    )


class StoredFile(_Part):
    """One file of a result."""

    path: InsidePath
    """Relative to the folder of the result, with forward slashes."""
    size: NumBytes
    """Its size in bytes."""
    sha256: Sha256
    """Digest of its content."""
    content: bytes | None = None
    """The content of a small file, in JSON as base64; None if it is a blob."""


class StoredResult(_Part):
    """One result: the files of a folder."""

    tools: Mapping[str, str | None]
    """Versions of the tools that made it, by distribution."""
    files: Annotated[tuple[StoredFile, ...], Field(max_length=MAX_FILES)]
    """Its files, sorted by path."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


class StoredDocument(_Part):
    """All results of one key."""

    format: Literal[1] = 1
    used: str
    """Day in UTC on which it was last used, as the user's clock has it: "2026-11-30"."""
    results: Annotated[tuple[StoredResult, ...], Field(max_length=MAX_RESULTS)]
    """The results, the newest first."""


def document_path(key: str) -> str:
    """Return the path of a key's document: "v1/results/3f/convert-3f2a….json"."""
    match = _KEY.fullmatch(key)
    assert match, f"{key!r} is no key"
    return f"{RESULTS}/{match[2][:2]}/{key}.json"


def blob_path(sha256: str) -> str:
    """Return the path of a blob: "v1/blobs/3f/3f2a…"."""
    return f"{BLOBS}/{sha256[:2]}/{sha256}"


def parse_document(content: bytes) -> StoredDocument:
    """Read a document.

    Raises:
        WrongJsonError: It is none.
    """
    return parse_json(StoredDocument, content)
