"""Child: run one job in this process, with its output in the job's log.

The other end of the channel is the process that wants the result. When that process dies,
this one kills itself with all its children.
"""

import faulthandler
import importlib
import os
import resource
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from pipeline.errors import PipelineError, WorkerError
from pipeline.workers.job import Request, UnexpectedJobError

# getrusage counts in KiB on Linux, in bytes on macOS.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024

Outcome = tuple[str, Any, int]


def run_job(channel: Connection, begin: Callable[[], None], *, fresh: bool) -> None:
    """Receive a request, run it, and send its outcome: ("value" or "error", it, peak bytes).

    Args:
        channel: Gives a Request, takes the outcome.
        begin: Called before the function, to put what was imported into a known state.
        fresh: Whether this process was made for this job, so that its peak is the job's.
    """
    request: Request = channel.recv()
    _redirect(request)
    kind, result = _call(request, begin)
    sys.stdout.flush()
    sys.stderr.flush()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT if fresh else 0
    _send(channel, (kind, result, peak))


def die_with(descriptor: int) -> None:
    """Kill this process's group as soon as the socket's other end is closed."""
    threading.Thread(target=_watch, args=(descriptor,), name="parent-watch", daemon=True).start()


def _watch(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # no event but hang-up and error, which always come
    poll.poll()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _redirect(request: Request) -> None:
    request.log.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(request.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    faulthandler.enable(file=2, all_threads=False)


def _call(request: Request, begin: Callable[[], None]) -> tuple[str, Any]:
    """Return ("value", …) or ("error", an exception that can travel)."""
    module, _, name = request.function.partition(":")
    try:
        begin()
        function = getattr(importlib.import_module(module), name)
        return "value", function(**request.arguments)
    except PipelineError as error:
        traceback.print_exc()  # into the log: the message alone travels
        return "error", error
    except MemoryError:
        traceback.print_exc()
        return "error", WorkerError(
            "ran out of memory", hint="build fewer models at once (-n), or on a larger machine"
        )
    except BaseException as error:  # noqa: BLE001  # whatever it is, the parent must hear of it
        traceback.print_exc()
        return "error", _unexpected(error)


def _send(channel: Connection, outcome: Outcome) -> None:
    try:
        channel.send(outcome)
    except OSError:
        pass  # nobody waits any more
    except Exception as error:  # noqa: BLE001  # a value that cannot be pickled
        channel.send(("error", _unexpected(error), outcome[2]))


def _unexpected(error: BaseException) -> UnexpectedJobError:
    summary = "".join(traceback.format_exception_only(error)).strip()
    return UnexpectedJobError(summary, "".join(traceback.format_exception(error)))
