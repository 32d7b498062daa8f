"""Record: behind which walls this process has started others, to be told when a run ends."""

import threading

_lock = threading.Lock()
_names: set[str | None] = set()


def record_wall(name: str | None) -> None:
    """Note that a process was started behind a wall; None for one without."""
    with _lock:
        _names.add(name)


def describe_walls() -> str | None:
    """Return a sentence on the walls used so far, such as "Models were opened behind bubblewrap".

    None where no process was started.
    """
    with _lock:
        names = set(_names)
    if not names:
        return None
    walls = " and ".join(sorted(name for name in names if name is not None))
    if None not in names:
        return f"Models were opened behind {walls}"
    return "Trusted models were opened without a wall: nothing on this machine can confine them"
