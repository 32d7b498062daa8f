"""What a model that runs code would try: a job of the pool, and a program to start behind a wall.

`python wall_attempts.py FOLDER CANARY PORT PARENT` prints what it could do as a JSON list.
"""

import ctypes
import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

# What each attempt needs is beside the canary: the folder that nobody gave away.
OWN = ["write into the own folder", "start a thread"]


def attempt(folder: Path, canary: Path, port: int, parent: int) -> list[str]:
    """Return the names of the attempts that came off.

    Args:
        folder: The one that may be written.
        canary: A file that may not even be read; its folder may not be written.
        port: Where somebody listens on the loopback; beside the canary is a socket `unix`.
        parent: A process that may not be touched.
    """
    return [name for name, act in _attempts(folder, canary, port, parent) if _comes_off(act)]


def names() -> list[str]:
    """Return the names of all attempts."""
    return [name for name, _ in _attempts(Path(), Path(), 0, 0)]


def _comes_off(act: Callable[[], object]) -> bool:
    try:
        act()
    except (OSError, subprocess.SubprocessError, AssertionError):
        return False
    return True


def _attempts(
    folder: Path, canary: Path, port: int, parent: int
) -> list[tuple[str, Callable[[], object]]]:
    out = canary.parent
    return [
        ("write into the own folder", lambda: (folder / "own").write_text("x")),
        ("start a thread", _thread),
        ("read a file", canary.read_text),
        ("read through a link", (folder / "link").read_text),
        ("read a file of the system", lambda: Path("/etc/passwd").read_text()),
        ("list a folder", lambda: list(out.iterdir())),
        ("read its environment", lambda: _read(f"/proc/{os.getpid()}/environ")),
        ("read the environment of another process", lambda: _read(f"/proc/{parent}/environ")),
        ("open the memory of another process", lambda: Path(f"/proc/{parent}/mem").open("r+b")),
        ("make a file", lambda: (out / "made").write_text("x")),
        ("change a file", lambda: canary.open("a")),
        ("shorten a file", lambda: os.truncate(canary, 0)),
        ("shorten a file while opening it", lambda: os.open(canary, os.O_RDONLY | os.O_TRUNC)),
        ("remove a file", canary.unlink),
        ("make a folder", (out / "folder").mkdir),
        ("move a file out", lambda: (folder / "own").rename(out / "own")),
        ("link a file in", lambda: os.link(canary, folder / "hard")),
        ("make a link in the own folder", lambda: (folder / "soft").symlink_to(canary)),
        ("make a pipe in the own folder", lambda: os.mkfifo(folder / "pipe")),
        ("change the mode of a file", lambda: canary.chmod(0o777)),
        ("change the owner of a file", lambda: os.chown(canary, 1, 1)),
        ("change the time of a file", lambda: os.utime(canary, (0, 0))),
        ("connect", lambda: socket.create_connection(("127.0.0.1", port), timeout=2)),
        ("listen", lambda: socket.create_server(("127.0.0.1", 0))),
        ("send a datagram", lambda: _datagram(port)),
        ("connect to a socket of the system", lambda: _connect_unix(str(out / "unix"))),
        ("signal another process", lambda: os.kill(parent, 0)),
        ("signal its group", lambda: os.kill(0, 0)),
        ("limit another process", lambda: resource.prlimit(parent, resource.RLIMIT_CORE)),
        ("trace another process", lambda: _trace(parent)),
        ("fork", _fork),
        ("start a program", lambda: subprocess.run([sys.executable, "-c", ""], check=True)),
        ("become another program", _become_another),
        ("leave the namespace", lambda: _call(272, 0x10000000)),
        ("make an io_uring", _io_uring),
        ("leave a core file", _raise_core),
    ]


def _thread() -> None:
    import threading

    thread = threading.Thread(target=len, args=("",))
    thread.start()
    thread.join()


def _read(path: str) -> bytes:
    content = Path(path).read_bytes()
    assert b"SECRET" in content
    return content


def _datagram(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.sendto(b"x", ("127.0.0.1", port))


def _connect_unix(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.connect(path)


def _trace(pid: int) -> None:
    _call(101, 0x4206, pid, 0, 0)  # ptrace(PTRACE_SEIZE), which does not stop it


def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _become_another() -> None:
    missing = str(Path(sys.executable).with_name("no such program"))
    try:
        os.execv(sys.executable + " ", [missing])  # noqa: S606  # there is none, so it fails at last
    except FileNotFoundError:
        return  # it got as far as to look


def _io_uring() -> None:
    parameters = ctypes.create_string_buffer(256)
    _call(425, 4, parameters)


def _raise_core() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    assert hard != 0


def _call(number: int, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def attempt_in_tensorflow(canary: Path, folder: Path) -> list[str]:
    """Return which of TensorFlow's own ways out came off."""
    import tensorflow as tf

    attempts: dict[str, Callable[[], object]] = {
        "read_file": lambda: tf.io.read_file(str(canary)),
        "write_file": lambda: tf.io.write_file(str(canary.parent / "written"), "x"),
        "matching_files": lambda: tf.debugging.assert_greater(
            tf.size(tf.io.matching_files(f"{canary.parent}/*")), 0
        ),
        "dataset": lambda: list(tf.data.TextLineDataset("/proc/self/environ")),
        "own": lambda: tf.io.write_file(str(folder / "own"), "x"),
    }
    done = []
    for name, act in attempts.items():
        try:
            act()
        except (tf.errors.OpError, OSError):
            continue
        done.append(name)
    return done


if __name__ == "__main__":
    own, secret, number, other = sys.argv[1:]
    print(json.dumps(attempt(Path(own), Path(secret), int(number), int(other))))  # noqa: T201  # the test reads it
