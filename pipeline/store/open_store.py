"""Opens a store: a folder, or a URL that fsspec knows. Nothing is read from it yet."""

from pathlib import Path
from typing import Any

from pipeline.errors import SetupError
from pipeline.fetch.filesystem_client import open_client
from pipeline.fetch.http.credentials import strip_credentials
from pipeline.store.shared_store import SharedStore
from pipeline.store.store_files import StoreFiles

_SECONDS_TO_CONNECT = 10


def open_store(
    address: str, *, root: Path, endpoint: str | None = None, read_only: bool = False
) -> SharedStore:
    """Return the store at a URL, or in a folder relative to `root`; see `open_store_files`."""
    files = open_store_files(address, root=root, endpoint=endpoint)
    return SharedStore(files, read_only=read_only)


def open_store_files(address: str, *, root: Path, endpoint: str | None = None) -> StoreFiles:
    """Return the files of the store at a URL, or in a folder relative to `root`.

    Args:
        address: The URL or folder.
        root: The folder that a folder is relative to.
        endpoint: Address of an S3 server that is not Amazon's.

    Raises:
        SetupError: The URL names no store, or the client of that store is not installed.
    """
    scheme, separator, rest = address.partition("://")
    scheme, shown = scheme.lower(), strip_credentials(address).rstrip("/")
    if not separator:
        scheme, shown = "file", address
        address = (root / Path(address).expanduser()).resolve().as_uri()
    elif not rest.strip("/"):
        raise SetupError(f"{shown}: names no folder; expected a URL such as s3://bucket/zoo")
    fs, inner = _open_client(address, scheme, endpoint, shown)
    return StoreFiles(fs, inner, scheme=scheme, shown=shown)


def _open_client(address: str, scheme: str, endpoint: str | None, shown: str) -> tuple[Any, str]:
    """Return fsspec's file system for a URL, and the path of the URL in it."""
    options: dict[str, Any] = {}
    if scheme in {"s3", "s3a"}:
        retries = {"max_attempts": 2}
        options["config_kwargs"] = {"connect_timeout": _SECONDS_TO_CONNECT, "retries": retries}
        options["use_listings_cache"] = False
        if endpoint is not None:
            options["endpoint_url"] = endpoint
    elif scheme in {"gs", "gcs"}:
        options["use_listings_cache"] = False
    return open_client(address, options, shown=shown)
