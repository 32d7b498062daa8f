"""The wall of this machine: it confines a process that loads files of strangers.

Linux has Landlock and seccomp, by which a process confines itself. bubblewrap and, on macOS,
sandbox-exec are programs that start another program confined. Before a wall is used it is tested
with a process that attempts to get out: see pipeline.wall.probe.
"""

import functools
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import NoWallError
from pipeline.wall.landlock import landlock_version
from pipeline.wall.probe import try_wall
from pipeline.wall.rights import Rights, program_loaders, system_paths
from pipeline.wall.walls_used import record_wall

WALL_VARIABLE = "TFJS_ZOO_WALL"
"""Environment variable with the one wall to use: a key of WALLS, or "none"."""

Command = Callable[[Rights, Sequence[str]], list[str]]

# Inside, root is nobody too: browsers refuse their own sandbox to root.
_NOBODY = ("--uid", "65534", "--gid", "65534")
_LAUNCH = Path(__file__).with_name("launch.py")
_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Wall:
    """One kind of wall.

    Attributes:
        name: Its usual name: "bubblewrap".
        command: Returns the command line that starts a program with the given rights.
        on_itself: Whether a process can confine itself by it, as forked processes must.
        holds_children: Whether a program behind it may start others, as a browser does.
        absent: Returns why this machine does not have it; None if it does.
    """

    name: str
    command: Command
    on_itself: bool = False
    holds_children: bool = False
    absent: Callable[[], str | None]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The wall that this machine has.

    Attributes:
        wall: The wall; None if no wall works here.
        tried: Why the walls before it are not used, by their names.
    """

    wall: Wall | None
    tried: Mapping[str, str]


def find_wall(*, children: bool = False) -> Wall | None:
    """Return the wall of this machine, or None if no wall holds; the first call tests them.

    Args:
        children: Whether the program behind it starts others.
    """
    with _lock:
        return look_for_walls(os.environ.get(WALL_VARIABLE) or None, children=children).wall


def require_wall(*, trusted: bool, children: bool = False) -> Wall | None:
    """Return the wall for a process; None if the process is trusted and there is no wall.

    Args:
        trusted: Whether the manifest says `trust: true` of the model.
        children: Whether the program behind it starts others.

    Raises:
        NoWallError: There is no wall, and the model is not trusted.
    """
    wall = find_wall(children=children)
    if wall is None and not trusted:
        raise NoWallError(
            "nothing on this machine can confine a stranger's model"
            f"{' in a browser' if children else ''}: {describe_lack(children=children)}",
            hint="install bubblewrap, or set `trust: true` for this model if you know who made it",
        )
    record_wall(None if wall is None else wall.name)
    return wall


def describe_lack(*, children: bool = False) -> str:
    """Return why no wall is used: "bubblewrap: no program `bwrap` on the PATH; …"."""
    with _lock:
        tried = look_for_walls(os.environ.get(WALL_VARIABLE) or None, children=children).tried
    return "; ".join(f"{name}: {why}" for name, why in tried.items())


@functools.cache
def look_for_walls(only: str | None, *, children: bool = False) -> Standing:
    """Test the kinds of wall, the best first.

    Args:
        only: Key in WALLS of the only wall to use; another word stands for no wall.
        children: Whether the program behind the wall starts others.
    """
    tried: dict[str, str] = {}
    for key, wall in WALLS.items():
        why = f"{WALL_VARIABLE} is {only!r}" if only not in {None, key} else wall.absent()
        if children and not wall.holds_children:
            why = why or "a program behind it can start no other"
        why = why or try_wall(wall.command)
        if why is None:
            return Standing(wall=wall, tried=tried)
        tried[wall.name] = why
    return Standing(wall=None, tried=tried)


def _landlock(rights: Rights, command: Sequence[str]) -> list[str]:
    executed = (Path(command[0]), *program_loaders(), *rights.executes)
    wire = Rights(
        reads=(*rights.reads, Path(command[0])),
        writes=rights.writes,
        executes=executed,
        file_bytes=rights.file_bytes,
    ).to_json()
    launch = [sys.executable, "-I", "-S", str(_LAUNCH), json.dumps(wire)]
    return [*launch, *command]


def _bubblewrap(rights: Rights, command: Sequence[str]) -> list[str]:
    shown = dict.fromkeys([*system_paths(), *rights.reads, Path(command[0]), *rights.executes])
    binds = [
        word
        for path in shown
        if path.exists() and path.parts[1] not in {"dev", "proc"}
        for word in ("--ro-bind", str(path), str(path))
    ]
    writable = [word for path in rights.writes for word in ("--bind", str(path), str(path))]
    return [
        *(str(shutil.which("bwrap")), "--unshare-all", "--die-with-parent", "--new-session"),
        *_NOBODY,
        *("--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),  # noqa: S108  # a new empty folder, only inside
        *binds,
        *writable,
        *(("--chdir", str(rights.writes[0])) if rights.writes else ()),
        "--",
        *command,
    ]


def _sandbox_exec(rights: Rights, command: Sequence[str]) -> list[str]:
    def rule(action: str, paths: Sequence[Path]) -> str:
        places = " ".join(f"(subpath {json.dumps(str(path.resolve()))})" for path in paths)
        return f"(allow {action} {places})" if places else ""

    reads = (*system_paths(), *rights.reads, *rights.writes, *rights.executes, Path(command[0]))
    profile = "\n".join(
        [
            "(version 1)",
            "(deny default)",
            '(import "system.sb")',
            "(allow sysctl-read)",
            "(allow process-info* (target self))",
            "(allow signal (target self))",
            rule("process-exec", (Path(command[0]), *rights.executes)),
            rule("file-read*", reads),
            rule("file-write*", rights.writes),
        ]
    )
    return ["/usr/bin/sandbox-exec", "-p", profile, *command]


def _lacks_landlock() -> str | None:
    if sys.platform != "linux":
        return "only Linux has it"
    if landlock_version() < 1:
        return "not in this kernel; it came with Linux 5.13 and can be turned off"
    return None


def _lacks_bubblewrap() -> str | None:
    if sys.platform != "linux":
        return "only Linux has it"
    return None if shutil.which("bwrap") else "no program `bwrap` on the PATH"


def _lacks_sandbox_exec() -> str | None:
    return None if sys.platform == "darwin" else "only macOS has it"


WALLS: Mapping[str, Wall] = {
    "landlock": Wall(
        name="Landlock and seccomp", command=_landlock, on_itself=True, absent=_lacks_landlock
    ),
    "bubblewrap": Wall(
        name="bubblewrap", command=_bubblewrap, holds_children=True, absent=_lacks_bubblewrap
    ),
    "sandbox-exec": Wall(name="sandbox-exec", command=_sandbox_exec, absent=_lacks_sandbox_exec),
}
"""Every kind, the best first."""
