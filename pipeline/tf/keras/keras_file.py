"""Keras files: reads the version, backend and config of a saved Keras model.

Keras has saved models as HDF5 (.h5, .hdf5 and, before TensorFlow 2.12, .keras), as a zip (.keras:
config.json, metadata.json, model.weights.h5) and as a SavedModel folder with the configs of its
layers beside the graph (keras_metadata.pb; before TensorFlow 2.5 in the graph's object graph). The
bytes of a file show its format; its name does not. This module builds and runs nothing of the
model.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from google.protobuf import message
from tf_keras.protobuf import saved_metadata_pb2

from pipeline.errors import FormatError
from pipeline.tf.keras.hdf5 import open_hdf5
from pipeline.tf.keras.keras_archive import (
    CONFIG_NAME,
    METADATA_NAME,
    WEIGHTS_NAME,
    open_keras_archive,
)
from pipeline.tf.keras.keras_config import check_nesting
from pipeline.tf.saved_model.meta_graph import load_saved_model

Kind = Literal["keras", "keras_keras", "keras_saved_model"]

_KERAS_METADATA = "keras_metadata.pb"
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}")
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
        kind: Its format, in the manifest's names of input formats.
        version: Version of Keras that saved it, "" if not stated.
        backend: Library with which Keras computed when it saved it, "" if not stated.
        config: The model's config, `class_name` and `config`; for a folder the configs of all its
            layers under `nodes`.
    """

    path: Path
    kind: Kind
    version: str
    backend: str = ""
    config: Mapping[str, Any]

    @property
    def major(self) -> int:
        """Return the major version of Keras; 1 if none is stated, since Keras 1 stated none."""
        first = re.match(r"[0-9]{1,4}(?![0-9])", self.version)
        return int(first[0]) if first else 1


def read_keras_file(path: Path) -> KerasFile:
    """Read the facts that a saved Keras model states.

    Raises:
        FormatError: It is no Keras model, is cut off, or holds weights only.
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
    with open_hdf5(path, path.name) as file:
        weights = file.get("model_weights", file)
        text = _attribute(file, "model_config")
        version = _attribute(file, "keras_version") or _attribute(weights, "keras_version")
        backend = _attribute(weights, "backend")
        has_weights = "model_weights" in file
        is_weights = _is_weights(file)
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
        version=_version(version),
        backend=backend or "",
        config=_parse(text, path.name),
    )


def _is_weights(file: Any) -> bool:
    """Return whether a file comes from save_weights: of Keras 1 and 2, or of Keras 3."""
    kept = {"layers", "_layer_checkpoint_dependencies", "vars", "top_level_model_weights"}
    return "layer_names" in file.attrs or "layer_names" in file or bool(kept & set(file))


def _attribute(group: Any, name: str) -> str | None:
    """Return an attribute if it is a text, else None: '{"class_name": …}'."""
    value = group.attrs.get(name)
    if isinstance(value, bytes):
        return value.decode()
    return value if isinstance(value, str) else None


def _read_zip(path: Path) -> KerasFile:
    metadata: Mapping[str, Any] = {}
    with open_keras_archive(path, path.name) as archive:
        if not archive.holds(CONFIG_NAME):
            raise FormatError(f"{path.name} is a zip without {CONFIG_NAME}; expected a Keras model")
        if not archive.holds(WEIGHTS_NAME):
            raise FormatError(f"{path.name} holds no weights; expected {WEIGHTS_NAME} in it")
        config = _parse(archive.read_text(CONFIG_NAME), f"{path.name}: {CONFIG_NAME}")
        if archive.holds(METADATA_NAME):
            metadata = _parse(archive.read_text(METADATA_NAME), f"{path.name}: {METADATA_NAME}")
    return KerasFile(
        path=path,
        kind="keras_keras",
        version=_version(metadata.get("keras_version")) or "3",
        config=config,
    )


def _version(stated: Any) -> str:
    """Return the version that a file states: "2.4.0"; "" if it states none."""
    text = stated if isinstance(stated, str) else ""
    return text if _VERSION.fullmatch(text) else ""


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
        graphs = list(saved_model.meta_graphs)[:1]  # the graph that Keras reads
        nodes = [node for graph in graphs for node in graph.object_graph_def.nodes]
        texts = [node.user_object.metadata for node in nodes]
    configs = [_parse(text, _KERAS_METADATA) for text in texts if text]
    if not any("class_name" in config for config in configs):
        raise FormatError(
            "this SavedModel is not one that Keras can build again: it has no keras_metadata.pb",
            hint="set `input_format: tf_saved_model`: its signature converts to a graph model",
        )
    stated = (_version(config.get("keras_version")) for config in configs)
    version = next((version for version in stated if version), "2")
    return KerasFile(
        path=path, kind="keras_saved_model", version=version, config={"nodes": configs}
    )


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except RecursionError:
        raise FormatError(f"{where}: the model's config is nested too deeply") from None
    except ValueError as error:
        raise FormatError(f"{where}: the model's config is no JSON: {error}") from None
    if not isinstance(content, dict):
        raise FormatError(f"{where}: the model's config is no mapping")
    try:
        check_nesting(content)
    except FormatError as error:
        raise FormatError(f"{where}: {error.message}") from None
    return content


def _damaged(name: str, kind: str) -> FormatError:
    return FormatError(
        f"{name} cannot be read as {kind}",
        hint="fetch the model again; a download may have been cut off",
    )
