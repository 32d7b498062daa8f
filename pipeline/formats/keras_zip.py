"""Keras models in one zip file (.keras), as Keras 3 and late releases of Keras 2 save them."""

import struct
import zipfile
from dataclasses import replace

from pipeline.formats.format import GRAPH, LAYERS, Format
from pipeline.formats.keras_h5 import EXPECTED, GRAPH_ROUTE, LAYERS_ROUTE
from pipeline.formats.model_files import ModelFiles

_ZIP = b"PK\x03\x04"
_CONFIG = "config.json"


def _holds_config(files: ModelFiles) -> bool:
    if not files.head.startswith(_ZIP):
        return False
    try:
        with zipfile.ZipFile(files.path) as archive:
            return _CONFIG in archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OverflowError):
        return False  # damaged, or of a kind that no model is


KERAS_ZIP = Format(
    name="keras_keras",
    title="Keras 3 model (.keras)",
    expected=EXPECTED,
    outputs={GRAPH: replace(GRAPH_ROUTE, in_converter=False), LAYERS: LAYERS_ROUTE},
    suffixes=(".keras",),
    looks_like=_holds_config,
)
