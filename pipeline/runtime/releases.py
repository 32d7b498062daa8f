"""Releases: runs a model in an older TensorFlow.js if the newest release is broken for it.

Pages should load the newest release, so an older release is tried only if the newest fails; the
catalog then names the release.
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
    """Return the result of the newest release that works, else that of the newest release.

    Args:
        run: Runs the model in a release.
        fetch: Returns a release by its version.
        works: Whether a result needs no older release.
    """
    newest = run(fetch(VERSIONS[0]))
    if works(newest):
        return newest
    older = (run(fetch(version)) for version in VERSIONS[1:])
    return next((result for result in older if works(result)), newest)
