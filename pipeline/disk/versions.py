"""Versions of installed distributions, as receipts and the catalog record them."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

# What runs models is fetched from npm and pinned here; it is no distribution of Python's.
TFJS = "4.22.0"
_PINNED: Mapping[str, str] = {"tfjs": TFJS}


@cache
def installed_version(distribution: str) -> str | None:
    """Return the version of a tool, e.g. "2.19.0" of tensorflow, or None."""
    if distribution in _PINNED:
        return _PINNED[distribution]
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
