"""Long process: one that outlives the step which starts it."""

import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path


def start_process(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log: Path
) -> "subprocess.Popen[bytes]":
    """Start a process in a session of its own, in a thread that lives as long as the process.

    The kernel ends a process behind bubblewrap with the thread that started it, and the threads of
    steps end before the run.

    Args:
        command: Its command line.
        folder: Its working folder.
        environment: All its variables.
        log: File that gets its standard error; its standard input and output are pipes.

    Raises:
        OSError: It does not start.
    """
    started: queue.Queue[subprocess.Popen[bytes] | OSError] = queue.Queue()

    def live() -> None:
        try:
            with log.open("wb") as errors:
                process = subprocess.Popen(
                    command,
                    bufsize=0,  # select() must not miss a line that was read with the one before
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,
                )
        except OSError as error:
            started.put(error)
            return
        started.put(process)
        process.wait()

    threading.Thread(target=live, daemon=True).start()
    process = started.get()
    if isinstance(process, OSError):
        raise process
    return process
