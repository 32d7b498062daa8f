"""Finds where a variant goes wrong: the first node whose value rounding does not explain.

The published graph runs in TensorFlow and in TensorFlow.js, so that every node has the same name
in both. A suspect is confirmed alone: TensorFlow computes it from the inputs that TensorFlow.js
had. If TensorFlow.js computes the graph rightly, the fault is older, and the graph is compared with
the graph of its source.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipeline.errors import WorkerError
from pipeline.proof.localize.localization import Cause, Localization, Step, WrongNode
from pipeline.proof.localize.node_alone import Alone, compute_alone, describe_node
from pipeline.proof.localize.node_deviation import Deviation, measure_deviation
from pipeline.proof.localize.search import CUT, Found, find_first
from pipeline.proof.localize.subject import Subject

_STEPS_BEFORE, _STEPS_BEHIND = 8, 4


def localize(subject: Subject, *, origin: Callable[[], Path] | None = None) -> Localization:
    """Find where a variant goes wrong.

    Args:
        subject: The variant.
        origin: Returns a folder with the graph that the variant was made of, whose nodes have the
            same names and should have the same values; None if there is none.

    Raises:
        ConversionError: A runtime cannot run the graph.
        FormatError: It has no graph.
        UntrustedSourceError: The graph might touch the machine, so TensorFlow must not run it.
        WorkerError: A process exceeded a limit.
    """
    found = find_first(subject.graph, subject.measure)
    if found.tensor is None:
        return _look_at_origin(subject, found, origin)
    alone = compute_alone(subject, found.graph, [found.tensor])
    deviation = alone.deviations.get(found.tensor)
    if deviation is not None and not deviation.is_wrong:
        return _look_at_all(subject, found, found.tensor, alone)
    return _conclude(subject, "backend", found, found.tensor, alone)


def compare_graphs(subject: Subject, other: Path) -> Found:
    """Return the first tensor of a variant's graph that is not as in another graph of its nodes.

    Both run in TensorFlow. Nodes that the other graph lacks are passed over.

    Args:
        subject: The variant.
        other: Folder of the other graph.
    """

    def measure(tensors: Sequence[str]) -> Mapping[str, Deviation]:
        expected, stirred = subject.compute(tensors, folder=other)
        found, _ = subject.compute([tensor for tensor in tensors if tensor in expected])
        return {
            tensor: measure_deviation(expected[tensor], stirred[tensor], values)
            for tensor, values in found.items()
        }

    return find_first(subject.graph, measure)


def _look_at_all(subject: Subject, found: Found, suspect: str, alone: Alone) -> Localization:
    """Compute every node alone, in order, up to a wrong one; else name that with most error.

    If the time runs out, the nodes so far decide.
    """
    graph = found.graph
    tensors = [name for name in graph.order if name != suspect]
    best, best_alone = suspect, alone
    try:
        for start in range(0, len(tensors), CUT):
            looked = compute_alone(subject, graph, tensors[start : start + CUT])
            for tensor, deviation in looked.deviations.items():
                if deviation.is_wrong:
                    return _conclude(subject, "backend", found, tensor, looked)
                if deviation.error > best_alone.deviations[best].error:
                    best, best_alone = tensor, looked
    except WorkerError:
        pass
    return _conclude(subject, "rounding", found, best, best_alone)


def _look_at_origin(
    subject: Subject, found: Found, origin: Callable[[], Path] | None
) -> Localization:
    """Compare the graph, which TensorFlow.js computes rightly, with what it was made of."""
    if subject.is_quantized or not _differs_from_source(subject):
        return _result(subject, "none", found, None)
    compared = compare_graphs(subject, origin()) if origin else None
    if compared is None or compared.tensor is None:
        return _result(subject, "source", found, None)
    deviation = compared.deviations[compared.tensor]
    node = describe_node(subject, compared.graph, compared.tensor, deviation)
    return _result(subject, "graph", compared, node)


def _differs_from_source(subject: Subject) -> bool:
    names = {one.tensor: one.name for one in subject.signature.outputs}
    expected, stirred = subject.compute(subject.graph.outputs)
    return any(
        measure_deviation(values, stirred[tensor], subject.vector.outputs[names[tensor]]).is_wrong
        for tensor, values in expected.items()
    )


def _conclude(
    subject: Subject, cause: Cause, found: Found, tensor: str, alone: Alone
) -> Localization:
    deviation = found.deviations.get(tensor) or subject.measure([tensor])[tensor]
    return _result(
        subject, cause, found, describe_node(subject, found.graph, tensor, deviation, alone)
    )


def _result(subject: Subject, cause: Cause, found: Found, node: WrongNode | None) -> Localization:
    return Localization(
        variant=subject.variant,
        backend=subject.backend,
        vector=subject.number,
        cause=cause,
        node=node,
        path=_path(found, node),
    )


def _path(found: Found, node: WrongNode | None) -> list[Step]:
    """Return the measured tensors around a node; without a node the outputs."""
    order = found.graph.order
    deviations = {**found.deviations, **({node.tensor: node.deviation} if node else {})}
    tensors = sorted((name for name in deviations if name in order), key=order.__getitem__)
    if node is None:
        tensors = [name for name in tensors if name in found.graph.outputs]
    else:
        at = tensors.index(node.tensor)
        tensors = tensors[max(0, at - _STEPS_BEFORE) : at + 1 + _STEPS_BEHIND]
    return [
        Step(tensor=name, op=found.graph.node(name).op, deviation=deviations[name])
        for name in tensors
    ]
