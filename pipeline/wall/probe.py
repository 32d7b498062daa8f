"""The probe: a process that tries to get out, so that only a wall that held is used.

The probe must not read a certain file, write a certain folder, reach a certain port, or signal this
process. It tries all of these, and reports the attempts that succeeded. That takes some tens of
milliseconds.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from pipeline.wall.rights import Rights, python_paths

_SECONDS = 20
_ATTEMPTS = """
import json, os, socket, sys
inside, canary, outside, port, parent = sys.argv[1:]
def connect():
    socket.create_connection(("127.0.0.1", int(port)), timeout=2)
def write(path):
    with open(path, "w") as file:
        file.write("x")
def environment():
    with open(f"/proc/{parent}/environ", "rb") as file:
        assert file.read()
attempts = {
    "read a file": lambda: open(canary).read(),
    "write a file": lambda: write(outside),
    "reach the network": connect,
    "signal another process": lambda: os.kill(int(parent), 0),
    "read the environment of another process": environment,
}
done = []
for name, attempt in attempts.items():
    try:
        attempt()
    except (OSError, AssertionError):
        continue
    done.append(name)
write(os.path.join(inside, "said"))
print(json.dumps(done))
"""


def try_wall(command: Callable[[Rights, Sequence[str]], list[str]]) -> str | None:
    """Start the probe behind a wall, and return why the wall fails; None if it holds.

    Args:
        command: Returns the command line that starts a program with the given rights.

    Returns:
        "it does not start: …" or "behind it a process can read a file, reach the network".
    """
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as port:
        inside, outside = Path(name, "inside").resolve(), Path(name, "outside").resolve()
        for folder in (inside, outside):
            folder.mkdir()
        canary = outside / "canary"
        canary.write_text("x", encoding="utf-8")
        known = (inside, canary, outside / "written", port.getsockname()[1], os.getpid())
        python = [_interpreter(), "-I", "-S", "-c", _ATTEMPTS, *map(str, known)]
        rights = Rights(reads=tuple(python_paths()), writes=(inside,))
        with Path(name, "told").open("w+b") as told, Path(name, "errors").open("w+b") as errors:
            try:
                code = _run(command(rights, python), inside, stdout=told, stderr=errors)
            except (OSError, subprocess.TimeoutExpired) as error:
                return f"it does not start: {error}"
            told.seek(0)
            errors.seek(0)
            if code or not (inside / "said").exists():
                said = errors.read().decode(errors="replace").strip().splitlines()
                return f"it does not start: {said[-1] if said else code}"
            could = json.loads(told.read())
    return f"behind it a process can {', '.join(could)}" if could else None


def _run(command: Sequence[str], folder: Path, *, stdout: BinaryIO, stderr: BinaryIO) -> int:
    """Run a program in a group of its own, and end all that it leaves: bubblewrap has a child."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env={},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _interpreter() -> str:
    """Return the real path of Python: behind the wall, a link to it could not be followed."""
    return os.path.realpath(sys.executable)
