"""Versions of installed distributions, as receipts and the catalog record them."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def installed_version(distribution: str) -> str | None:
    """Return the version of an installed distribution, e.g. "2.19.0", or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
