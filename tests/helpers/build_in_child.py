"""Small real models that a program of its own makes: tests do not import TensorFlow."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def build_in_child(program: str, *, prefix: str) -> Path:
    """Return a folder with the models that a program writes; it is removed at exit.

    Args:
        program: The program, which takes the folder as its argument.
        prefix: First letters of the folder's name.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, str(Path(program).resolve()), str(folder)]
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, done.stdout.decode()
    return folder
