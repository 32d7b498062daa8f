"""Steps that a worker of a cluster runs, for tests: they do what a step can do to its worker."""

import os
import signal
import time
from pathlib import Path

from step_functions import Text

from pipeline.engine.step import Work


def say_where(work: Work[Text]) -> None:
    """Leave a result that depends on nothing but the inputs, and a log, figures and a remark."""
    read = [(folder / "out.txt").read_text() for folder in work.inputs.values()]
    (work.folder / "out.txt").write_text(" ".join([*read, work.parameters.text]))
    work.uses("numpy")
    work.note(f"pid {os.getpid()}")
    work.measured["pid"] = os.getpid()
    work.remark("it was cold there")


def write_much(work: Work[Text]) -> None:
    """Write a file that is too large to lie in a document of a store."""
    (work.folder / "out.txt").write_text(work.parameters.text * 30_000)


def read_beside(work: Work[Text]) -> None:
    """Copy a file that lies beside the manifest."""
    content = (work.root / work.parameters.text).read_text()
    (work.folder / "out.txt").write_text(content)


def kill_the_first_worker(work: Work[Text]) -> None:
    """Kill the worker that runs it, unless a file says that this has been done."""
    flag = Path(work.parameters.text)
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    (work.folder / "out.txt").write_text("done")


def kill_each_worker(_work: Work[Text]) -> None:
    """Kill the worker that runs it, after a moment."""
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGKILL)


def wait_long(work: Work[Text]) -> None:
    """Wait until it is ended, and leave a file then."""
    folder = Path(work.parameters.text)
    (folder / "began").touch()
    try:
        for _ in range(600):
            work.heartbeat(0, None)
            time.sleep(0.05)
    finally:
        (folder / "ended").touch()
