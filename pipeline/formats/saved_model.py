"""SavedModels: TensorFlow's folder, as it is, as a module of TF Hub, and as Keras 2 saved it.

The files are the same; the formats differ in what is read of them. A module of TF Hub has a
marker beside the graph, and Keras keeps its layers beside it, of which layers models are made.
"""

from dataclasses import replace
from pathlib import Path

from pipeline.formats.format import GRAPH, LAYERS, NAMED_FLAGS, Format, Route
from pipeline.formats.keras_h5 import LAYERS_ROUTE
from pipeline.formats.model_files import ModelFiles

SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")
_HUB_FILE = "tfhub_module.pb"
_KERAS_FILE = "keras_metadata.pb"


def open_folder(path: Path) -> Path:
    """Return the folder of a SavedModel, which TensorFlow opens: "m" for "m/saved_model.pb"."""
    return path.parent if path.name in SAVED_MODEL_FILES else path


def _names(files: ModelFiles) -> frozenset[str]:
    """Return the names of the files in the folder of a SavedModel; none for anything else."""
    folder = files if files.is_folder else ModelFiles(path=open_folder(files.path))
    return folder.names if folder.names.intersection(SAVED_MODEL_FILES) else frozenset()


def _is_saved_model(files: ModelFiles) -> bool:
    names = _names(files)
    return bool(names) and _HUB_FILE not in names


def _is_hub_module(files: ModelFiles) -> bool:
    return _HUB_FILE in _names(files)


def _is_of_keras(files: ModelFiles) -> bool:
    return _KERAS_FILE in _names(files)


TF_SAVED_MODEL = Format(
    name="tf_saved_model",
    title="TensorFlow SavedModel",
    expected="a SavedModel folder (saved_model.pb)",
    outputs={
        GRAPH: Route(
            convert="pipeline.tf.saved_model.convert_saved_model:convert_saved_model",
            refer="pipeline.tf.saved_model.saved_model_reference:run_saved_model",
            flags=NAMED_FLAGS | {"signature_name", "saved_model_tags"},
            in_converter=True,
        )
    },
    names=SAVED_MODEL_FILES,
    looks_like=_is_saved_model,
    also_reads=("tf_saved_model", "tf_hub", "keras_saved_model"),
    opened_by=open_folder,
)

TF_HUB = replace(
    TF_SAVED_MODEL,
    name="tf_hub",
    title="TensorFlow Hub module",
    names=(*SAVED_MODEL_FILES, _HUB_FILE),
    looks_like=_is_hub_module,
)

KERAS_SAVED_MODEL = replace(
    TF_SAVED_MODEL,
    name="keras_saved_model",
    title="SavedModel of Keras 2",
    outputs={
        LAYERS: LAYERS_ROUTE,
        GRAPH: replace(TF_SAVED_MODEL.outputs[GRAPH], in_converter=False),
    },
    looks_like=_is_of_keras,
)
