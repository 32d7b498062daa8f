"""Child processes: the parent's side of a server process and of the jobs that it runs.

`pool` decides how many jobs run at a time, `supervise` how long.
"""

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pipeline.errors import WorkerError
from pipeline.wall.rights import Rights, python_paths
from pipeline.wall.wall import Wall
from pipeline.workers.fork_server import NUMBER, READY
from pipeline.workers.memory import tree_pids

# A server gets only these variables of the user's shell: equal results need an equal environment,
# and a hostile model finds no secret in it.
_KEPT = (
    "LANG", "LC_ALL", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PATH", "TMPDIR",
    "TZ",
)  # fmt: skip
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "KERAS_BACKEND": "tensorflow",
    # Keras makes this folder and writes into it while it is imported, if it can.
    "KERAS_HOME": f"{os.devnull}/keras",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_DETERMINISTIC_OPS": "1",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    # A sum split over threads depends on their number; jobs run side by side instead.
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
}
_TAIL_LINES = 8
_TAIL_BYTES = 4000


class Launched:
    """A job's process, as its parent sees it.

    Attributes:
        pid: Process id, which is also the id of its process group.
        channel: Takes the rights and the Request.
        status: Gives the exit code, 8 bytes, or ends without it if the server died.
        killed: Whether we killed the process.
    """

    def __init__(self, server: "Server", pid: int, channel: Connection, status: int) -> None:
        self.server = server
        self.pid = pid
        self.channel = channel
        self.status = status
        self.killed = False

    def exit_code(self) -> int:
        """Wait for the end and return the exit code, negative for a signal."""
        code = os.read(self.status, NUMBER.size)
        if code:
            return int(NUMBER.unpack(code)[0])
        self.kill()
        return self.server.exit_code()

    def kill(self) -> None:
        """Kill the process, its group, and its descendants outside the group."""
        self.killed = True
        for pid in tree_pids(self.pid):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close the descriptors; if the process still runs, it kills itself."""
        self.channel.close()
        os.close(self.status)


class Server:
    """A server process; it dies with this object's control socket.

    Args:
        preload: Module that the server imports once.
        fork: Whether each job gets a process of its own; otherwise the server runs one job.
        wall: The wall to start the server itself behind; None to start it without.
        rights: What the server may do behind that wall.
    """

    def __init__(
        self, preload: str, *, fork: bool, wall: Wall | None = None, rights: Rights | None = None
    ) -> None:
        self._lock = threading.Lock()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the server
        self._control, theirs = socket.socketpair()
        mode = "fork" if fork else "once"
        command = [sys.executable, "-P", "-m", "pipeline.workers.fork_server"]
        command += [str(theirs.fileno()), preload, mode]
        if wall is not None and rights is not None:
            command = wall.command(rights, command)
        with theirs:
            self._process = subprocess.Popen(
                command,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._forks = fork

    def wait_ready(self) -> None:
        """Wait until the server has imported its modules.

        Raises:
            WorkerError: It could not: "TensorFlow cannot be started: ModuleNotFoundError: …".
        """
        answer = self._control.recv(65536)
        if answer == READY:
            return
        code = self.exit_code()
        reason = answer.decode() or f"it ended with {describe_exit(code)}"
        hint = "install again: python -m pip install -e . (or tfjs-zoo) in a new environment"
        if not answer:
            hint = f"its last lines:\n{self._last_lines()}"
        raise WorkerError(f"TensorFlow cannot be started: {reason}", hint=hint)

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def launch(self) -> Launched:
        """Start a job's process.

        Raises:
            WorkerError: The server is gone.
        """
        ours, theirs = socket.socketpair()
        status, their_status = os.pipe()
        try:
            with self._lock:
                socket.send_fds(self._control, [b"j"], [theirs.fileno(), their_status])
        except OSError:
            pass  # then the pipe below ends without a process id
        finally:
            theirs.close()
            os.close(their_status)
        pid = os.read(status, NUMBER.size)
        if not pid:
            ours.close()
            os.close(status)
            raise WorkerError(
                f"the TensorFlow server is gone: {describe_exit(self.exit_code())}",
                hint="run again; when it was out of memory, with fewer jobs at once (-n)",
            )
        # Behind some walls a process sees another process id than we do.
        number = NUMBER.unpack(pid)[0] if self._forks else self._process.pid
        return Launched(self, number, Connection(ours.detach()), status)

    def exit_code(self) -> int:
        """Return the exit code of the server; a server that still runs is killed first."""
        try:
            return self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.wait()

    def kill(self) -> None:
        """Kill the server and all its jobs at once."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=0.3)  # it kills its jobs and goes
        self._process.kill()
        self._process.wait()
        self._control.close()
        self._output.close()

    def _last_lines(self) -> str:
        if self._output.closed:  # killed by another thread meanwhile
            return ""
        self._output.seek(0)
        return last_lines(self._output.read())


def job_rights(
    function: str,
    arguments: Mapping[str, Any],
    *,
    reads: Iterable[Path],
    folder: Path,
    file_bytes: int,
) -> Rights:
    """Return what a job may do: read its arguments and the installed packages, write its folder.

    Args:
        function: The job's function, "package.module:name".
        arguments: Its arguments; the job may read each path, or list of paths, among them.
        reads: Other files and folders that the job may read.
        folder: The folder that the job may write.
        file_bytes: Size of the largest file that the job may write.
    """
    values = arguments.values()
    listed = (part for value in values if isinstance(value, list) for part in value)
    given = [value for value in (*values, *listed) if isinstance(value, Path)]
    code = {_code_folder(function), _code_folder(__name__)}
    return Rights(
        reads=(*python_paths(), *sorted(code), *(p.absolute() for p in (*given, *reads))),
        writes=(folder.absolute(),),
        file_bytes=file_bytes,
    )


def _code_folder(function: str) -> Path:
    """Return the folder of a function's top package, e.g. ".../pipeline"; nothing beside it."""
    spec = importlib.util.find_spec(function.partition(":")[0].partition(".")[0])
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{function}: no such module here")
    return Path(spec.origin).absolute().parent


def describe_exit(code: int) -> str:
    """Return the meaning of an exit code: "segmentation fault (SIGSEGV)", "exit status 3"."""
    if code >= 0:
        return f"exit status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
    if name == "SIGKILL":
        return "killed (SIGKILL; out of memory?)"
    return f"{(signal.strsignal(-code) or 'signal').lower()} ({name})"


def last_lines(output: bytes) -> str:
    """Return the last lines of a log; if it ends with a Python stack, the innermost frames."""
    text = output[-_TAIL_BYTES:].decode(errors="replace")
    before, crash, stack = text.partition("Fatal Python error")  # as faulthandler writes
    lines = before.splitlines()[-_TAIL_LINES:]
    if crash:
        lines += (crash + stack).splitlines()[:_TAIL_LINES]
    return "\n".join(line for line in lines if line.strip())


def _environment() -> dict[str, str]:
    """Return the environment of a server: a few variables of the user's, and our own."""
    kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    return kept | _ENVIRONMENT | {"PYTHONPATH": path}
