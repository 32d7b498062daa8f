"""Noise floor: how far rounding alone moves the outputs of a base.

The base's own graph runs in TensorFlow on the test vectors as it is, and three times more with
weights and inputs stirred: each value goes up or down, at random, by half a unit in the last place.
The largest difference of these runs is what float arithmetic explains. The graph is compared with
itself only: a fault of the conversion is in all four runs, and does not raise the floor.

Weights are the constants of two values or more. A single number may be a size, a threshold or the
mask of an attention, which every runtime has exactly: one stirred mask made a model return NaN.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipeline.errors import ConversionError
from pipeline.proof.judge.floor_figures import find_floor, merge_floors
from pipeline.proof.judge.selection import outputs_behind_selection
from pipeline.proof.vector_files import Tensors, load_vectors
from pipeline.records.noise_floor import NoiseFloor, OutputFloor
from pipeline.records.signature import Signature
from pipeline.tf.determinism import run_deterministic
from pipeline.tf.saved_model.freeze import format_reason
from pipeline.tf.tfjs_graph.graph_reference import RunGraph, open_graph
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.topology import parse_topology
from pipeline.tfjs.model.weights import Array, walk_weights

STIRS = 3
"""Stirred runs. One of them may miss by far: of five, the largest difference is up to 15 times the
smallest. With three, no error of TensorFlow.js on 26 real models is above 2.6 times the floor."""

# Half a unit in the last place, as a fraction of a value, by the dtype that the graph states.
_HALF_UNITS = {"DT_HALF": 2.0**-11, "DT_BFLOAT16": 2.0**-8}
_HALF_UNIT = 2.0**-24


def measure_noise_floor(*, base: Path, signature: Signature, folder: Path, trust: bool) -> None:
    """Run a base with stirred values and write floor.json beside its vectors.

    Args:
        base: Folder of its model.json, a graph model.
        signature: Its signature.
        folder: Folder of vectors.json.
        trust: Whether the graph may touch the machine.

    Raises:
        ConversionError: TensorFlow cannot run the graph.
        UntrustedSourceError: The graph might touch the machine, and is not trusted.
    """
    model_json = load_model_json(base / "model.json")
    content = model_json.content
    weights = {part.spec.name: part.read() for part in walk_weights(model_json, base)}
    vectors = load_vectors(folder).vectors
    tensors = {output.name: output.tensor for output in signature.outputs}
    proved = {name: tensor for name, tensor in tensors.items() if name in vectors[0].outputs}
    topology = parse_topology(content["modelTopology"])
    selection = outputs_behind_selection(topology, proved.values())
    behind = {name: selection[tensor] for name, tensor in proved.items() if tensor in selection}
    half_units = {name: _half_unit(node.attrs) for name, node in topology.nodes.items()}
    inputs = {one.name: one.tensor for one in signature.inputs}

    def run(weights: Mapping[str, Array], fed: Sequence[Tensors]) -> list[Tensors]:
        graph = open_graph(content, weights, inputs=inputs, outputs=proved, trust=trust)
        return [_run(graph, one) for one in fed]

    given = [vector.inputs for vector in vectors]
    plain = run(weights, given)
    floors: Mapping[str, Sequence[OutputFloor]] = {}
    for seed in range(STIRS):
        rng = np.random.default_rng(seed)
        stirred = {
            name: _stir(values, half_units.get(name, _HALF_UNIT), rng)
            for name, values in weights.items()
            if values.size > 1
        }
        moved = [{n: _stir(values, _HALF_UNIT, rng) for n, values in one.items()} for one in given]
        floors = merge_floors(
            floors, find_floor(plain, run({**weights, **stirred}, moved), behind, given)
        )
    NoiseFloor(reason=None, outputs={name: list(one) for name, one in floors.items()}).save(folder)


def _half_unit(attrs: Mapping[str, object]) -> float:
    """Return half a unit in the last place of a constant, in the dtype that its graph states."""
    dtype = attrs.get("dtype")
    stated = dtype.get("type", "") if isinstance(dtype, dict) else ""
    return _HALF_UNITS.get(stated, _HALF_UNIT)


def _stir(values: Array, half_unit: float, rng: np.random.Generator) -> Array:
    """Return float values, each times 1 + `half_unit` or 1 - `half_unit`; others as they are."""
    if values.dtype.kind != "f":
        return values
    signs = rng.integers(0, 2, values.shape) * 2.0 - 1.0
    moved: Array = (values * (1.0 + half_unit * signs)).astype(values.dtype)
    return moved


def _run(graph: RunGraph, inputs: Tensors) -> Tensors:
    fed = {
        name: tf.constant(values.tolist(), tf.string, values.shape)
        if values.dtype.kind == "O"
        else tf.constant(values)
        for name, values in inputs.items()
    }
    try:
        with tf.device("/CPU:0"):
            outputs = run_deterministic(lambda: graph(fed))
    except Exception as error:
        raise ConversionError(f"TensorFlow cannot run it: {format_reason(error)}") from error
    return {name: np.asarray(values) for name, values in outputs.items()}
