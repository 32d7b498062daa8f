"""Nodes alone: TensorFlow computes a node from the inputs that it has in TensorFlow.js.

Errors of the nodes before it play no part then, nor does it matter how much it amplifies them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.proof.localize.graph_tensors import GraphTensors
from pipeline.proof.localize.known_faults import find_known_fault
from pipeline.proof.localize.localization import ReadTensor, WrongNode
from pipeline.proof.localize.node_deviation import LEAST_ALONE, Deviation, measure_deviation
from pipeline.proof.localize.runtimes import Asked
from pipeline.proof.localize.subject import Subject
from pipeline.proof.vector_files import Tensors, tensor_dtype
from pipeline.tfjs.model.topology import tensor_name
from pipeline.tfjs.model.weights import Array, walk_weights


@dataclass(frozen=True, kw_only=True)
class Alone:
    """Some nodes alone.

    Attributes:
        deviations: How far each tensor is from the reference for its own inputs; tensors that a
            runtime does not give are left out.
        values: What TensorFlow.js has for the tensors and for their inputs.
    """

    deviations: Mapping[str, Deviation]
    values: Tensors


def compute_alone(subject: Subject, graph: GraphTensors, tensors: Sequence[str]) -> Alone:
    """Compute nodes alone.

    Args:
        subject: The variant.
        graph: Its graph, without the tensors that a runtime does not give.
        tensors: The tensors of the nodes.
    """
    read = {tensor: graph.inputs(tensor) for tensor in tensors}
    wanted = dict.fromkeys([*tensors, *(name for names in read.values() for name in names)])
    values = {**subject.fed, **subject.fetch(list(wanted))}
    asked = [
        Asked(fed=[*subject.fed, *names], tensors=[tensor])
        for tensor, names in read.items()
        if values.keys() >= {tensor, *names}
    ]
    expected, stirred = subject.runtimes.run_tensorflow(subject.folder, values, asked)
    return Alone(
        deviations={
            tensor: measure_deviation(
                expected[tensor], stirred[tensor], values[tensor], least=LEAST_ALONE
            )
            for tensor in tensors
            if tensor in expected
        },
        values=values,
    )


def describe_node(
    subject: Subject,
    graph: GraphTensors,
    tensor: str,
    deviation: Deviation,
    alone: Alone | None = None,
) -> WrongNode:
    """Return the record of a wrong node.

    Args:
        subject: The variant.
        graph: Its graph.
        tensor: The tensor of the node.
        deviation: How far it is from its reference.
        alone: The node alone; None if the graphs differ.
    """
    node = graph.node(tensor)
    values = alone.values if alone else subject.compute(graph.inputs(tensor))[0]
    topology = subject.model_json.content["modelTopology"]
    fault = find_known_fault(topology, node.name, backend=subject.backend) if alone else None
    return WrongNode(
        tensor=tensor,
        op=node.op,
        inputs=_read_inputs(subject, graph, tensor, {**subject.fed, **values}),
        deviation=deviation,
        alone=alone.deviations.get(tensor) if alone else None,
        known_fault=fault,
    )


def _read_inputs(
    subject: Subject, graph: GraphTensors, tensor: str, values: Tensors
) -> list[ReadTensor]:
    """Return what a node reads; for tensors without values the nearest tensors before them."""
    direct = [tensor_name(name) for name in graph.node(tensor).data_inputs]
    constants = {f"{name}:0" for name in graph.weights(tensor)} & set(direct)
    known = {**values, **_read_weights(subject, constants)}
    names = dict.fromkeys(name for name in [*direct, *graph.inputs(tensor)] if name in known)
    return [_describe(name, known[name]) for name in names]


def _read_weights(subject: Subject, tensors: set[str]) -> dict[str, Array]:
    return {
        f"{part.spec.name}:0": part.read()
        for part in walk_weights(subject.model_json, subject.folder)
        if f"{part.spec.name}:0" in tensors
    }


def _describe(tensor: str, values: Array) -> ReadTensor:
    finite = values[np.isfinite(values)] if values.dtype.kind in "biuf" else values[:0]
    numbers = finite.size and values.dtype.kind in "biuf"
    return ReadTensor(
        tensor=tensor,
        dtype=tensor_dtype(values),
        shape=values.shape,
        low=float(finite.min()) if numbers else None,
        high=float(finite.max()) if numbers else None,
    )
