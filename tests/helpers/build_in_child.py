"""Small real models that a program of its own makes: tests do not import TensorFlow.

A program runs once in a run of the tests: all processes of the run share what it makes.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from tensorflow_child import run_program

SHARED = "TFJS_ZOO_TEST_MODELS"
"""The environment variable with the folder that all processes of a run share."""


def build_in_child(program: str, *, prefix: str) -> Path:
    """Return a folder with the models that a program writes; nobody may change these files.

    Args:
        program: The program, which takes the folder as its argument.
        prefix: First letters of the folder's name.

    Raises:
        AssertionError: The program ended with an error; the message is what it said.
    """
    path = Path(program).resolve()
    folder = Path(os.environ.get(SHARED) or make_shared(), f"{prefix}{path.stem}")
    with Path(f"{folder} lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = Path(f"{folder} unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            run_program(path, str(unfinished))
            unfinished.rename(folder)
    return folder


def make_shared() -> Path:
    """Return the folder that this process and those that it starts share; it goes at exit."""
    folder = Path(tempfile.mkdtemp(prefix="test-models-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[SHARED] = str(folder)
    return folder
