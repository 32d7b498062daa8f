"""Keras files: what a saved Keras model says of itself, read without building it.

Keras has saved models as HDF5 (.h5, .hdf5 and, before TensorFlow 2.12, .keras), as a zip
(.keras: config.json, metadata.json, model.weights.h5) and as a SavedModel folder beside whose
graph lie the configs of its layers (keras_metadata.pb; before TensorFlow 2.5 in the graph's
object graph). What a file is shows in its bytes; its name says nothing. Nothing of the model
is built or run here.
"""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
from google.protobuf import message
from tf_keras.protobuf import saved_metadata_pb2

from pipeline.errors import FormatError
from pipeline.tf.meta_graph import load_saved_model

Kind = Literal["keras", "keras_keras", "keras_saved_model"]

CONFIG_NAME = "config.json"
_METADATA_NAME = "metadata.json"
_KERAS_METADATA = "keras_metadata.pb"
_CONFIG_BYTES_MAX = 256 * 1024**2
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ARCHITECTURE_HINT = (
    "save the whole model instead: build it in Python, load the weights, then "
    "`model.save('model.keras')`"
)


@dataclass(frozen=True, kw_only=True)
class KerasFile:
    """A saved Keras model.

    Attributes:
        path: The file or folder.
        kind: How it is saved, in the manifest's names of input formats.
        version: Version of Keras that saved it, "" where that is not said.
        backend: Library that Keras computed with when it saved it, "" where that is not said.
        config: The model's config, `class_name` and `config`; for a folder the configs of
            all its layers under `nodes`.
    """

    path: Path
    kind: Kind
    version: str
    backend: str = ""
    config: Mapping[str, Any]

    @property
    def major(self) -> int:
        """Return the major version of Keras; 1 where nothing is said, as Keras 1 did not."""
        first = self.version.partition(".")[0]
        return int(first) if first.isdigit() else 1


def read_keras_file(path: Path) -> KerasFile:
    """Read what a saved Keras model says of itself.

    Raises:
        FormatError: It is none, is cut off, or holds weights only.
    """
    if path.is_dir() or path.name == "saved_model.pb":
        return _read_folder(path if path.is_dir() else path.parent)
    with path.open("rb") as file:
        start = file.read(len(_HDF5_SIGNATURE))
    if start == _HDF5_SIGNATURE:
        return _read_hdf5(path)
    if start.startswith(b"PK"):
        return _read_zip(path)
    raise FormatError(
        f"{path.name} is no Keras model; expected HDF5 (.h5) or a zip (.keras)",
        hint="fetch the model again; a download may have been cut off",
    )


def _read_hdf5(path: Path) -> KerasFile:
    try:
        with h5py.File(path, "r") as file:
            weights = file.get("model_weights", file)
            text = _attribute(file, "model_config")
            version = _attribute(file, "keras_version") or _attribute(weights, "keras_version")
            backend = _attribute(weights, "backend")
            has_weights = "model_weights" in file
            is_weights = _is_weights(file)
    except (OSError, RuntimeError, KeyError):
        raise _damaged(path.name, "HDF5") from None
    if text is None and is_weights:
        raise FormatError(
            f"{path.name} holds weights only: how the layers are connected is not in it",
            hint=_ARCHITECTURE_HINT,
        )
    if text is None:
        raise FormatError(f"{path.name} is HDF5, but no Keras model; expected `model_config` in it")
    if not has_weights:
        raise FormatError(f"{path.name} holds no weights; expected `model_weights` in it")
    return KerasFile(
        path=path,
        kind="keras",
        version=version or "",
        backend=backend or "",
        config=_parse(text, path.name),
    )


def _is_weights(file: Any) -> bool:
    """Return whether a file is what save_weights writes: of Keras 1 and 2, or of Keras 3."""
    kept = {"layers", "_layer_checkpoint_dependencies", "vars", "top_level_model_weights"}
    return "layer_names" in file.attrs or "layer_names" in file or bool(kept & set(file))


def _attribute(group: Any, name: str) -> str | None:
    value = group.attrs.get(name)
    return value.decode() if isinstance(value, bytes) else value


def _read_zip(path: Path) -> KerasFile:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if CONFIG_NAME not in names:
                raise FormatError(
                    f"{path.name} is a zip without {CONFIG_NAME}; expected a Keras model"
                )
            config = _read_member(archive, CONFIG_NAME)
            metadata = _read_member(archive, _METADATA_NAME) if _METADATA_NAME in names else "{}"
    except (zipfile.BadZipFile, EOFError, OSError):
        raise _damaged(path.name, "a zip") from None
    if not any(name.startswith("model.weights.") for name in names):
        raise FormatError(f"{path.name} holds no weights; expected model.weights.h5 in it")
    version = _parse(metadata, f"{path.name}: {_METADATA_NAME}").get("keras_version")
    return KerasFile(
        path=path,
        kind="keras_keras",
        version=str(version or "3"),
        config=_parse(config, f"{path.name}: {CONFIG_NAME}"),
    )


def _read_member(archive: zipfile.ZipFile, name: str) -> str:
    if archive.getinfo(name).file_size > _CONFIG_BYTES_MAX:
        raise FormatError(f"{name} is larger than any config of a model; expected some kilobytes")
    return archive.read(name).decode()


def _read_folder(path: Path) -> KerasFile:
    saved_model = load_saved_model(path)
    metadata = saved_metadata_pb2.SavedMetadata()
    file = path / _KERAS_METADATA
    if file.is_file():
        try:
            metadata.ParseFromString(file.read_bytes())
        except message.DecodeError:
            raise _damaged(_KERAS_METADATA, "protobuf") from None
        texts = [node.metadata for node in metadata.nodes]
    else:
        nodes = saved_model.meta_graphs[0].object_graph_def.nodes
        texts = [node.user_object.metadata for node in nodes]
    configs = [_parse(text, _KERAS_METADATA) for text in texts if text]
    if not any("class_name" in config for config in configs):
        raise FormatError(
            "this SavedModel is not one that Keras can build again: it has no keras_metadata.pb",
            hint="set `input_format: tf_saved_model`: its signature converts to a graph model",
        )
    version = next((str(c["keras_version"]) for c in configs if c.get("keras_version")), "2")
    return KerasFile(
        path=path, kind="keras_saved_model", version=version, config={"nodes": configs}
    )


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise FormatError(f"{where}: the model's config is no JSON: {error}") from None
    if not isinstance(content, dict):
        raise FormatError(f"{where}: the model's config is no mapping")
    return content


def _damaged(name: str, what: str) -> FormatError:
    return FormatError(
        f"{name} cannot be read as {what}",
        hint="fetch the model again; a download may have been cut off",
    )
