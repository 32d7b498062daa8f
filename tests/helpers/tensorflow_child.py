"""Child processes with TensorFlow, which is imported once for all tests of this process.

They are forked from a server that has imported it, which takes 5 s.
"""

import functools
import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import TypeVar
from unittest import mock

_Result = TypeVar("_Result")
_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}


def run_in_tensorflow(function: Callable[..., _Result], *arguments: object) -> _Result:
    """Return what a function of a module returns in a child process, the same one each time."""
    return _child().submit(function, *arguments).result()


def run_program(program: Path, *arguments: str) -> None:
    """Run a program that imports TensorFlow, in a process of its own.

    Raises:
        AssertionError: It ended with an error; the message is what it said.
    """
    with tempfile.NamedTemporaryFile() as log:
        process = context().Process(target=_run_program, args=(program, arguments, log.name))
        process.start()
        process.join()
        assert process.exitcode == 0, Path(log.name).read_text(errors="replace")


@functools.cache
def context() -> ForkServerContext:
    """Return a way to start processes that have imported TensorFlow."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tensorflow"])
    with mock.patch.dict(os.environ, _ENVIRONMENT):
        forkserver.ensure_running()
    return context


@functools.cache
def _child() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=context())


def _run_program(program: Path, arguments: tuple[str, ...], log: str) -> None:
    with Path(log).open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = [str(program), *arguments]
    runpy.run_path(str(program), run_name="__main__")
