"""doit's database: a cache of the tasks that were up to date when a run ended.

Receipts are the truth. So a file that is empty, cut off, of an older form, a folder or unreadable
counts as empty, and the next run checks each result instead. A run also goes on if the file cannot
be written. It is written beside its path and renamed.

The file has a line for each model, of three fields: its name, its seal, and what doit knows of its
tasks; the last two are JSON, `null` for none. The line without a name is that of the tasks of the
zoo. A line is read when a task of it is asked for, and else written again as it stands, so a run
costs as much as the models that it touches.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pipeline.disk.files import write_atomic
from pipeline.disk.machine_faults import machine_error
from pipeline.errors import MachineError

# The first line of the file; another form of it gets another number.
HEAD = b"tasks of tfjs-zoo 2"
# doit's own fields of a task, beside the task's values (doit/dependency.py, Dependency).
_KINDS: Mapping[str, type] = {"_values_:": dict, "deps:": list, "checker:": str}
# doit keeps a task's result for tasks that compare it; ours do not, and it is the stamp again.
_DROPPED = "result:"
_NOTHING = b"null"


@dataclass(kw_only=True)
class _Line:
    """What is known of the tasks of one model.

    Attributes:
        seal: Its seal as JSON.
        text: doit's values by task and key, as JSON; None after a change.
        tasks: The same, read; None until it is asked for.
    """

    seal: bytes = _NOTHING
    text: bytes | None = b"{}"
    tasks: dict[str, dict[str, Any]] | None = None

    def read(self) -> dict[str, dict[str, Any]]:
        """Return doit's values by task and key."""
        if self.tasks is None:
            self.tasks = _parse_tasks(self.text or b"")
        return self.tasks

    def change(self) -> dict[str, dict[str, Any]]:
        """Return doit's values, which are about to change: a seal no longer holds."""
        tasks = self.read()
        self.seal, self.text = _NOTHING, None
        return tasks

    def format(self) -> bytes:
        """Return seal and tasks as they are written."""
        if self.text is None:
            self.text = _format(self.tasks)
        return self.seal + b"\t" + self.text


# Lines of files that were read before doit opens them.
_read_ahead: dict[str, dict[str, _Line]] = {}


def read_ahead(path: Path) -> "CacheDatabase":
    """Read the file for a look at its seals; doit, which opens it next, does not read it again."""
    _read_ahead[str(path)] = lines = _load(path)
    database = CacheDatabase(str(path), None)
    _read_ahead[str(path)] = lines
    return database


class CacheDatabase:
    """A back end of doit, of the shape of its `JsonDB`.

    Attributes:
        name: Path of the file.
        fault: Why it could not be written; None if it was written.
        before_dump: Called before the file is written.
    """

    desc: ClassVar[str] = "file that may be lost at any time, a line for each model"

    def __init__(self, name: str, codec: object, *, module_name: object = None) -> None:  # noqa: ARG002  # doit gives them to all back ends
        self.name = name
        self.fault: MachineError | None = None
        self.before_dump: Callable[[], None] = lambda: None
        self._lines = _read_ahead.pop(name, {}) or _load(Path(name))
        self._changed = False

    def dump(self) -> None:
        """Write the file if a task or a seal has changed."""
        self.before_dump()
        if not self._changed:
            return
        lines = [name.encode() + b"\t" + line.format() for name, line in self._lines.items()]
        try:
            write_atomic(Path(self.name), b"\n".join([HEAD, *lines, b""]))
        except OSError as error:
            self.fault = machine_error(error, root=Path(self.name).parent.parent)

    def set(self, task_id: str, dependency: str, value: Any) -> None:
        """Store a value of a task."""
        if dependency == _DROPPED or self.get(task_id, dependency) == value:
            return
        self._changed = True
        line = self._lines.setdefault(model_of(task_id), _Line())
        line.change().setdefault(task_id, {})[dependency] = value

    def get(self, task_id: str, dependency: str) -> Any:
        """Return a value of a task; None if the file has none."""
        return self.values(task_id).get(dependency)

    def values(self, task_id: str) -> Mapping[str, Any]:
        """Return all values of a task."""
        line = self._lines.get(model_of(task_id))
        return line.read().get(task_id, {}) if line else {}

    def in_(self, task_id: str) -> bool:
        """Return whether the file has values of a task."""
        line = self._lines.get(model_of(task_id))
        return line is not None and task_id in line.read()

    def remove(self, task_id: str) -> None:
        """Forget a task."""
        if self.in_(task_id):
            self._changed = True
            del self._lines[model_of(task_id)].change()[task_id]

    def remove_all(self) -> None:
        """Forget all tasks."""
        self._changed = True
        self._lines = {}

    def seal(self, model: str) -> Any:
        """Return the seal of a model; None if it has none."""
        line = self._lines.get(model)
        try:
            return json.loads(line.seal) if line else None
        except (ValueError, RecursionError):
            return None

    def set_seal(self, model: str, seal: Any) -> None:
        """Store the seal of a model: a JSON value that any change of its tasks removes."""
        line = self._lines.setdefault(model, _Line())
        text = _format(seal)
        self._changed |= line.seal != text
        line.seal = text

    def settle(self, model: str) -> None:
        """Keep what is known of a model's tasks as text alone, a tenth of the memory."""
        line = self._lines.get(model)
        if line is not None:
            line.format()
            line.tasks = None

    def keep(self, models: Iterable[str]) -> None:
        """Forget the models that are not among these."""
        known = {"", *models}
        gone = self._lines.keys() - known
        self._changed |= bool(gone)
        for model in gone:
            del self._lines[model]


def model_of(task: str) -> str:
    """Return the model of a task: "m" of "variant:m:uint8"; "" of "catalog"."""
    return task.split(":", 2)[1] if ":" in task else ""


def _format(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _load(path: Path) -> dict[str, _Line]:
    try:
        # What follows the last line break was cut off.
        head, *lines, _ = path.read_bytes().split(b"\n")
        return dict(map(_parse_line, lines)) if head == HEAD else {}
    except (OSError, ValueError, MemoryError):
        return {}


def _parse_line(line: bytes) -> tuple[str, _Line]:
    name, seal, text = line.split(b"\t")
    return name.decode(), _Line(seal=seal, text=text)


def _parse_tasks(text: bytes) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError, MemoryError):
        return {}
    tasks = content.items() if isinstance(content, dict) else ()
    return {name: kept for name, kept in tasks if _is_whole(kept)}


def _is_whole(kept: Any) -> bool:
    return isinstance(kept, dict) and all(
        isinstance(kept[key], kind) for key, kind in _KINDS.items() if key in kept
    )
