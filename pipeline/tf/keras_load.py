"""Loading of Keras models through the public doors of tf_keras and Keras 3.

It judges nothing: what may be built is for `pipeline.tf.keras_source` to say. Files are loaded
from a temporary copy or link, because Keras goes by the extension, tf_keras opens a zip as if
to write into it, and a config may have been changed.
"""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf
import tf_keras

from pipeline.tf.keras_builtin import CUSTOM, class_modules
from pipeline.tf.keras_config import state_modules
from pipeline.tf.keras_file import CONFIG_NAME, KerasFile

_WEIGHTS_NAME = "model.weights.h5"
_OPAQUE = np.dtype("V2")


def load_tf_keras(file: KerasFile, config: Mapping[str, Any], custom: Mapping[str, Any]) -> Any:
    """Load a model of Keras 1 or 2, not compiled.

    Args:
        file: The model; code in it is run.
        config: Its config, or what is to stand in its place; of a folder its own.
        custom: Foreign classes and functions, by name.
    """
    if file.kind == "keras_saved_model":
        return tf_keras.models.load_model(str(file.path), compile=False)
    with tempfile.TemporaryDirectory() as folder:
        path = _copy(file, config, Path(folder))
        with tf_keras.utils.custom_object_scope({**CUSTOM, **custom}):
            return tf_keras.models.load_model(path, compile=False, safe_mode=False)


def load_keras_3(
    file: KerasFile, config: Mapping[str, Any], custom: Mapping[str, Any], *, trust: bool
) -> Any:
    """Load a model of Keras 3, not compiled.

    Args:
        file: The model.
        config: Its config, or what is to stand in its place.
        custom: Foreign classes and functions, by name.
        trust: Whether code in it may run.
    """
    with tempfile.TemporaryDirectory() as folder:
        if config == file.config:
            path = Path(folder) / _name(file)
            path.symlink_to(file.path.resolve())
        else:
            path = _copy(file, config, Path(folder))
        if file.kind == "keras_keras":
            return keras.models.load_model(
                path, custom_objects=dict(custom), compile=False, safe_mode=not trust
            )
        # Its loader of .h5 knows layers only, not `keras.ops`, and loses an `axis` of several.
        model = keras.saving.deserialize_keras_object(
            state_modules(config, class_modules()),
            custom_objects=dict(custom),
            safe_mode=not trust,
        )
        model.load_weights(path)
        return model


def _name(file: KerasFile) -> str:
    return "model.h5" if file.kind == "keras" else "model.keras"


def _copy(file: KerasFile, config: Mapping[str, Any], folder: Path) -> Path:
    """Copy a file into a folder, with another config where it is another."""
    path = folder / _name(file)
    if file.kind == "keras_keras":
        _copy_zip(file.path, path, config)
        return path
    shutil.copyfile(file.path, path)
    if config != file.config:
        with h5py.File(path, "r+") as copy:
            copy.attrs["model_config"] = json.dumps(config)
        _widen_weights(path)
    return path


def _copy_zip(path: Path, copy: Path, config: Mapping[str, Any]) -> None:
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
        for member in source.infolist():
            if member.filename == CONFIG_NAME:
                target.writestr(CONFIG_NAME, json.dumps(config))
            elif member.filename == _WEIGHTS_NAME:
                weights = Path(source.extract(_WEIGHTS_NAME, copy.parent))
                _widen_weights(weights)
                target.write(weights, _WEIGHTS_NAME)
            else:
                with source.open(member) as old, target.open(member.filename, "w") as new:
                    shutil.copyfileobj(old, new)


def _widen_weights(path: Path) -> None:
    """Make float32 of bfloat16, which HDF5 does not know and Keras writes as pairs of bytes.

    Keras 3 says so beside such a tensor in a .keras, and reads it back; nothing else does.
    """
    with h5py.File(path, "r+") as file:
        opaque: list[str] = []

        def note(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.dtype == _OPAQUE and not item.attrs:
                opaque.append(name)

        file.visititems(note)
        for name in opaque:
            values = file[name][()].view(tf.bfloat16.as_numpy_dtype).astype(np.float32)
            del file[name]
            file[name] = values
