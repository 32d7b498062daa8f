"""Loads Keras models through the public functions of tf_keras and Keras 3.

It judges no config: `pipeline.tf.keras.keras_source` does. Files are loaded from a temporary copy
that has the judged config and the judged members only, because two readers of a zip may see
different content. Also, Keras goes by the extension, and tf_keras opens a zip for writing.
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

from pipeline.tf.keras.hdf5 import check_hdf5, open_hdf5
from pipeline.tf.keras.keras_archive import (
    CONFIG_NAME,
    METADATA_NAME,
    WEIGHTS_NAME,
    open_keras_archive,
)
from pipeline.tf.keras.keras_builtin import CUSTOM, class_modules
from pipeline.tf.keras.keras_config_edits import state_modules
from pipeline.tf.keras.keras_file import KerasFile

UNPACKED_NAME = "unpacked"
"""Prefix of the temporary folder to which a .keras is unpacked."""
_OPAQUE = np.dtype("V2")


def load_tf_keras(
    file: KerasFile, config: Mapping[str, Any], custom: Mapping[str, Any], *, trust: bool
) -> Any:
    """Load a model of Keras 1 or 2, not compiled.

    Args:
        file: The model.
        config: Its config, or a changed config; for a folder its own.
        custom: Foreign classes and functions, by name.
        trust: Whether code in it may run; code in a .h5 or a folder always runs.
    """
    if file.kind == "keras_saved_model":
        return tf_keras.models.load_model(str(file.path), compile=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, _name(file))
        if file.kind == "keras_keras":
            _copy_zip(file, config, path)
        else:
            _copy_hdf5(file, config, path)
        with tf_keras.utils.custom_object_scope({**CUSTOM, **custom}):
            return tf_keras.models.load_model(path, compile=False, safe_mode=not trust)


def load_keras_3(
    file: KerasFile, config: Mapping[str, Any], custom: Mapping[str, Any], *, trust: bool
) -> Any:
    """Load a model of Keras 3, not compiled.

    Args:
        file: The model.
        config: Its config, or a changed config.
        custom: Foreign classes and functions, by name.
        trust: Whether code in it may run.
    """
    with tempfile.TemporaryDirectory() as folder:
        if file.kind == "keras_keras":
            unpacked = Path(folder, UNPACKED_NAME)
            _unpack(file, config, unpacked)
            return keras.models.load_model(
                unpacked, custom_objects=dict(custom), compile=False, safe_mode=not trust
            )
        path = Path(folder, _name(file))
        _copy_hdf5(file, config, path)
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


def _copy_hdf5(file: KerasFile, config: Mapping[str, Any], path: Path) -> None:
    """Copy a .h5, with the given config if it differs."""
    shutil.copyfile(file.path, path)
    if config != file.config:
        with open_hdf5(path, file.path.name, "r+") as copy:
            copy.attrs["model_config"] = json.dumps(config)
            _widen_weights(copy)


def _unpack(file: KerasFile, config: Mapping[str, Any], folder: Path) -> None:
    """Unpack a .keras into a folder, which Keras 3 accepts as well."""
    name = file.path.name
    with open_keras_archive(file.path, name) as archive:
        for asset in archive.assets():
            (folder / asset).parent.mkdir(parents=True, exist_ok=True)
            archive.extract(asset, folder / asset)
        folder.mkdir(exist_ok=True)
        archive.extract(WEIGHTS_NAME, folder / WEIGHTS_NAME)
    if config == file.config:
        check_hdf5(folder / WEIGHTS_NAME, f"{name}: {WEIGHTS_NAME}")
    else:
        with open_hdf5(folder / WEIGHTS_NAME, f"{name}: {WEIGHTS_NAME}", "r+") as weights:
            _widen_weights(weights)
    (folder / CONFIG_NAME).write_text(json.dumps(config))
    (folder / METADATA_NAME).write_text("{}")  # Keras expects the file, and reads nothing of it


def _copy_zip(file: KerasFile, config: Mapping[str, Any], path: Path) -> None:
    """Write the zip of a .keras anew."""
    folder = path.parent / UNPACKED_NAME
    _unpack(file, config, folder)
    with zipfile.ZipFile(path, "w") as target:
        for part in sorted(folder.rglob("*")):
            if part.is_file():
                target.write(part, part.relative_to(folder))
    shutil.rmtree(folder)


def _widen_weights(file: h5py.File) -> None:
    """Turn bfloat16 into float32: HDF5 lacks bfloat16, so Keras writes pairs of bytes.

    Keras 3 marks these tensors in a .keras and reads them back; in other files nothing does.
    """
    opaque: list[str] = []

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype == _OPAQUE and not item.attrs:
            opaque.append(name)

    file.visititems(note)
    for name in opaque:
        values = file[name][()].view(tf.bfloat16.as_numpy_dtype).astype(np.float32)
        del file[name]
        file[name] = values
