"""Server: a process that has imported the heavy packages once and gives each job a copy.

Started as `python -m pipeline.workers.fork_server DESCRIPTOR PRELOAD fork|once`. The server
imports the module PRELOAD and reports that on the control socket DESCRIPTOR. If PRELOAD has a
function `begin_job`, it is called before each job. For each job the server then receives two
descriptors: the job's channel, and a pipe to which it writes the job's process id and, after the
job, its exit code (both int64). With `fork` each job gets a process of its own, which puts itself
behind the wall. With `once` the server runs a single job, and was itself started behind the wall.
When the control socket closes, the server and all its jobs die.

The forkserver of multiprocessing does not serve here: it takes over the parent's environment and
standard error (no fixed PYTHONHASHSEED, TensorFlow's noise on the terminal), runs the parent's
main script in each child, and loses exit codes when two threads ask for them.
"""

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from typing import NoReturn

from pipeline.workers.child import die_with, run_job

NUMBER = struct.Struct("=q")
READY = b"ready"
_WATCH_MILLISECONDS = 100


def main() -> None:
    """Serve until the other end of the control socket is closed."""
    descriptor, preload, mode = sys.argv[1:]
    control = socket.socket(fileno=int(descriptor))
    try:
        with _ending_with(control), _uncollected():
            begin = getattr(importlib.import_module(preload), "begin_job", _begin_nothing)
    except Exception as error:  # noqa: BLE001  # the parent reports it in a sentence
        traceback.print_exc()
        control.sendall("".join(traceback.format_exception_only(error)).strip().encode())
        return
    control.sendall(READY)
    if mode == "fork":
        gc.freeze()  # so that the children go on sharing the memory of imported modules
        _serve_forks(control, begin)
    else:
        _serve_once(control, begin)


@contextlib.contextmanager
def _ending_with(control: socket.socket) -> Iterator[None]:
    """End this process if the other end of the control socket is closed during the block.

    The watching thread ends with the block, because jobs are forked from a process without threads.
    """
    over = threading.Event()

    def watch() -> None:
        poll = select.poll()
        poll.register(control, 0)  # no event but hang-up and error, which always come
        while not over.is_set():
            if poll.poll(_WATCH_MILLISECONDS):
                os._exit(0)

    watcher = threading.Thread(target=watch, name="parent-watch")
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Collect no garbage during the block: imports leave none, and the search takes 0.7 s."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _begin_nothing() -> None:
    pass


def _serve_forks(control: socket.socket, begin: Callable[[], None]) -> None:
    wake, waker = socket.socketpair()
    wake.setblocking(False)
    waker.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler is needed to be woken
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    children: dict[int, int] = {}  # process id: its pipe
    while True:
        readable, _, _ = select.select([control, wake], [], [])
        if wake in readable:
            with contextlib.suppress(BlockingIOError):
                wake.recv(4096)
            _reap(children)
        if control in readable:
            job = _receive(control)
            if job is None:
                _end(children)
            pid = os.fork()
            if pid == 0:
                _run_fork(job, begin, sockets=[control, wake, waker], pipes=children.values())
            channel, status = job
            os.close(channel)
            children[pid] = status
            _tell(status, pid)


def _run_fork(
    job: tuple[int, int],
    begin: Callable[[], None],
    *,
    sockets: Iterable[socket.socket],
    pipes: Iterable[int],
) -> NoReturn:
    """Run a job in the forked process and end it, whatever happens."""
    channel, status = job
    code = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for server_socket in sockets:
            server_socket.close()
        for pipe in (status, *pipes):
            os.close(pipe)
        run_job(Connection(channel), begin)
        code = 0
    except BaseException:  # noqa: BLE001  # a forked job must never return into the server's loop
        traceback.print_exc()
    finally:
        os._exit(code)  # skips TensorFlow's own shutdown, which can hang


def _reap(children: dict[int, int]) -> None:
    for pid, status in list(children.items()):
        # Until it is reaped, no other process gets its id: so kill the rest of its group first.
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            continue
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        _, code = os.waitpid(pid, 0)
        _tell(status, os.waitstatus_to_exitcode(code))
        os.close(status)
        del children[pid]


def _end(children: dict[int, int]) -> NoReturn:
    for pid in children:
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
    os._exit(0)


def _serve_once(control: socket.socket, begin: Callable[[], None]) -> None:
    die_with(control.fileno())
    job = _receive(control)
    if job is None:
        return
    channel, status = job
    _tell(status, os.getpid())
    run_job(Connection(channel), begin)
    _tell(status, 0)
    os._exit(0)  # skips TensorFlow's own shutdown, which can hang


def _receive(control: socket.socket) -> tuple[int, int] | None:
    message, descriptors, _, _ = socket.recv_fds(control, 1, 2)
    if not message:
        return None
    channel, status = descriptors
    return channel, status


def _tell(status: int, number: int) -> None:
    with contextlib.suppress(OSError):  # the parent may have closed its end
        os.write(status, NUMBER.pack(number))


if __name__ == "__main__":
    main()
