"""State of a subgraph that goes on from run to run: resource variables, and tensors of operators.

TensorFlow.js keeps none, so a variable that is read and assigned becomes an input and an output
of the same name: a page feeds the output of a run to the next one. So does the tensor in which
SVDF keeps what it was given before. Recurrent layers have such tensors too, but get a whole
sequence in each run, and start it from zeros.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.errors import ConversionError
from pipeline.tf.tflite.tflite_model import SubGraph, TfliteModel

_USES = {"READ_VARIABLE", "ASSIGN_VARIABLE"}
# The input that is an operator's state.
_STATES = {"SVDF": 4}


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable.

    Attributes:
        name: Its name in the file; the place of a tensor that is the state of an operator.
        read: Number of the tensor that has its value at the start.
        assigned: Number of the tensor that it is assigned last.
        is_tensor: Whether it is a tensor, which an operator reads and writes.
    """

    name: str
    read: int
    assigned: int
    is_tensor: bool = False


def find_variables(model: TfliteModel, subgraph: int) -> dict[str, Variable]:
    """Return the variables that a subgraph reads and assigns, by name; tensors stand last.

    Those that it only reads are constants, those that it only assigns are seen by nobody.

    Raises:
        ConversionError: Another subgraph than the one that fills them uses variables.
    """
    graph = model.subgraphs[subgraph]
    _check_others(model, subgraph)
    names: dict[int, str] = {}
    read: dict[str, int] = {}
    assigned: dict[str, int] = {}
    for operator in graph.operators:
        if operator.name == "VAR_HANDLE" and operator.outputs:
            name = getattr(operator.options, "sharedName", b"") or b""
            names[operator.outputs[0]] = (
                name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
            )
        elif operator.name in _USES and operator.inputs and operator.inputs[0] in names:
            name = names[operator.inputs[0]]
            if operator.name == "ASSIGN_VARIABLE" and len(operator.inputs) > 1:
                assigned[name] = operator.inputs[1]
            elif operator.outputs and name not in assigned:
                read.setdefault(name, operator.outputs[0])
    variables = {
        name: Variable(name=name, read=number, assigned=assigned[name])
        for name, number in read.items()
        if name in assigned
    }
    return _add_tensors(variables, graph)


def _add_tensors(variables: Mapping[str, Variable], graph: SubGraph) -> dict[str, Variable]:
    """Return variables with the tensors that operators keep, each under a name of its own."""
    named = dict(variables)
    for operator in graph.operators:
        place = _STATES.get(operator.name)
        if place is not None and max(operator.inputs[place : place + 1], default=-1) >= 0:
            tensor = graph.tensors[operator.inputs[place]]
            name, again = tensor.name or "state", 0
            while name in named:
                again += 1
                name = f"{tensor.name or 'state'}_{again}"
            named[name] = Variable(
                name=tensor.place, read=tensor.index, assigned=tensor.index, is_tensor=True
            )
    return named


def _check_others(model: TfliteModel, subgraph: int) -> None:
    """Raise where a subgraph that may run many times, or not at all, uses variables."""
    started = set(_find_initializers(model.subgraphs[subgraph]))
    for index, graph in enumerate(model.subgraphs):
        uses = [each for each in graph.operators if each.name in _USES or each.name in _STATES]
        if index != subgraph and index not in started and uses and not _is_entry(model, index):
            raise ConversionError(
                f"{uses[0].label}: a variable is used inside of a branch or loop, "
                "which cannot be converted",
                hint="docs/tflite.md lists what can be converted",
            )


def _is_entry(model: TfliteModel, index: int) -> bool:
    """Return whether a subgraph is that of a signature, or what such a one runs once."""
    entries = {signature.subgraph for signature in model.signatures}
    once = {n for entry in entries for n in _find_initializers(model.subgraphs[entry])}
    return index in entries | once


def _find_initializers(graph: SubGraph) -> Iterable[int]:
    for operator in graph.operators:
        if operator.name == "CALL_ONCE":
            yield int(getattr(operator.options, "initSubgraphIndex", 0) or 0)
