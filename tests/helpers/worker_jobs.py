"""Jobs for the tests of the worker pool: what a child process may do, good and bad.

It is imported in the child, and as the server's preload; it imports nothing heavy.
"""

import ctypes
import errno
import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from pipeline.errors import FormatError

imported_at = time.monotonic_ns()
begun = 0


def begin_job() -> None:
    """Count the jobs of this process."""
    global begun  # noqa: PLW0603  # the state that the pool promises to reset, or not
    begun += 1


def describe(**arguments: object) -> dict[str, object]:
    """Return what the child is and what it was given."""
    return {
        "arguments": {name: repr(value) for name, value in arguments.items()},
        "pid": os.getpid(),
        "group": os.getpgrp(),
        "session": os.getsid(0),
        "server": imported_at,
        "begun": begun,
        "environment": dict(os.environ),
    }


def import_modules(names: list[str]) -> list[str]:
    """Import modules; return the names of all that were not imported before."""
    before = set(sys.modules)
    for name in names:
        importlib.import_module(name)
    return sorted(set(sys.modules) - before)


def talk() -> None:
    """Write to both streams, from Python, from C and from a child."""
    print("from python")  # noqa: T201  # the test reads the log
    print("from python's stderr", file=sys.stderr)  # noqa: T201  # the test reads the log
    os.write(1, b"from below\n")
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)


def sleep(seconds: float, started: Path | None = None) -> float:
    """Wait, and say before that the job runs."""
    begin = time.time()
    if started:
        started.write_text(str(os.getpid()))
    time.sleep(seconds)
    return begin


def sleep_with_children(started: Path) -> None:
    """Start a child in the group and one in a session of its own, and wait."""
    command = [sys.executable, "-c", "import time; time.sleep(300)"]
    children = [
        subprocess.Popen(command),
        subprocess.Popen(command, start_new_session=True),
    ]
    pids = [os.getpid(), os.getppid(), *(child.pid for child in children)]
    started.with_suffix(".tmp").write_text(" ".join(map(str, pids)))
    started.with_suffix(".tmp").rename(started)
    time.sleep(300)


def leave_a_child() -> int:
    """Return while a child still runs."""
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"]).pid


def take_memory(size_bytes: int, seconds: float = 0) -> int:
    """Touch that much memory, and keep it for a while."""
    block = b"x" * size_bytes
    time.sleep(seconds)
    return len(block)


def take_memory_in_child(size_bytes: int) -> None:
    """Let a child of the job touch the memory."""
    code = f"import time; block = b'x' * {size_bytes}; time.sleep(300)"
    subprocess.run([sys.executable, "-c", code], check=False)


def fill_the_disk(file: Path) -> None:
    """Fail as a full disk has it."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))


def import_from_a_broken_disk() -> None:
    """Fail as a package on a broken disk has it."""
    error = ImportError("numpy's page of advice", name="numpy")
    error.__cause__ = OSError(errno.EIO, os.strerror(errno.EIO))
    raise error


def leave_outcome(text: str) -> None:
    """Write an outcome of one's own, as a stranger's model may do, and go."""
    (Path(os.environ["TMPDIR"]) / "outcome.json").write_text(text)
    os._exit(0)


def segfault() -> None:
    """Read where there is nothing."""
    print("about to read address 1", flush=True)  # noqa: T201  # the test reads the log
    ctypes.string_at(1)


def die(number: int) -> None:
    """End by a signal."""
    os.kill(os.getpid(), number)
    signal.pause()


def leave(code: int) -> None:
    """End without a result."""
    os._exit(code)


def refuse() -> None:
    """Raise an error that is meant for the user."""
    raise FormatError("model.pb: found text; expected a SavedModel", hint="look at the file")


def stumble() -> None:
    """Raise an error that is a bug."""
    raise KeyError("no such thing")


def give_a_lambda() -> object:
    """Return what cannot travel."""
    return lambda: None


def attempt_all(folder: Path, canary: str, port: int, parent: int) -> list[str]:
    """Return which attempts to get out came off."""
    import wall_attempts  # behind the wall, as models are

    return wall_attempts.attempt(folder, Path(canary), port, parent)


def attempt_in_tensorflow(canary: str, folder: Path) -> list[str]:
    """Return which of TensorFlow's ways out came off."""
    import wall_attempts

    return wall_attempts.attempt_in_tensorflow(Path(canary), folder)


def read_text(path: str) -> str | None:
    """Return a file's text, None where it cannot be read."""
    try:
        return Path(path).read_text()
    except OSError:
        return None


def fill(folder: Path, bytes_each: int) -> None:
    """Write file after file."""
    for number in range(1000):
        (folder / str(number)).write_bytes(bytes(bytes_each))
        time.sleep(0.2)
