"""Initial values of resource variables: what the subgraphs that fill them assign.

These subgraphs are computed here, by the builders that make the graph: outside of a function
TensorFlow computes values.
"""

import numpy as np

from pipeline.errors import ConversionError
from pipeline.tf.tflite.build_graph import GraphBuilder, leave
from pipeline.tf.tflite.tflite_model import TfliteModel
from pipeline.tf.tflite.tflite_signature import Ends

_MAX_VALUES = 65_536


def find_state(model: TfliteModel, ends: Ends) -> dict[str, list[float] | None]:
    """Return the values at the start of each state, row-major; None for zeros.

    Raises:
        ConversionError: There are more than a catalog should hold.
    """
    graph = model.subgraphs[ends.subgraph]
    builder = GraphBuilder(model=model)
    if ends.variables:
        for operator in graph.operators:
            if operator.name == "CALL_ONCE":
                builder.build(int(getattr(operator.options, "initSubgraphIndex", 0) or 0), [])
    state: dict[str, list[float] | None] = {}
    for name, variable in ends.state.items():
        held = builder.state.variables.get(variable.name)
        state[name] = None
        if held is None:
            continue
        values = np.asarray(leave(held, graph.tensors[variable.read]))
        if not values.any():
            continue
        if values.size > _MAX_VALUES:
            raise ConversionError(
                f"the variable {variable.name!r} starts with {values.size:,} values; expected "
                f"zeros, or at most {_MAX_VALUES:,} values",
                hint="docs/tflite.md lists what can be converted",
            )
        state[name] = [float(value) for value in values.reshape(-1)]
    return state
