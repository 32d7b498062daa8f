"""Versions of the tools that results depend on, for receipts and for the catalog."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from pipeline.disk.browser_program import BrowserProgram, find_browser

# No Python distributions: the files of TensorFlow.js, from npm at this version, and the browser.
TFJS = "4.22.0"
_PINNED: Mapping[str, str] = {"tfjs": TFJS}


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
