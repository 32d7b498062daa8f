"""Keras models in one HDF5 file (.h5), of every release of Keras."""

from dataclasses import replace

from pipeline.formats.format import GRAPH, LAYERS, NAMED_FLAGS, TENSORFLOW_TOOLS, Format, Route
from pipeline.formats.model_files import ModelFiles

KERAS_TOOLS = (*TENSORFLOW_TOOLS, "keras", "tf_keras")
"""Distributions that a conversion with Keras depends on."""

EXPECTED = "a Keras model (.h5, .keras)"
_HDF5 = b"\x89HDF\r\n\x1a\n"  # https://docs.hdfgroup.org/hdf5/ , "Superblock"

LAYERS_ROUTE = Route(
    convert="pipeline.tf.keras.convert_to_layers:convert_keras_layers",
    refer="pipeline.tf.keras.keras_reference:run_keras_model",
    tools=KERAS_TOOLS,
    flags=frozenset({"split_weights_by_layer"}),
    in_converter=True,
)
GRAPH_ROUTE = replace(
    LAYERS_ROUTE,
    convert="pipeline.tf.keras.convert_to_graph:convert_keras_model",
    flags=NAMED_FLAGS | {"custom_objects"},
)


def _is_hdf5(files: ModelFiles) -> bool:
    return files.head.startswith(_HDF5)


KERAS_H5 = Format(
    name="keras",
    title="Keras model in HDF5 (.h5)",
    expected=EXPECTED,
    outputs={LAYERS: LAYERS_ROUTE, GRAPH: GRAPH_ROUTE},
    suffixes=(".h5", ".hdf5"),
    shared_suffixes=(".keras",),
    looks_like=_is_hdf5,
)
