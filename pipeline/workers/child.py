"""Child: run one job in this process, behind the wall, with its output in the job's log.

The parent is at the other end of the channel. It sends first the rights that this process keeps,
and only then the job. When the parent dies, this process kills itself. The outcome is JSON in a
file: the parent need not trust a process that has loaded a stranger's model.
"""

import contextlib
import faulthandler
import importlib
import json
import os
import pickle
import resource
import select
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from pipeline.disk.machine_faults import OF_NO_MODEL, machine_error
from pipeline.errors import MachineError, PipelineError, WorkerError
from pipeline.wall.confine import confine
from pipeline.wall.rights import parse_rights
from pipeline.workers.pool_job import OUTCOME, Request

# The unit of getrusage: KiB on Linux, bytes on macOS.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def run_job(channel: Connection, begin: Callable[[], None]) -> None:
    """Give up all rights but the job's, receive the job, run it, and write its outcome.

    Args:
        channel: Gives the rights, then the pickled Request.
        begin: Called before the function, to bring imported packages into a known state.
    """
    rights = json.loads(channel.recv_bytes())
    if rights is not None:
        confine(parse_rights(rights))
    # A thread that starts before the wall would keep all its rights, so this one starts after.
    die_with(channel.fileno())
    request: Request = pickle.loads(channel.recv_bytes())  # noqa: S301  # from our parent
    _settle(request)
    outcome = _call(request, begin)
    sys.stdout.flush()
    sys.stderr.flush()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
    _leave(request, {**outcome, "peak": peak})


def die_with(descriptor: int) -> None:
    """Kill this process as soon as the socket's other end is closed.

    The thread that watches has a descriptor of its own. On a busy machine it may look for the first
    time when a short job has ended and closed the given one, which would count as the other end's.
    """
    own = os.dup(descriptor)
    threading.Thread(target=_watch, args=(own,), name="parent-watch", daemon=True).start()


def _watch(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # no event but hang-up and error, which always come
    poll.poll()
    try:
        os.killpg(os.getpgrp(), signal.SIGKILL)
    except PermissionError:  # behind the wall there is nobody else in the group
        os.kill(os.getpid(), signal.SIGKILL)


def _settle(request: Request) -> None:
    """Send all output to the log, and the private files of libraries to the scratch folder."""
    scratch = str(request.scratch)
    os.environ.update({"HOME": scratch, "KERAS_HOME": scratch, "TMPDIR": scratch})
    tempfile.tempdir = scratch
    os.umask(0o022)  # published files are for all to read; modes cannot be changed later
    log = os.open(request.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    faulthandler.enable(file=2, all_threads=False)


def _call(request: Request, begin: Callable[[], None]) -> dict[str, Any]:
    """Return the outcome: the function's value, an error for the user, or a bug of ours."""
    module, _, name = request.function.partition(":")
    try:
        begin()
        function = getattr(importlib.import_module(module), name)
        return {"value": function(**request.arguments)}
    except BaseException as error:  # noqa: BLE001  # the parent must learn of every error
        with contextlib.suppress(OSError):  # the log's disk may be full
            traceback.print_exc()  # into the log: the message alone travels
        return _describe(error)


def _describe(error: BaseException) -> dict[str, Any]:
    """Return an error as `pipeline.workers.supervise` parses it."""
    match error:
        case PipelineError():
            kinds = [kind.__name__ for kind in type(error).__mro__]
            fault = error.fault if isinstance(error, MachineError) else None
            texts = {"message": error.message, "hint": error.hint, "fault": fault}
            return {"error": {"kinds": kinds, **texts}}
        case MemoryError():
            hint = "build fewer models at once (-n), or on a larger machine"
            return _describe(WorkerError("ran out of memory", hint=hint))
        case ImportError():
            return _describe(machine_error(error))
        case OSError() if error.errno in OF_NO_MODEL:
            # The parent knows where people find the file, so it writes the message.
            return {"error": {"number": error.errno, "file": str(error.filename or "")}}
        case _:
            return _describe_bug(error)


def _describe_bug(error: BaseException) -> dict[str, Any]:
    summary = "".join(traceback.format_exception_only(error)).strip()
    trace = "".join(traceback.format_exception(error))
    return {"error": {"message": summary, "traceback": trace}}


def _to_json(value: Any) -> Any:
    """Return the JSON value of a record; a value of any other class has none."""
    if not hasattr(value, "to_json"):
        raise TypeError(f"{type(value).__name__} is no JSON value")
    return value.to_json()


def _leave(request: Request, outcome: dict[str, Any]) -> None:
    try:
        text = json.dumps(outcome, default=_to_json)
    except (TypeError, ValueError, RecursionError) as error:  # a value that is no JSON
        text = json.dumps({**_describe_bug(error), "peak": outcome["peak"]})
    (request.scratch / OUTCOME).write_text(text, encoding="utf-8")
