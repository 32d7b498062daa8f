"""Small real models that a program of its own makes: tests do not import TensorFlow."""

import atexit
import shutil
import tempfile
from pathlib import Path

from tensorflow_child import run_program


def build_in_child(program: str, *, prefix: str) -> Path:
    """Return a folder with the models that a program writes; it is removed at exit.

    Args:
        program: The program, which takes the folder as its argument.
        prefix: First letters of the folder's name.

    Raises:
        AssertionError: The program ended with an error; the message is what it said.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run_program(Path(program).resolve(), str(folder))
    return folder
