"""Runs the files of `custom_objects:` and returns the classes and functions that they define.

The files are the user's, and run in the child process that builds the model. They are written for
the Keras that saved the model: for a model of Keras 1 or 2, `import keras` and `tf.keras` in them
mean tf_keras, because TensorFlow itself brings Keras 3 only.
"""

import importlib.util
import math
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from keras.src.utils import python_utils
from tf_keras.src.layers.core import lambda_layer

from pipeline.errors import ConversionError
from pipeline.tf.reasons import format_reason

LISTED = "custom_objects"
"""Name of a mapping in a file with more objects, as `load_model(custom_objects=…)` takes it."""
_KERAS = ("keras", "tensorflow.keras")


def run_custom_code(code: Mapping[str, str], *, of_tf_keras: bool) -> dict[str, Any]:
    """Run files in their order and return what they define, by name.

    A file can import the files before it by their names without ".py".

    Args:
        code: Source text of each file, by its path in the manifest.
        of_tf_keras: Whether the model is of Keras 1 or 2.

    Returns:
        Public names, and all values of a mapping called `custom_objects`.

    Raises:
        ConversionError: A file cannot be run.
    """
    found: dict[str, Any] = {}
    if not code:
        return found
    folder = Path(tempfile.mkdtemp())
    with _modules_kept():
        if of_tf_keras:
            _stand_in_tf_keras()
        for path, text in code.items():
            found |= _list_objects(_run(path, text, folder))
    return found


@contextmanager
def _modules_kept() -> Iterator[None]:
    """Bring the imported modules back to what they were."""
    before = dict(sys.modules)
    try:
        yield
    finally:
        named = {name for name in sys.modules if name not in before}
        for name in named:
            if _is_keras(name):
                del sys.modules[name]
        sys.modules.update(before)


def _stand_in_tf_keras() -> None:
    """Let every import of Keras find tf_keras."""
    for name in [name for name in sys.modules if _is_keras(name)]:
        del sys.modules[name]
    stand_in = ModuleType("tensorflow")
    stand_in.__dict__.update(vars(tf))
    stand_in.__getattr__ = lambda name: getattr(tf, name)  # type: ignore[method-assign]
    stand_in.keras = tf_keras  # type: ignore[attr-defined]
    sys.modules["tensorflow"] = stand_in
    sys.modules.update(dict.fromkeys(_KERAS, tf_keras))


def _is_keras(name: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in _KERAS)


def _run(path: str, text: str, folder: Path) -> ModuleType:
    name = PurePosixPath(path).stem
    file = folder / f"{name}.py"
    file.write_text(text, encoding="utf-8")  # TensorFlow reads the source of a layer's `call`
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConversionError(
            f"custom_objects: {path} cannot be run: {format_reason(error, folder)}",
            hint="it runs with the packages of this environment; install what it imports, "
            "or leave in it only what the model's layers compute",
        ) from error
    return module


def _list_objects(module: ModuleType) -> dict[str, Any]:
    found = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    listed = found.pop(LISTED, None)
    return found | (dict(listed) if isinstance(listed, Mapping) else {})


def give_lambdas_names(custom: Mapping[str, Any], *, of_tf_keras: bool) -> None:
    """Let the code of Lambda layers find the modules that scripts import, and custom objects.

    Keras stores the code of a function without its globals, and runs it with its own.
    """
    package = tf_keras if of_tf_keras else keras
    usual = {"K": package.backend, "keras": package, "layers": package.layers, "math": math}
    usual |= {} if of_tf_keras else {"ops": keras.ops}
    usual |= {"np": np, "numpy": np, "tensorflow": tf, "tf": tf}
    # What the code finds are the names of the module in which Keras makes the function.
    for name, value in {**usual, **custom}.items():
        vars(lambda_layer if of_tf_keras else python_utils).setdefault(name, value)
