"""Walls used: those behind which this process has started others, for the end of a run.

Every run loads this module, and only runs that start processes load the walls.
"""

import threading

_lock = threading.Lock()
_names: set[str | None] = set()


def record_wall(name: str | None) -> None:
    """Note that a process was started behind a wall; None if it was started without."""
    with _lock:
        _names.add(name)


def list_walls() -> frozenset[str | None]:
    """Return the walls used so far; None is among them if a process was started without."""
    with _lock:
        return frozenset(_names)


def describe_walls() -> str | None:
    """Return a sentence on the walls used so far; None if no process was started.

    For example "Models were opened behind bubblewrap".
    """
    with _lock:
        names = set(_names)
    if not names:
        return None
    walls = " and ".join(sorted(name for name in names if name is not None))
    if None not in names:
        return f"Models were opened behind {walls}"
    return "Trusted models were opened without a wall: nothing on this machine can confine them"
