"""What Keras and TensorFlow export, classed: what a config may name, and what it may not.

`python tests/helpers/keras_api.py` writes tests/data/keras_api.txt anew; read the difference before
you commit it: each name that comes new under "computes" is one that anybody's model may then call.
"""

import importlib
import inspect
import sys
from collections.abc import Iterator

from paths import DATA, ROOT

FILE = DATA / "keras_api.txt"


def list_api() -> list[str]:
    """Return the lines of the file; a job of the pool."""
    importlib.import_module("pipeline.tf.preload")  # its packages add ops
    listed: dict[str, set[str]] = {}
    for owner, part, name, computes in (*_keras(), *_tensorflow()):
        key = f"{owner} | {part or '-'} | {'computes' if computes else 'left out'}"
        listed.setdefault(key, set()).add(name)
    return [f"{key} | {' '.join(sorted(names))}" for key, names in sorted(listed.items())]


def _keras() -> Iterator[tuple[str, str, str, bool]]:
    """Yield all classes and functions of both generations of Keras, by part of the API."""
    from pipeline.tf.keras import keras_builtin

    for generation in ("keras 3", "tf_keras"):
        known = keras_builtin.known_parts(generation)
        exported = {
            (part, name)
            for part, name, value in keras_builtin._exported(generation)
            if inspect.isclass(value) or callable(value)
        }
        for part, name in exported | known.qualified:
            yield generation, part, name, (part, name) in known.qualified
        for name in known.names - {name for _, name in known.qualified}:
            yield generation, "by name alone", name, True


def _tensorflow() -> Iterator[tuple[str, str, str, bool]]:
    """Yield all functions of TensorFlow that tf_keras can record in a model."""
    from tensorflow.python.util import dispatch, tf_export

    from pipeline.tf.keras.keras_symbols import is_computing

    marks = (dispatch.FALLBACK_DISPATCH_ATTR, dispatch.TYPE_BASED_DISPATCH_ATTR)
    for path, value in tf_export._NAME_TO_SYMBOL_MAPPING.items():
        part, _, name = path.rpartition(".")
        ours = part.partition(".")[0] != "keras" and not part.startswith("compat.v1.keras")
        if ours and any(hasattr(value, mark) for mark in marks):
            yield "tf", part, name, is_computing(path)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    FILE.write_text("\n".join(list_api()) + "\n")
