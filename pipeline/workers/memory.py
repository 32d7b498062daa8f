"""Memory: what the machine has left, and what a tree of processes uses.

Linux control groups count: in a container the machine's own figure is not what one may use.
"""

import contextlib
from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")


def available_memory() -> int:
    """Return how many bytes can still be used, by the machine and by our control group."""
    machine = psutil.virtual_memory().available
    groups = (_group_free_v2(_own_group(_CGROUP)), _group_free_v1(_CGROUP / "memory"))
    return min([machine, *(free for free in groups if free is not None)])


def tree_memory(pid: int) -> int:
    """Return the resident bytes of a process and all its descendants; 0 when it is gone."""
    total = 0
    for process in _tree(pid):
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def tree_pids(pid: int) -> list[int]:
    """Return the process and its descendants, also those in a session of their own."""
    return [process.pid for process in _tree(pid)]


def _tree(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _own_group(root: Path) -> list[Path]:
    """Return the folders of our control group (version 2) and of those that it lies in."""
    try:
        line = Path("/proc/self/cgroup").read_text().splitlines()[-1]
    except (OSError, IndexError):
        return [root]
    inner = root / line.partition("::")[2].lstrip("/")
    folders = [inner, *inner.parents]
    return folders[: folders.index(root) + 1] if root in folders else [root]


def _group_free_v2(folders: list[Path]) -> int | None:
    free = [
        _free(folder / "memory.max", folder / "memory.current", folder / "memory.stat")
        for folder in folders
    ]
    return min((size for size in free if size is not None), default=None)


def _group_free_v1(folder: Path) -> int | None:
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat")
    return _free(*(folder / name for name in names))


def _free(limit: Path, usage: Path, stat: Path) -> int | None:
    """Return limit less usage, page cache that can be dropped not counted; None for no limit."""
    try:
        most = int(limit.read_text())  # or "max", which is no number
        cache = dict(line.split() for line in stat.read_text().splitlines())
        used = int(usage.read_text()) - int(
            cache.get("total_inactive_file", cache.get("inactive_file", 0))
        )
        return max(0, most - used)
    except (OSError, ValueError):
        return None
