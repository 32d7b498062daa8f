"""Absence: why this run tried no model in a browser, for the end of the run.

Every run loads this module, and only runs that need a browser look for one.
"""

import threading

_lock = threading.Lock()
_reasons: dict[str, None] = {}


def record_absence(reason: str) -> None:
    """Note why a model was not tried in a browser."""
    with _lock:
        _reasons[reason] = None


def describe_absence() -> str | None:
    """Return a sentence on what was not tried; None if everything was.

    For example "webgl and webgpu were not tried: there is no Chromium or Chrome on this machine".
    """
    with _lock:
        reasons = list(_reasons)
    return f"webgl and webgpu were not tried: {'; '.join(reasons)}" if reasons else None
