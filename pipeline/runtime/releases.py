"""Releases: an older TensorFlow.js for what the newest one has broken.

The newest release is what pages should load, so an older one is asked only where the newest
fails, and the catalog then says which one ran.
"""

from collections.abc import Callable
from typing import TypeVar

from pipeline.runtime.tfjs_packages import VERSIONS, Packages

T = TypeVar("T")


def run_in_releases(
    run: Callable[[Packages], T],
    *,
    fetch: Callable[[str], Packages],
    works: Callable[[T], bool],
) -> T:
    """Return what the newest release gives that works; what the newest gives where none does.

    Args:
        run: Runs something in a release.
        fetch: Brings a release, by its version.
        works: Whether an older release need not be asked.
    """
    newest = run(fetch(VERSIONS[0]))
    if works(newest):
        return newest
    older = (run(fetch(version)) for version in VERSIONS[1:])
    return next((result for result in older if works(result)), newest)
