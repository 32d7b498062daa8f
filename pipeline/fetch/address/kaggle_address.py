"""Addresses of models on Kaggle in the manifest.

    kaggle:owner/model/framework/variation      the newest version
    kaggle:owner/model/framework/variation/2    a version, which never changes; `#path` in it
    https://www.kaggle.com/models/owner/model/framework/variation/2   the page's own address

The handles of TF Hub lead to such pages today. It opens no file and asks no server.
"""

import re
from urllib.parse import SplitResult, unquote, urlsplit

from pipeline.errors import SourceError
from pipeline.fetch.address.source_type import Source, parse_fragment

KAGGLE_FORM = "kaggle:owner/model/framework/variation/version#path"

_HOSTS = {"kaggle.com", "www.kaggle.com"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NUM_NAMES = 4
# …/models/owner/model/frameworks/F/variations/V/versions/1, as pages were addressed at first.
_LONG = ("frameworks", "variations", "versions")
# What the site offers as "cURL", and the API of Kaggle's own clients.
_API = re.compile(r"/api/v1/models/(?P<path>.+)/download")


def parse_kaggle(text: str) -> Source:
    """Read an address in our form.

    Raises:
        SourceError: The text is no such address; the message has the expected form.
    """
    rest, _, fragment = text.partition(":")[2].partition("#")
    rest = rest.strip("/").removeprefix("models/")
    return _parse(text, rest, fragment)


def parse_kaggle_page(text: str) -> Source | None:
    """Read the address of a model's page or of its download; None for any other URL.

    Raises:
        SourceError: The page is one of Kaggle's, but not of a single model.
    """
    parts = urlsplit(text)
    if parts.hostname not in _HOSTS or "format=" in parts.query:
        return None  # tf-hub-format and tfjs-format ask for the files themselves
    if match := _API.fullmatch(parts.path):
        return _parse(text, match["path"], unquote(parts.fragment))
    first, _, rest = parts.path.strip("/").partition("/")
    if first in {"datasets", "code", "competitions"}:
        raise SourceError(f"{text!r}: no model of Kaggle's; expected {KAGGLE_FORM}")
    if first != "models":
        return None
    return _parse(text, rest, _without_tab(parts))


def _parse(text: str, rest: str, fragment: str) -> Source:
    names = [unquote(name) for name in rest.strip("/").split("/")]
    if tuple(names[2::2]) == _LONG[: len(names[2::2])] and len(names) > _NUM_NAMES:
        names = [*names[:2], *names[3::2]]
    version = names[_NUM_NAMES] if len(names) == _NUM_NAMES + 1 else None
    if version is not None and not version.isdecimal():
        raise SourceError(f"{text!r}: {version!r} is no version; expected {KAGGLE_FORM}")
    named = all(_NAME.fullmatch(name) for name in names)
    if not named or not _NUM_NAMES <= len(names) <= _NUM_NAMES + 1:
        raise SourceError(
            f"{text!r}: {'/'.join(names)!r} is no model with framework and variation; "
            f"expected {KAGGLE_FORM}",
            hint="on the model's page choose both, then copy what its code sample downloads",
        )
    inside, nested = parse_fragment(text, fragment)
    return Source(
        kind="kaggle",
        uri=text,
        location="/".join(names[:_NUM_NAMES]),
        version=version,
        inside=inside,
        nested=nested,
        archive=True,
    )


def _without_tab(parts: SplitResult) -> str:
    """Return the path after '#'; the site itself writes the name of an open tab there."""
    return "" if parts.fragment.startswith(":~:") else unquote(parts.fragment)
