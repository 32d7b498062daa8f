"""Routes: how a model of each format becomes each format that is published.

A new input format is a way to tell it in `pipeline.formats.detect`, a line here, and one in
`pipeline.manifest.flags`, which has the pairs that are possible and the flags that apply.
"""

from collections.abc import Mapping
from dataclasses import dataclass

GRAPH, LAYERS = "tfjs_graph_model", "tfjs_layers_model"

_IN_TENSORFLOW = ("tensorflow", "tensorflowjs", "numpy")
_WITH_KERAS = (*_IN_TENSORFLOW, "keras", "tf_keras")


@dataclass(frozen=True, kw_only=True)
class Route:
    """How a source becomes a base, and what its own runtime is.

    Attributes:
        convert: "module:function" that writes the base; in `pipeline.tf` it runs in a child
            process with TensorFlow, else here.
        refer: The same for the function that runs the source on test vectors; None where
            TensorFlow.js itself is its runtime.
        tools: Distributions whose version the result depends on.
    """

    convert: str
    refer: str | None
    tools: tuple[str, ...] = _IN_TENSORFLOW

    @property
    def needs_tensorflow(self) -> bool:
        """Whether `convert` runs in a child process with TensorFlow."""
        return self.convert.startswith("pipeline.tf.")


_SAVED_MODEL = Route(
    convert="pipeline.tf.saved_model.convert_saved_model:convert_saved_model",
    refer="pipeline.tf.saved_model.saved_model_reference:run_saved_model",
)
_KERAS = Route(
    convert="pipeline.tf.keras.convert_to_graph:convert_keras_model",
    refer="pipeline.tf.keras.keras_reference:run_keras_model",
    tools=_WITH_KERAS,
)
_KERAS_LAYERS = Route(
    convert="pipeline.tf.keras.convert_to_layers:convert_keras_layers",
    refer="pipeline.tf.keras.keras_reference:run_keras_model",
    tools=_WITH_KERAS,
)

ROUTES: Mapping[tuple[str, str], Route] = {
    ("tf_saved_model", GRAPH): _SAVED_MODEL,
    ("tf_hub", GRAPH): _SAVED_MODEL,
    ("keras_saved_model", GRAPH): _SAVED_MODEL,
    ("tf_frozen_model", GRAPH): Route(
        convert="pipeline.tf.frozen.convert_frozen_model:convert_frozen_model",
        refer="pipeline.tf.frozen.frozen_reference:run_frozen_model",
    ),
    ("keras", GRAPH): _KERAS,
    ("keras_keras", GRAPH): _KERAS,
    ("keras", LAYERS): _KERAS_LAYERS,
    ("keras_keras", LAYERS): _KERAS_LAYERS,
    ("keras_saved_model", LAYERS): _KERAS_LAYERS,
    ("tfjs_layers_model", GRAPH): Route(
        convert="pipeline.tf.keras.layers_to_graph:convert_layers_model",
        refer=None,
        tools=_WITH_KERAS,
    ),
    ("tfjs_layers_model", LAYERS): Route(
        convert="pipeline.tfjs.model.normalize_layers:normalize_layers_model", refer=None, tools=()
    ),
    ("tfjs_graph_model", GRAPH): Route(
        convert="pipeline.tfjs.model.normalize:normalize_graph_model", refer=None, tools=()
    ),
}
"""By input and output format."""
