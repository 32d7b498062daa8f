"""TensorFlow.js graph models: a model.json with a GraphDef, and the shards that it names."""

from pipeline.formats.format import GRAPH, Format, Route
from pipeline.formats.model_files import ModelFiles
from pipeline.formats.tfjs_layers import EXPECTED, MODEL_JSON, is_layers_model


def _looks_like(files: ModelFiles) -> bool:
    content = files.json
    if not isinstance(content, dict) or is_layers_model(content):
        return False
    return content.get("modelTopology") is not None or "weightsManifest" in content


TFJS_GRAPH = Format(
    name=GRAPH,
    title="TensorFlow.js graph model",
    expected=EXPECTED,
    outputs={
        GRAPH: Route(
            convert="pipeline.tfjs.model.normalize:normalize_graph_model",
            refer="pipeline.tf.tfjs_graph.graph_reference:run_graph_model",
            tools=(),
            refer_tools=("tensorflow", "numpy"),
        )
    },
    names=(MODEL_JSON,),
    shared_suffixes=(".json",),
    looks_like=_looks_like,
)
