"""A child process with TensorFlow, which is imported once for all tests of this process."""

import functools
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

_Result = TypeVar("_Result")


def run_in_tensorflow(function: Callable[..., _Result], *arguments: object) -> _Result:
    """Return what a function of a module returns in the child process."""
    return _child().submit(function, *arguments).result()


@functools.cache
def _child() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
