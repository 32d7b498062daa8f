"""Noise floor: how far rounding alone moves the outputs of a base.

The base's own graph runs in TensorFlow on the test vectors as it is, and three times more with
weights and inputs stirred: each value goes up or down, at random, by half a unit in the last place,
of the dtype that the source computes in; and each long sum by what its additions round. The largest
difference of these runs is what float arithmetic explains. The graph is compared with itself only:
a fault of the conversion is in all four runs, and does not raise the floor.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import CallableOptions

from pipeline.errors import ConversionError
from pipeline.proof.judge.bounded_ops import outputs_of_bounded_ops, raise_floors
from pipeline.proof.judge.floor_figures import find_floor, merge_floors
from pipeline.proof.judge.selection import outputs_behind_selection
from pipeline.proof.vector_files import Tensors, load_vectors
from pipeline.records.noise_floor import NoiseFloor, OutputFloor
from pipeline.records.signature import Signature
from pipeline.tf.determinism import run_deterministic
from pipeline.tf.reasons import format_reason
from pipeline.tf.tfjs_graph.graph_reference import name_tensor, open_content
from pipeline.tf.tfjs_graph.stir import HALF_UNIT, stir
from pipeline.tf.tfjs_graph.stir_sums import feed_sums, stir_sums
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.topology import parse_topology
from pipeline.tfjs.model.weights import Array, walk_weights

STIRS = 3
"""Stirred runs. One of them may miss by far: of five, the largest difference is up to 15 times the
smallest. With three, no error of TensorFlow.js on 26 real models is above 2.6 times the floor."""

# Half a unit in the last place, as a fraction of a value, by the dtype that the graph states.
_HALF_UNITS = {"DT_HALF": 2.0**-11, "DT_BFLOAT16": 2.0**-8}
_DTYPES = {"float16": "DT_HALF", "bfloat16": "DT_BFLOAT16"}


def measure_noise_floor(
    *, base: Path, signature: Signature, folder: Path, trust: bool, rounds_to: str | None = None
) -> None:
    """Run a base with stirred values and write floor.json beside its vectors.

    Args:
        base: Folder of its model.json, a graph model.
        signature: Its signature.
        folder: Folder of vectors.json.
        trust: Whether the graph may touch the machine.
        rounds_to: The dtype of few bits that the source computes in, "float16" or "bfloat16".

    Raises:
        ConversionError: TensorFlow cannot run the graph.
        UntrustedSourceError: The graph might touch the machine, and is not trusted.
    """
    model_json = load_model_json(base / "model.json")
    content = model_json.content
    vectors = load_vectors(folder).vectors
    tensors = {output.name: output.tensor for output in signature.outputs}
    proved = {name: tensor for name, tensor in tensors.items() if name in vectors[0].outputs}
    topology = parse_topology(content["modelTopology"])
    selection = outputs_behind_selection(topology, proved.values())
    behind = {name: selection[tensor] for name, tensor in proved.items() if tensor in selection}
    least = _HALF_UNITS.get(_DTYPES.get(rounds_to or "", ""), HALF_UNIT)
    half_units = {name: max(least, _half_unit(node.attrs)) for name, node in topology.nodes.items()}
    inputs = {one.name: name_tensor(one.tensor) for one in signature.inputs}
    outputs = {name: name_tensor(tensor) for name, tensor in proved.items()}

    weights = {part.spec.name: part.read() for part in walk_weights(model_json, base)}
    graph = _Graph(content, weights, outputs, trust=trust)
    given = [{inputs[name]: one for name, one in v.inputs.items()} for v in vectors]
    plain = graph.run(weights, given, feed_sums(0.0))
    floors: Mapping[str, Sequence[OutputFloor]] = {}
    for seed in range(STIRS):
        stirring = np.random.default_rng(seed)
        moved = {
            name: stir(values, stirring, half_units.get(name, least))
            for name, values in weights.items()
        }
        fed = [{name: stir(one, stirring, least) for name, one in each.items()} for each in given]
        found = graph.run(moved, fed, feed_sums(HALF_UNIT, seed))
        floors = merge_floors(floors, find_floor(plain, found, behind, given))
    made = outputs_of_bounded_ops(topology, proved.values())
    bounded = [name for name, tensor in proved.items() if tensor in made]
    NoiseFloor(reason=None, outputs=raise_floors(floors, bounded)).save(folder)


def _half_unit(attrs: Mapping[str, object]) -> float:
    """Return half a unit in the last place of a constant, in the dtype that its graph states."""
    dtype = attrs.get("dtype")
    stated = dtype.get("type", "") if isinstance(dtype, dict) else ""
    return _HALF_UNITS.get(stated, HALF_UNIT)


class _Graph:
    """A base in TensorFlow, opened once: weights are fed as the values of its constants."""

    def __init__(
        self,
        content: Mapping[str, Any],
        weights: Mapping[str, Array],
        outputs: Mapping[str, str],
        *,
        trust: bool,
    ) -> None:
        self._open = partial(open_content, content, trust=trust, change=stir_sums)
        self._weights, self._outputs = weights, outputs
        self._session = self._open(weights)
        # A constant of a function cannot be fed.
        self._feeds = not (content["modelTopology"].get("library") or {}).get("function")

    def run(
        self, weights: Mapping[str, Array], given: Sequence[Tensors], sums: Tensors
    ) -> list[Tensors]:
        """Return the outputs of each run, by name.

        Args:
            weights: The values of weights, by name; those that change are other arrays.
            given: The inputs of each run, by tensor.
            sums: What `feed_sums` returns.

        Raises:
            ConversionError: TensorFlow cannot run the graph.
        """
        changed = {n: one for n, one in weights.items() if one is not self._weights[n]}
        session = self._session if self._feeds or not changed else self._open(weights)
        fed = self._find_tensors(changed) if self._feeds else {}
        return _run_all(session, self._outputs, {**fed, **sums}, given)

    def _find_tensors(self, weights: Mapping[str, Array]) -> dict[str, Array]:
        """Return values by tensor, without those that the graph does not use."""
        known = {operation.name for operation in self._session.graph.get_operations()}
        return {name_tensor(name): one for name, one in weights.items() if name in known}


def _run_all(
    session: tf.compat.v1.Session,
    outputs: Mapping[str, str],
    weights: Tensors,
    given: Sequence[Tensors],
) -> list[Tensors]:
    """Return the outputs of runs with the same weights.

    `Session.run` looks each fed tensor up in Python: for 300 weights 10 ms of each run.
    """
    names = [*weights, *given[0]]
    # TensorFlow does not fetch what it is fed; an output may be an input, and two may be one.
    fetched = [one for one in dict.fromkeys(outputs.values()) if one not in {*names}]
    options = CallableOptions(feed=names, fetch=fetched)
    try:
        runs = [_cast(session.graph, names, {**weights, **one}) for one in given]
        call = session._make_callable_from_options(options) if fetched else _return_nothing  # noqa: SLF001  # make_callable feeds as `run` does
        found = [run_deterministic(partial(call, *run.values())) for run in runs]
    except Exception as error:
        raise ConversionError(f"TensorFlow cannot run it: {format_reason(error)}") from error
    values = (
        {**run, **dict(zip(fetched, r, strict=True))} for run, r in zip(runs, found, strict=True)
    )
    return [{name: np.asarray(one[tensor]) for name, tensor in outputs.items()} for one in values]


def _return_nothing(*_fed: Array) -> list[Array]:
    return []


def _cast(graph: tf.Graph, names: Sequence[str], fed: Tensors) -> dict[str, Array]:
    """Return the values of tensors in the dtypes of the graph, in the order of the names."""
    dtypes = {name: graph.get_tensor_by_name(name).dtype.as_numpy_dtype for name in names}
    return {name: np.asarray(fed[name], dtype) for name, dtype in dtypes.items()}
