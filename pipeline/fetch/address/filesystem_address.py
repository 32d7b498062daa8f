"""Addresses in file systems that fsspec reaches: buckets and servers, by scheme.

    s3://bucket/folder                       a folder: all below it, or its model.json
    gs://bucket/m.zip#saved_model            an archive and a path inside it
    s3://bucket/m.h5?versionId=…             a version of an object; gs: `?generation=…`

It opens no file and asks no server.
"""

import importlib.metadata
import re
from urllib.parse import parse_qs, urlsplit

from pipeline.errors import SourceError
from pipeline.fetch.address.source_type import Source, is_archive_name, parse_fragment
from pipeline.fetch.http.credentials import strip_credentials

# Schemes of fsspec for servers of files, without those for this machine and the web, and without
# those that only change how another scheme is read (zip, simplecache, reference, …).
SCHEMES = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "ocilake", "oss", "tos"}
    | {"ftp", "sftp", "ssh", "smb", "hdfs", "arrow_hdfs", "webhdfs", "webdav", "dbfs", "lakefs"}
    | {"gdrive", "box", "dropbox", "git", "github", "gist", "wandb", "dvc", "jupyter", "root"}
    | {"memory"}
)
_WRAPPERS = {"zip", "tar", "libarchive", "simplecache", "filecache", "blockcache", "dir", "cached"}
_BUCKETS = {"s3", "s3a", "gs", "gcs"}
_VERSION_KEYS = {"s3": "versionId", "s3a": "versionId", "gs": "generation", "gcs": "generation"}
_ENTRY_POINTS = "fsspec.specs"
# What gsutil writes for a version of an object.
_GENERATION = re.compile(r"\d{13,}")


def is_filesystem(scheme: str) -> bool:
    """Return whether fsspec knows a scheme, by itself or through an installed package."""
    if scheme in SCHEMES:
        return True
    if scheme in _WRAPPERS or not re.fullmatch(r"[a-z][a-z0-9_+.-]+", scheme):
        return False
    return bool(importlib.metadata.entry_points(group=_ENTRY_POINTS, name=scheme))


def parse_filesystem(text: str) -> Source:
    """Read an address whose scheme `is_filesystem`.

    Raises:
        SourceError: The text is no such address; the message has the expected form.
    """
    scheme, _, rest = text.partition(":")
    scheme, shown = scheme.lower(), strip_credentials(text)
    if not rest.startswith("//"):
        meant = f"{scheme}://{rest.lstrip('/')}"
        raise SourceError(f"{shown!r}: no '//' after {scheme}:; did you mean {meant!r}?")
    if "::" in text:
        raise SourceError(
            f"{shown!r}: '::' joins file systems; expected {scheme}://place/m.zip#path/inside"
        )
    path, hash_sign, fragment = rest[2:].partition("#")
    if scheme in _BUCKETS:
        _check_bucket(shown, scheme, path, fragment)
    key = _VERSION_KEYS.get(scheme)
    inside, nested = parse_fragment(shown, fragment)
    return Source(
        kind="filesystem",
        uri=shown,
        location=f"{scheme}://{path}",
        version=parse_qs(urlsplit(path).query).get(key, [None])[0] if key else None,
        inside=inside,
        archive=bool(hash_sign) or is_archive_name(path.partition("?")[0]),
        nested=nested,
    )


def _check_bucket(shown: str, scheme: str, path: str, fragment: str) -> None:
    bucket = path.partition("/")[0]
    expected = f"expected {scheme}://bucket/path"
    if "@" in bucket:
        raise SourceError(
            f"{shown!r}: a bucket's credentials are no part of its address; {expected}",
            hint="its client finds them in the environment and in its own files",
        )
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]+", bucket):
        raise SourceError(f"{shown!r}: {bucket!r} is no bucket; {expected}")
    if _GENERATION.fullmatch(fragment):
        meant = f"{scheme}://{path}?generation={fragment}"
        raise SourceError(f"{shown!r}: '#' begins a path; did you mean {meant!r}?")
