"""Frozen graphs: one protobuf file with a GraphDef (.pb), its variables folded into constants."""

from pipeline.formats.format import GRAPH, GRAPH_FLAGS, Format, Route

# A GraphDef begins with its first node: there is no mark to tell it by.
FROZEN_GRAPH = Format(
    name="tf_frozen_model",
    title="frozen TensorFlow graph (GraphDef)",
    expected="a frozen graph (.pb)",
    outputs={
        GRAPH: Route(
            convert="pipeline.tf.frozen.convert_frozen_model:convert_frozen_model",
            refer="pipeline.tf.frozen.frozen_reference:run_frozen_model",
            flags=GRAPH_FLAGS | {"output_node_names"},
            in_converter=True,
        )
    },
    suffixes=(".pb", ".pbtxt"),
)
