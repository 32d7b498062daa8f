"""Memory: how much the machine has left, and how much a tree of processes uses.

The limits of Linux control groups count too: a container may use less than the machine has.
"""

import contextlib
import os
from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")
_PROC = Path("/proc")
# Linux lists the children of each thread; without that, psutil looks at all processes of the
# machine, which takes 5 ms of each look at a job.
_LISTS_CHILDREN = (_PROC / f"self/task/{os.getpid()}/children").exists()


def available_memory() -> int:
    """Return the bytes that are still free, both in the machine and in our control groups."""
    machine = psutil.virtual_memory().available
    groups = (_group_free_v2(_own_group(_CGROUP)), _group_free_v1(_CGROUP / "memory"))
    return min([machine, *(free for free in groups if free is not None)])


def tree_memory(pid: int) -> int:
    """Return the resident bytes of a process and all its descendants; 0 if it is gone.

    A process that starts or ends meanwhile may be missed.
    """
    if _LISTS_CHILDREN:
        return _listed_memory(pid)
    total = 0
    for process in _tree(pid):
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def _listed_memory(pid: int) -> int:
    total, waiting = 0, [str(pid)]
    while waiting:
        folder = _PROC / waiting.pop()
        with contextlib.suppress(OSError):  # it is gone
            total += int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            for thread in (folder / "task").iterdir():
                waiting += (thread / "children").read_text().split()
    return total


def tree_pids(pid: int) -> list[int]:
    """Return the ids of a process and its descendants, also of those in other sessions."""
    return [process.pid for process in _tree(pid)]


def _tree(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _own_group(root: Path) -> list[Path]:
    """Return the folders of our control group (version 2) and of the groups around it."""
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
    """Return limit minus usage, without counting droppable page cache; None for no limit."""
    try:
        most = int(limit.read_text())  # without a limit "max", a ValueError
        cache = dict(line.split() for line in stat.read_text().splitlines())
        used = int(usage.read_text()) - int(
            cache.get("total_inactive_file", cache.get("inactive_file", 0))
        )
        return max(0, most - used)
    except (OSError, ValueError):
        return None
