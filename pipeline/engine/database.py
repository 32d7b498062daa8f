"""doit's database: a cache of the tasks that were up to date when a run ended.

Receipts are the truth. So a file that is empty, cut off, of an older form, a folder or unreadable
counts as empty, and the next run checks each result instead. A run also goes on if the file cannot
be written. It is written beside its path and renamed.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pipeline.disk.files import write_atomic
from pipeline.disk.machine_faults import machine_error
from pipeline.errors import MachineError

# doit's own fields of a task, beside the task's values (doit/dependency.py, Dependency).
_KINDS: Mapping[str, type] = {"_values_:": dict, "deps:": list, "checker:": str}


class CacheDatabase:
    """A back end of doit, of the shape of its `JsonDB`.

    Attributes:
        name: Path of the file.
        fault: Why it could not be written; None if it was written.
    """

    desc: ClassVar[str] = "JSON file that may be lost at any time"

    def __init__(self, name: str, codec: object, *, module_name: object = None) -> None:  # noqa: ARG002  # doit gives them to all back ends
        self.name = name
        self.fault: MachineError | None = None
        self._tasks = _load(Path(name))
        self._changed = False

    def dump(self) -> None:
        """Write the file if a task has changed."""
        if not self._changed:
            return
        try:
            write_atomic(Path(self.name), json.dumps(self._tasks).encode())
        except OSError as error:
            self.fault = machine_error(error, root=Path(self.name).parent.parent)

    def set(self, task_id: str, dependency: str, value: Any) -> None:
        """Store a value of a task."""
        self._changed = True
        self._tasks.setdefault(task_id, {})[dependency] = value

    def get(self, task_id: str, dependency: str) -> Any:
        """Return a value of a task; None if the file has none."""
        return self._tasks.get(task_id, {}).get(dependency)

    def in_(self, task_id: str) -> bool:
        """Return whether the file has values of a task."""
        return task_id in self._tasks

    def remove(self, task_id: str) -> None:
        """Forget a task."""
        self._changed |= self._tasks.pop(task_id, None) is not None

    def remove_all(self) -> None:
        """Forget all tasks."""
        self._changed = True
        self._tasks = {}


def _load(path: Path) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError, MemoryError):
        return {}
    tasks = content.items() if isinstance(content, dict) else ()
    return {name: kept for name, kept in tasks if _is_whole(kept)}


def _is_whole(kept: Any) -> bool:
    return isinstance(kept, dict) and all(
        isinstance(kept[key], kind) for key, kind in _KINDS.items() if key in kept
    )
