"""The browser of this machine: Chromium or Chrome, its program and its version.

A program says its version only when it is started, which takes a tenth of a second. So the version
is kept in the cache of downloads, and asked for again when the program's file has changed.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.disk.files import write_atomic
from pipeline.disk.layout import cache_folder

VARIABLE = "CHROME"
"""Environment variable with the browser to use: a path, or a name on the PATH."""

BROWSER_BACKENDS = ("webgl", "webgpu")
"""Backends of TensorFlow.js that only a browser has."""

_NAMES = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser", "chrome")
_APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_SECONDS = 20
_VERSION = re.compile(r"[A-Za-z][A-Za-z ]*\d+(\.\d+)+")


@dataclass(frozen=True, kw_only=True)
class BrowserProgram:
    """A browser of this machine.

    Attributes:
        path: Absolute path of its program, links resolved.
        version: Its name and version: "Chromium 150.0.7871.100".
    """

    path: Path
    version: str


def find_browser(environ: Mapping[str, str] = os.environ) -> BrowserProgram | str:
    """Return the browser of this machine, or a sentence that says why there is none.

    Args:
        environ: The environment: `CHROME`, `PATH` and the place of the cache.

    Returns:
        "there is no Chromium or Chrome on this machine", for example.
    """
    asked = environ.get(VARIABLE)
    path = environ.get("PATH")
    names = (asked,) if asked else (*_NAMES, *_APPLICATIONS)
    found = next(filter(None, (shutil.which(name, path=path) for name in names)), None)
    if found is None and asked:
        return f"{VARIABLE} is {asked!r}, which is no program on this machine"
    if found is None:
        return "there is no Chromium or Chrome on this machine"
    program = Path(found).resolve()
    version = _read_version(program, cache_folder(environ) / "browsers.json")
    if version is None:
        return f"{program} does not say its version, as Chromium and Chrome do"
    return BrowserProgram(path=program, version=version)


def _read_version(program: Path, known: Path) -> str | None:
    """Return the version of a program: the one in a file of known versions, or what it says."""
    status = program.stat()
    key = f"{program} {status.st_mtime_ns} {status.st_size}"
    try:
        versions = json.loads(known.read_bytes())
        version = versions.get(key)
    except (OSError, ValueError, AttributeError):
        versions, version = {}, None
    if isinstance(version, str):
        return version
    version = _ask_version(program)
    if version is not None:
        known.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(known, json.dumps({**versions, key: version}, sort_keys=True).encode())
    return version


def _ask_version(program: Path) -> str | None:
    try:
        answer = subprocess.run(
            [str(program), "--version"],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
        ).stdout.decode(errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(answer)
    return found[0] if found else None
