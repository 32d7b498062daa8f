"""Versions of the tools that results depend on, for receipts and for the catalog."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline.disk.browser_program import BrowserProgram, find_browser

# No Python distributions: the files of TensorFlow.js, from npm at this version, and the browser.
TFJS = "4.22.0"
_PINNED: Mapping[str, str] = {"tfjs": TFJS}


@cache
def digest_program() -> str:
    """Return a digest of this program's files: while one develops, the version stays the same."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        if path.suffix != ".pyc" and path.is_file():
            digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def installed_version(distribution: str) -> str | None:
    """Return the version of a tool, e.g. "2.19.0" for "tensorflow"; None if it is not installed."""
    if distribution in _PINNED:
        return _PINNED[distribution]
    if distribution == "browser":
        found = find_browser()
        return found.version if isinstance(found, BrowserProgram) else None
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
