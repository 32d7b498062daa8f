"""Sources in the manifest: the forms of `source:`.

    models/m.h5                               a file or folder, relative to models.yaml
    file:///data/m.zip#saved_model            the same, as a URL
    https://example.org/m/model.json          a file; a model.json brings its shards
    https://example.org/m.tar.gz#m            an archive and a path inside it
    m.zip#hand.task#hand_detector.tflite      an archive in an archive
    npm:@scope/name@1.2.3#models/m.json       a package of npm's registry, exact version
    pypi:name==1.2.3#name/saved_model         a package of a Python index, exact version
    hf:owner/repo@revision#m.keras            a repository of Hugging Face: `hf_address`
    kaggle:owner/model/tensorFlow2/full/1     a model of Kaggle or TensorFlow Hub: `kaggle_address`
    s3://bucket/folder                        files that fsspec reads: `filesystem_address`

It opens no file of a model and asks no server; `pipeline.fetch.fetch` does.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import unquote, urlsplit, urlunsplit

from packaging.version import InvalidVersion, Version

from pipeline.errors import SourceError
from pipeline.fetch.address.filesystem_address import SCHEMES, is_filesystem, parse_filesystem
from pipeline.fetch.address.hf_address import parse_hf
from pipeline.fetch.address.hub import ask_compressed, is_hub, locate_hub
from pipeline.fetch.address.kaggle_address import parse_kaggle, parse_kaggle_page
from pipeline.fetch.address.source_type import (
    Source,
    is_archive_name,
    parse_fragment,
    refuse_fragment,
)
from pipeline.fetch.address.web_pages import find_meant
from pipeline.fetch.http.credentials import check_variables, strip_credentials
from pipeline.text.suggest import find_similar

NPM_FORM = "npm:[@scope/]name@1.2.3#path/in/package"
PYPI_FORM = "pypi:name==1.2.3#path/in/package"
_FORMS = "a path relative to models.yaml, file:, https:, npm:, pypi:, hf:, kaggle:, s3: or gs:"
_SCHEMES = ("file", "http", "https", "npm", "pypi", "hf", "kaggle", *sorted(SCHEMES))
_OTHER_NAMES = {"huggingface": "hf", "kagglehub": "kaggle", "tfhub": "https", "pip": "pypi"}

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+._-]*):")
_ARN = re.compile(r"arn:aws[a-z-]*:s3:::(.+)")
_NPM_NAME = re.compile(r"(?:@[A-Za-z0-9~-][A-Za-z0-9._~-]*/)?[A-Za-z0-9~-][A-Za-z0-9._~-]*")
_PYPI_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
# The official expression's language, less its refusal of leading zeros: https://semver.org
_SEMVER = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")


def parse_source(text: str, *, hub: bool = False) -> Source:
    """Read a source of the manifest.

    Args:
        text: The text in the manifest.
        hub: Whether the model is a module of TF Hub (`input_format: tf_hub`), so that a URL is
            asked for its archive as TF Hub's clients ask.

    Raises:
        SourceError: The text has none of the forms above; the message has the expected forms.
    """
    if not text.strip() or text != text.strip() or any(ord(letter) < ord(" ") for letter in text):
        raise SourceError(f"{text!r} is no source; expected {_FORMS}")
    if "${" in text:
        check_variables(text, shown=strip_credentials(text) if "//" in text else text)
    match = _SCHEME.match(text)
    if match is None:
        return _parse_path(text)
    scheme = match[1].lower()
    parse = _PARSERS.get(scheme)
    if parse is None and not is_filesystem(scheme):
        raise _unknown_scheme(text, scheme)
    source = (parse or parse_filesystem)(text)
    if hub and source.kind == "http" and not is_archive_name(urlsplit(source.location).path):
        return replace(source, location=ask_compressed(source.location), archive=True)
    return source


def _parse_path(text: str) -> Source:
    path, hash_sign, fragment = text.partition("#")
    archive = is_archive_name(path)
    if hash_sign and not archive:
        raise refuse_fragment(text, path)
    uri = text
    if path.startswith("/"):
        uri = f"file:{path.rstrip('/').rpartition('/')[2]}{hash_sign}{fragment}"
    inside, nested = parse_fragment(text, fragment)
    return Source(
        kind="path", uri=uri, location=path, inside=inside, archive=archive, nested=nested
    )


def _parse_file(text: str) -> Source:
    parts = urlsplit(text)
    path = unquote(parts.path)
    if parts.netloc not in {"", "localhost"} or parts.query or not path:
        raise SourceError(f"{text!r} is no file: URL; expected file:///folder/m.h5 or file:m.h5")
    archive = is_archive_name(path)
    if parts.fragment and not archive:
        raise refuse_fragment(text, path)
    uri = text
    if path.startswith("/"):
        name = parts.path.rstrip("/").rpartition("/")[2]
        uri = f"file:{name}" + (f"#{parts.fragment}" if parts.fragment else "")
    inside, nested = parse_fragment(text, unquote(parts.fragment))
    return Source(
        kind="path", uri=uri, location=path, inside=inside, archive=archive, nested=nested
    )


def _parse_http(text: str) -> Source:
    shown = strip_credentials(text)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise SourceError(f"{shown!r} is no URL: {error}") from None
    if not host or re.search(r"\s", text):
        raise SourceError(f"{shown!r} is no URL; expected https://host/path/model.json")
    if meant := find_meant(text):
        raise SourceError(f"{shown!r} is a page in a browser; did you mean {meant!r}?")
    if source := parse_kaggle_page(text):
        return source
    # A download link may have no suffix: then `#path` or `#.` says that it brings an archive.
    archive = is_archive_name(parts.path) or "#" in text
    url = urlunsplit(parts._replace(fragment=""))
    if is_hub(url):
        url, archive = locate_hub(url)
    inside, nested = parse_fragment(shown, unquote(parts.fragment))
    return Source(
        kind="http", uri=shown, location=url, inside=inside, archive=archive, nested=nested
    )


def _parse_npm(text: str) -> Source:
    package, _, fragment = text.partition(":")[2].partition("#")
    name, at_sign, version = package.rpartition("@")
    if not at_sign or not name:
        name, version = package, ""
    if not _NPM_NAME.fullmatch(name):
        raise SourceError(f"{text!r}: {name!r} is no package name; expected {NPM_FORM}")
    if not _SEMVER.fullmatch(version):
        raise SourceError(f"{text!r}: {_inexact(version)}; expected {NPM_FORM}")
    inside, nested = parse_fragment(text, fragment)
    return Source(
        kind="npm",
        uri=text,
        location=name,
        version=version,
        inside=inside,
        archive=True,
        nested=nested,
    )


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
    inside, nested = parse_fragment(text, fragment)
    return Source(
        kind="pypi",
        uri=text,
        location=name,
        version=version[2:],
        inside=inside,
        archive=True,
        nested=nested,
    )


def _inexact(version: str) -> str:
    if not version:
        return "a package needs an exact version"
    return f"{version!r} is no exact version"


def _unknown_scheme(text: str, scheme: str) -> SourceError:
    shown = strip_credentials(text) if "//" in text else text
    if bucket := _ARN.fullmatch(text):
        return SourceError(f"{text!r}: no source; did you mean 's3://{bucket[1]}'?")
    near = [_OTHER_NAMES[scheme]] if scheme in _OTHER_NAMES else []
    near = near or find_similar(scheme, _SCHEMES)
    meant = f"; did you mean {near[0]}:?" if near else ""
    hint = None
    if "//" in text:
        hint = "other file systems of fsspec work once the package that brings them is installed"
    elif "/" not in text:
        hint = f"a file of that name is written ./{text}"
    return SourceError(
        f"{shown!r}: {scheme}: is no kind of source{meant}; expected {_FORMS}", hint=hint
    )


_PARSERS: Mapping[str, Callable[[str], Source]] = {
    "file": _parse_file,
    "http": _parse_http,
    "https": _parse_http,
    "npm": _parse_npm,
    "pypi": _parse_pypi,
    "hf": parse_hf,
    "kaggle": parse_kaggle,
}
