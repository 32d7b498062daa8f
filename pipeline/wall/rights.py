"""Rights: the files that a process behind the wall may reach, with their form in JSON."""

import os
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Behind the wall run Python and Node.js. They need shared libraries, and the files in which the C
# library and the runtimes look up the machine. No folder in which people keep files is here.
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
    # Not the folder /proc/self: it also has the environment and the memory of the process.
    "/proc/self/cmdline",
)
_WRITABLE = ("/dev/null",)
_LOADERS = "ld-linux*", "ld-musl*"


@dataclass(frozen=True, kw_only=True)
class Rights:
    """All that a process behind the wall may do with files.

    Attributes:
        reads: Files, and folders with everything below them, that it may read.
        writes: Folders that it may read, and in which it may make, change and remove files and
            folders, but no links, pipes, sockets or devices.
        executes: Programs that it may become. It may never start another process.
        file_bytes: Size of the largest file that it may write; None for no limit.
    """

    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    executes: tuple[Path, ...] = ()
    file_bytes: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the rights as JSON: {"reads": ["/models"], …, "file_bytes": null}."""
        paths = {name: [str(p) for p in getattr(self, name)] for name in _PATHS}
        return {**paths, "file_bytes": self.file_bytes}


_PATHS = ("reads", "writes", "executes")


def parse_rights(wire: Mapping[str, Any]) -> Rights:
    """Read the rights that `Rights.to_json` wrote."""
    paths = {name: tuple(Path(text) for text in wire[name]) for name in _PATHS}
    return Rights(**paths, file_bytes=wire["file_bytes"])


def system_paths() -> list[Path]:
    """Return the existing files and folders of the system that every process must read."""
    return [path for path in map(Path, (*_SYSTEM, *_WRITABLE)) if path.exists()]


def writable_devices() -> list[Path]:
    """Return the devices that every process may write, because they store nothing."""
    return [Path(name) for name in _WRITABLE]


def program_loaders() -> list[Path]:
    """Return the dynamic loaders, which Linux executes to start a program."""
    folders = [Path("/lib64"), Path("/lib")]
    return [path for folder in folders for name in _LOADERS for path in folder.glob(name)]


def python_paths() -> list[Path]:
    """Return the folders of the running Python and of its installed packages.

    Other folders of `sys.path`, such as the folder of the zoo, are left out.
    """
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    standard = [sysconfig.get_path(name) for name in names]
    # A Python that was moved has its library here; LIBDIR names the place that it was built for.
    moved = Path(sys.base_prefix) / "lib"
    libraries = [sysconfig.get_config_var("LIBDIR"), str(moved), *_library_path()]
    installed = [entry for entry in sys.path if _holds_packages(entry)]
    environment = Path(sys.prefix) / "pyvenv.cfg"
    found = dict.fromkeys(Path(entry) for entry in (*standard, *libraries, *installed) if entry)
    # That place may be a folder that this user cannot enter.
    return [path for path in (*found, environment) if os.path.exists(path)]  # noqa: PTH110


def _library_path() -> list[str]:
    """Return the absolute folders of LD_LIBRARY_PATH, in which programs find libraries."""
    entries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    return [entry for entry in entries if Path(entry).is_absolute()]


def _holds_packages(entry: str) -> bool:
    return Path(entry).name in {"site-packages", "dist-packages"}
