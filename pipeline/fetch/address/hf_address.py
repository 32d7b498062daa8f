"""Addresses of Hugging Face repositories in the manifest.

    hf:owner/repo                        the model repository, at its branch `main`
    hf:owner/repo@v1.0#folder/m.keras    at a branch, tag or commit; a path in it
    hf:datasets/owner/repo#m.zip#inner   in a data set or space; a path in an archive in it
    hf://owner/repo@v1.0/folder/m.keras  the same, in the form of Hugging Face's own clients

It opens no file and asks no server.
"""

import re
from urllib.parse import unquote

from pipeline.errors import SourceError
from pipeline.fetch.address.source_type import (
    Source,
    is_archive_name,
    parse_inside,
    refuse_fragment,
)

HF_FORM = "hf:owner/repo@revision#path/in/repo"
MAIN = "main"

_TYPES = ("datasets", "spaces")
_NUM_NAMES = 2  # owner and repository
# https://huggingface.co/docs/huggingface_hub: validate_repo_id in utils/_validators.py.
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
# Revisions with "/" that need no %2F: _SPECIAL_REFS_REVISION_REGEX in utils/_hf_uris.py.
_SPECIAL = re.compile(r"refs/(?:convert/[\w.-]+|pr/\d+)(?=/|$)")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+-]*")


def parse_hf(text: str) -> Source:
    """Read an address.

    Raises:
        SourceError: The text is no such address; the message has the expected form.
    """
    rest, hash_sign, fragment = text.partition(":")[2].partition("#")
    if rest.startswith("//"):
        repository, revision, path = _parse_uri(rest[2:])
        if path and hash_sign:
            fragment = f"{path}#{fragment}"
        elif path:
            fragment = path
    else:
        repository, _, revision = rest.partition("@")
        repository = repository.removeprefix("models/")
        revision = unquote(revision) or MAIN
        if rest.endswith("@"):
            raise SourceError(f"{text!r}: no revision after '@'; expected {HF_FORM}")
    _check_repository(text, repository, fragment)
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise SourceError(f"{text!r}: {revision!r} is no revision; expected {HF_FORM}")
    path, _, nested = fragment.partition("#")
    source = Source(
        kind="hf",
        uri=text,
        location=repository,
        version=revision,
        inside=parse_inside(text, unquote(path)),
        archive=True,
        nested=parse_inside(text, unquote(nested)),
    )
    if source.nested is not None and not is_archive_name(source.inside or ""):
        raise refuse_fragment(text, source.inside or repository)
    return source


def _parse_uri(rest: str) -> tuple[str, str, str]:
    """Return repository, revision and path of the text after `hf://`."""
    rest = rest.strip("/").removeprefix("models/")
    count = 1 + _NUM_NAMES if rest.partition("/")[0] in _TYPES else _NUM_NAMES
    parts = rest.split("/", count)
    repository, at_sign, first = "/".join(parts[:count]).partition("@")
    tail = parts[count] if len(parts) > count else ""
    if not at_sign:
        return repository, MAIN, tail
    after = "/".join(part for part in (first, tail) if part)
    special = _SPECIAL.match(after)
    revision = special[0] if special else first.partition("/")[0]
    return repository, unquote(revision) or MAIN, after[len(revision) :].strip("/")


def _check_repository(text: str, repository: str, fragment: str) -> None:
    parts = repository.split("/")
    names = parts[1:] if parts[0] in _TYPES else parts
    if len(names) == _NUM_NAMES and all(map(_NAME.fullmatch, names)):
        return
    meant = _guess(parts, fragment)
    suggestion = f"; did you mean {meant!r}?" if meant else ""
    raise SourceError(f"{text!r}: {repository!r} is no repository{suggestion}; expected {HF_FORM}")


def _guess(parts: list[str], fragment: str) -> str | None:
    """Return the address for a path after "/": "hf:ann/net#m.h5" for "ann/net/m.h5"."""
    count = 1 + _NUM_NAMES if parts[0] in _TYPES else _NUM_NAMES
    names, rest = parts[:count], parts[count:]
    if not rest or fragment or not all(map(_NAME.fullmatch, names)):
        return None
    revision = ""
    if rest[0] in {"resolve", "blob", "tree", "raw"} and len(rest) > 1:
        revision, rest = f"@{rest[1]}", rest[2:]
    path = "#" + "/".join(rest) if rest else ""
    return f"hf:{'/'.join(names)}{revision}{path}"
