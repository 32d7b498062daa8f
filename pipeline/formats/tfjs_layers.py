"""TensorFlow.js layers models: a model.json with Keras layers, and the shards that it names."""

from typing import Any

from pipeline.formats.format import FUNCTION_FLAGS, GRAPH, LAYERS, Format, Route
from pipeline.formats.keras_h5 import KERAS_TOOLS
from pipeline.formats.model_files import ModelFiles

EXPECTED = "a TensorFlow.js model.json"
MODEL_JSON = "model.json"


def is_layers_model(content: Any) -> bool:
    """Tell whether the content of a .json is that of a layers model.

    Releases before 1.0 wrote no "format"; their topology is the model's config.
    """
    if not isinstance(content, dict):
        return False
    topology = content.get("modelTopology")
    of_keras = isinstance(topology, dict) and ("model_config" in topology or "config" in topology)
    return of_keras or content.get("format") == "layers-model"


def _looks_like(files: ModelFiles) -> bool:
    return is_layers_model(files.json)


TFJS_LAYERS = Format(
    name=LAYERS,
    title="TensorFlow.js layers model",
    expected=EXPECTED,
    outputs={
        LAYERS: Route(
            convert="pipeline.tfjs.model.normalize_layers:normalize_layers_model",
            refer=None,
            tools=(),
            in_converter=True,
            load_hint="its files do not belong together, or need code of the author's page",
        ),
        GRAPH: Route(
            convert="pipeline.tf.keras.layers_to_graph:convert_layers_model",
            refer=None,
            tools=KERAS_TOOLS,
            flags=FUNCTION_FLAGS,
            in_converter=True,
        ),
    },
    names=(MODEL_JSON,),
    shared_suffixes=(".json",),
    looks_like=_looks_like,
)
