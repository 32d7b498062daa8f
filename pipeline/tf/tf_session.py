"""Sessions: loads and runs SavedModels of TensorFlow 1 as TensorFlow 1 does.

The loader of TensorFlow 2 cannot read all of them: signatures that return a variable itself, or
graphs whose old ops it checks more strictly.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.python.saved_model import loader

from pipeline.tf.determinism import run_deterministic


def is_of_tensorflow_1(meta_graph: MetaGraphDef) -> bool:
    """Return whether a graph was saved without objects, as TensorFlow 1 does."""
    return not meta_graph.object_graph_def.nodes


def open_session(folder: Path, tags: Sequence[str]) -> tf.compat.v1.Session:
    """Load the graph with these tags, restore its variables and run its initializers."""
    graph = tf.Graph()
    with graph.as_default():
        session = tf.compat.v1.Session(graph=graph)
        run_deterministic(lambda: loader.load(session, list(tags), str(folder)))
    return session


def run_in_session(
    session: tf.compat.v1.Session, inputs: Mapping[str, str], outputs: Mapping[str, str]
) -> Callable[[Mapping[str, tf.Tensor]], Mapping[str, Any]]:
    """Return a function of tensors by name to arrays by name.

    Args:
        session: Not entered: its graph would become the default for tensors of the caller.
        inputs: Tensor in the graph by the name of an input.
        outputs: The same for outputs.
    """

    def run(fed: Mapping[str, tf.Tensor]) -> Mapping[str, Any]:
        values = {inputs[name]: tensor.numpy() for name, tensor in fed.items()}
        found: Mapping[str, Any] = session.run(dict(outputs), values)
        return found

    return run
