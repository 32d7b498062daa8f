"""Rights: which files a process behind the wall may reach, as values that can travel as JSON."""

import os
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A process is Python or Node.js: shared libraries, what the C library and the runtimes ask of
# the machine, and no folder in which people keep files.
_SYSTEM = (
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/nix/store",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/dev/urandom",
    "/dev/random",
    "/dev/zero",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    # Of the process itself; not its folder, in which its environment and memory lie.
    "/proc/self/cmdline",
)
_WRITABLE = ("/dev/null",)
_LOADERS = "ld-linux*", "ld-musl*"


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What a process behind the wall may do with files; it may do nothing else.

    Attributes:
        reads: Files, and folders with all below them, that it may read.
        writes: Folders in which it may also make, change and remove files and folders, but no
            links, pipes, sockets or devices.
        executes: Files that it may start in its own place. It never starts another process.
        file_bytes: Largest file that it may write; None for no limit.
    """

    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    executes: tuple[Path, ...] = ()
    file_bytes: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        paths = {name: [str(p) for p in getattr(self, name)] for name in _PATHS}
        return {**paths, "file_bytes": self.file_bytes}


_PATHS = ("reads", "writes", "executes")


def parse_rights(wire: Mapping[str, Any]) -> Rights:
    """Return what `Rights.to_json` wrote."""
    paths = {name: tuple(Path(text) for text in wire[name]) for name in _PATHS}
    return Rights(**paths, file_bytes=wire["file_bytes"])


def system_paths() -> list[Path]:
    """Return what every process has to read of the machine, as far as it is there."""
    return [path for path in map(Path, (*_SYSTEM, *_WRITABLE)) if path.exists()]


def writable_devices() -> list[Path]:
    """Return the devices that every process may write: they keep nothing."""
    return [Path(name) for name in _WRITABLE]


def program_loaders() -> list[Path]:
    """Return the dynamic loaders, which Linux executes to start a program."""
    folders = [Path("/lib64"), Path("/lib")]
    return [path for folder in folders for name in _LOADERS for path in folder.glob(name)]


def python_paths() -> list[Path]:
    """Return the folders of the running Python and of its installed packages.

    Folders that are on `sys.path` for another reason are left out, such as the one that a zoo
    is built in.
    """
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    standard = [sysconfig.get_path(name) for name in names]
    libraries = [sysconfig.get_config_var("LIBDIR"), *_library_path()]
    installed = [entry for entry in sys.path if _holds_packages(entry)]
    environment = Path(sys.prefix) / "pyvenv.cfg"
    found = dict.fromkeys(Path(entry) for entry in (*standard, *libraries, *installed) if entry)
    return [path for path in (*found, environment) if path.exists()]


def _library_path() -> list[str]:
    """Return the absolute folders in which the user lets programs look for libraries."""
    entries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    return [entry for entry in entries if Path(entry).is_absolute()]


def _holds_packages(entry: str) -> bool:
    return Path(entry).name in {"site-packages", "dist-packages"}
