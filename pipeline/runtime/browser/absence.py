"""Absence: why this run tried no model in a browser, for the end of the run.

Every run loads this module, and only runs that need a browser look for one.
"""

import threading

_lock = threading.Lock()
_reasons: dict[str, dict[str, None]] = {}
"""The reasons of each backend, each once."""


def record_absence(backend: str, reason: str) -> None:
    """Note why a model was not tried on a backend."""
    with _lock:
        _reasons.setdefault(backend, {})[reason] = None


def describe_absence() -> str | None:
    """Return a sentence on what was not tried; None if everything was.

    For example "webgl was not tried: there is no Chromium or Chrome on this machine".
    """
    with _lock:
        told = [f"{backend} was not tried: {'; '.join(why)}" for backend, why in _reasons.items()]
    return "; ".join(told) or None
