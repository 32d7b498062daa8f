"""Values inside the graph of a graph model: any of its tensors, as TensorFlow computes them.

Beside each value stands the value of a second run, in which each weight and each input is stirred
by half a unit in its last place: how far the two are apart is what rounding alone explains. It
runs in a child process.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipeline.errors import ConversionError, FormatError
from pipeline.proof.vector_files import Vector, Vectors, load_vectors, narrow, write_vectors
from pipeline.tf.reasons import format_reason
from pipeline.tf.tfjs_graph.graph_reference import open_graph
from pipeline.tf.tfjs_graph.stir import stir
from pipeline.tfjs.model.weights import Array

_SEED = 7
_HIDDEN = (tf.resource, tf.variant)


def write_node_values(
    *,
    source: Path,
    given: Path,
    asked: Sequence[Mapping[str, Sequence[str]]],
    folder: Path,
    trust: bool,
) -> None:
    """Write the values of some tensors, and their values after a stir.

    `folder` gets vectors.json and vectors.bin: the outputs of vector 0 are the values, those of
    vector 1 the values after the stir, by tensor. Tensors that the graph does not have, and those
    that have no values in TensorFlow.js (resources, whole numbers beyond 32 bits), are left out.

    Args:
        source: Folder of a model.json.
        given: Folder with vectors; the inputs of the first are values by tensor.
        asked: The runs. Of each, `tensors` are the tensors to compute, as `node:index`, and `fed`
            the tensors that get their values from `given`: the inputs of the graph, or tensors
            inside it, before which nothing is computed then.
        folder: Folder to write to.
        trust: Whether the graph may have ops that touch the machine.

    Raises:
        ConversionError: TensorFlow cannot run the graph.
        UntrustedSourceError: The graph might touch the machine, and `trust` is not set.
    """
    values = load_vectors(given).vectors[0].inputs
    stirring = np.random.default_rng(_SEED)
    moved = {tensor: stir(one, stirring) for tensor, one in values.items()}
    runs = _narrow(
        _read_all(open_graph(source, trust=trust), values, asked),
        _read_all(
            open_graph(source, trust=trust, change=lambda _, one: stir(one, stirring)), moved, asked
        ),
    )
    vectors = [Vector(inputs={}, outputs=run) for run in runs]
    write_vectors(folder, Vectors(vectors=vectors, seed="", runtime=tf.version.VERSION))


def _read_all(
    session: tf.compat.v1.Session,
    values: Mapping[str, Array],
    asked: Sequence[Mapping[str, Sequence[str]]],
) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for each in asked:
        fed = {tensor: values[tensor] for tensor in each["fed"]}
        found |= read_tensors(session, fed, each["tensors"])
    return found


def read_tensors(
    session: tf.compat.v1.Session, fed: Mapping[str, Array], tensors: Sequence[str]
) -> dict[str, Array]:
    """Return the values of tensors, without those that the graph does not have.

    Args:
        session: A session of the graph.
        fed: Values by tensor, in a dtype of TensorFlow.js.
        tensors: The tensors, as `node:index`.

    Raises:
        ConversionError: TensorFlow cannot compute them.
    """
    wanted = [tensor for tensor in tensors if _is_visible(session.graph, tensor)]
    try:
        feeds = {
            tensor: _feed(session.graph.get_tensor_by_name(tensor), values)
            for tensor, values in fed.items()
            if _is_visible(session.graph, tensor)
        }
        results = session.run(wanted, feeds)
    except Exception as error:
        raise ConversionError(f"TensorFlow cannot run it: {format_reason(error)}") from error
    return {
        tensor: np.array(value, object) if isinstance(value, bytes) else np.asarray(value)
        for tensor, value in zip(wanted, results, strict=True)
    }


def _is_visible(graph: tf.Graph, tensor: str) -> bool:
    try:
        return graph.get_tensor_by_name(tensor).dtype not in _HIDDEN
    except (KeyError, ValueError):
        return False


def _feed(tensor: tf.Tensor, values: Array) -> Array:
    return values if values.dtype.kind == "O" else values.astype(tensor.dtype.as_numpy_dtype)


def _narrow(*runs: Mapping[str, Array]) -> list[dict[str, Array]]:
    """Return the values of runs in the dtypes of TensorFlow.js, without those that have none."""
    narrowed: list[dict[str, Array]] = [{} for _ in runs]
    for tensor in runs[0].keys() & runs[1].keys():
        try:
            values = [narrow(run[tensor], where=tensor) for run in runs]
        except FormatError:
            continue
        for run, value in zip(narrowed, values, strict=True):
            run[tensor] = value
    return narrowed
