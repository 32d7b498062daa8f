"""The table of formats: a new one is a module beside this one, and a line in `FORMATS`.

The manifest's `input_format:` and its JSON Schema, the flags that apply, how files are told,
what messages list, the tools that receipts name and docs/converter.md are derived from it.
"""

from collections.abc import Mapping
from pathlib import Path

from pipeline.formats.format import Format, Route
from pipeline.formats.frozen_graph import FROZEN_GRAPH
from pipeline.formats.keras_h5 import KERAS_H5
from pipeline.formats.keras_zip import KERAS_ZIP
from pipeline.formats.onnx import ONNX
from pipeline.formats.openvino import OPENVINO
from pipeline.formats.saved_model import KERAS_SAVED_MODEL, TF_HUB, TF_SAVED_MODEL
from pipeline.formats.tfjs_graph import TFJS_GRAPH
from pipeline.formats.tfjs_layers import TFJS_LAYERS
from pipeline.formats.tflite import TFLITE
from pipeline.records.source import Conversion

FORMATS: tuple[Format, ...] = (
    TF_SAVED_MODEL,
    FROZEN_GRAPH,
    TF_HUB,
    KERAS_H5,
    KERAS_ZIP,
    KERAS_SAVED_MODEL,
    TFJS_LAYERS,
    TFJS_GRAPH,
    TFLITE,
    ONNX,
    OPENVINO,
)
"""All formats, in the order in which messages list them. Files that look like several are of
the first."""

_BY_NAME: Mapping[str, Format] = {each.name: each for each in FORMATS}

INPUT_FORMATS: tuple[str, ...] = tuple(each.name for each in FORMATS)
"""Names of all formats."""

EXPECTED: tuple[str, ...] = tuple(dict.fromkeys(each.expected for each in FORMATS))
"""What a source can be, for messages: "a frozen graph (.pb)"."""

ROUTES: Mapping[tuple[str, str], Route] = {
    (each.name, output_format): route
    for each in FORMATS
    for output_format, route in each.outputs.items()
}
"""Every route, by input and output format; a pair that is not here cannot be converted."""

TOOLS: frozenset[str] = frozenset(tool for route in ROUTES.values() for tool in route.tools)
"""Distributions that the base of some route depends on."""

REFER_TOOLS: frozenset[str] = frozenset(
    tool for route in ROUTES.values() for tool in route.refer_tools
)
"""Distributions that the reference of some route depends on, beside those of its base."""


def find_format(name: str) -> Format:
    """Return the format of a name: "keras"."""
    return _BY_NAME[name]


def model_path(path: Path, source_format: str) -> Path:
    """Return the path that a model's own runtime opens: of a SavedModel its folder."""
    return find_format(source_format).opened_by(path)


def normalize_source(
    source_format: str, *, source: Path, folder: Path, shard_size_bytes: int
) -> Conversion:
    """Write a TensorFlow.js model as a base of its own format, otherwise as it is."""
    normalize = ROUTES[source_format, source_format].load_convert()
    conversion: Conversion = normalize(
        source=source, folder=folder, shard_size_bytes=shard_size_bytes
    )
    return conversion
