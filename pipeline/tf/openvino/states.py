"""State that goes on from run to run: variables that ReadValue reads and Assign assigns.

TensorFlow.js keeps none, so a variable becomes an input and an output of the same name: a page
feeds the output of a run to the next one.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino

from pipeline.errors import ConversionError

READ, ASSIGN = "ReadValue", "Assign"
_PAGE = "docs/openvino.md lists what can be converted"


@dataclass(frozen=True, kw_only=True)
class State:
    """A variable.

    Attributes:
        name: The name of its input, which is that of its output.
        start: Its values at the start; None for zeros, or for those of an input.
        first: The input that it starts with; None for none.
        is_assigned: Whether it changes from run to run; else it is a constant.
        reads: The operations that read it, by the names that OpenVINO has for them.
        assigned: What is assigned to it: the output of an operation; None for nothing.
        element_type: The type of its elements.
        shape: Its shape.
    """

    name: str
    start: Any
    first: str | None
    is_assigned: bool
    reads: Collection[str]
    assigned: Any
    element_type: Any
    shape: Any


def find_states(model: openvino.Model, taken: Collection[str]) -> dict[str, State]:
    """Return the variables of a model that are read, by the names that it has for them.

    Args:
        model: The model.
        taken: Names that its inputs and outputs have.

    Raises:
        ConversionError: A variable has open sizes, or starts with what depends on an input.
    """
    nodes: dict[str, list[Any]] = {}
    assigned: dict[str, Any] = {}
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind == READ:
            nodes.setdefault(str(node.get_attributes()["variable_id"]), []).append(node)
        elif kind == ASSIGN:
            assigned[str(node.get_attributes()["variable_id"])] = node.input_value(0)
    names = set(taken)
    found = {}
    for variable, readers in nodes.items():
        found[variable] = _describe(variable, readers, assigned.get(variable), names)
        names.add(found[variable].name)
    return found


def _describe(variable: str, readers: list[Any], assigned: Any, names: set[str]) -> State:
    name, number = variable, 1
    while name in names:
        name = f"{variable}_state" if number == 1 else f"{variable}_state_{number}"
        number += 1
    first = readers[0].output(0)
    where = f'ReadValue "{readers[0].get_friendly_name()}"'
    if first.get_partial_shape().is_dynamic:
        raise ConversionError(
            f"{where}: its state has open sizes, {first.get_partial_shape()}, which cannot be "
            "converted",
            hint=_PAGE,
        )
    given = _find_input(readers[0]) if assigned is not None else None
    return State(
        name=name,
        start=_compute_start(readers[0], where) if given is None else None,
        first=given,
        is_assigned=assigned is not None,
        reads={node.get_name() for node in readers},
        assigned=assigned,
        element_type=first.get_element_type(),
        shape=first.get_partial_shape(),
    )


def _find_input(node: Any) -> str | None:
    """Return the shortest name of the input that a variable starts with; None where it is none."""
    if not node.get_input_size():
        return None
    source = node.input_value(0).get_node()
    if source.get_type_name() != "Parameter":
        return None
    names = sorted(source.output(0).get_names(), key=lambda name: (len(name), name))
    return str(names[0] if names else source.get_friendly_name())


def describe_starts(states: Iterable[State]) -> list[str]:
    """Return a sentence for each variable that starts with an input."""
    return [
        f"in OpenVINO the state {state.name!r} starts with the input {state.first!r}; in "
        "TensorFlow.js it starts with what it is fed"
        for state in states
        if state.first is not None
    ]


def _compute_start(node: Any, where: str) -> Any:
    """Return what a variable starts with: what depends on constants alone is computed here."""
    if not node.get_input_size():
        return None
    source = node.input_value(0)
    if source.get_node().get_type_name() == "Constant":
        return np.array(source.get_node().get_data())
    if any(each.get_type_name() in ("Parameter", READ) for each in _walk(source, with_sizes=False)):
        raise ConversionError(
            f"{where}: its state starts with what depends on an input, which cannot be converted",
            hint=_PAGE,
        )
    # Inputs of which the sizes alone count may hold anything.
    inputs = [
        each for each in _walk(source, with_sizes=True) if each.get_type_name() == "Parameter"
    ]
    run = openvino.Core().compile_model(openvino.Model([source], inputs, "start"), "CPU")
    fed = [
        np.zeros(each.get_output_shape(0), each.get_output_element_type(0).to_dtype())
        for each in inputs
    ]
    return np.array(run(fed)[0])


def _walk(source: Any, *, with_sizes: bool) -> list[Any]:
    """Return the operations that a value depends on; those that give known sizes where asked."""
    waiting, seen = [source.get_node()], {}
    while waiting:
        node = waiting.pop()
        if node.get_name() in seen:
            continue
        seen[node.get_name()] = node
        is_size = (
            node.get_type_name() == "ShapeOf" and node.input_value(0).get_partial_shape().is_static
        )
        if with_sizes or not is_size:
            waiting += [value.get_node() for value in node.input_values()]
    return list(seen.values())


def set_states(request: openvino.InferRequest, given: Mapping[str, Any]) -> None:
    """Give variables values before a run; others start anew.

    Args:
        request: What runs the model.
        given: Arrays by the name of the variable.
    """
    for state in request.query_state():
        state.reset()
        if state.name in given:
            dtype = state.state.element_type.to_dtype()
            array = np.asarray(given[state.name]).astype(dtype)
            state.state = openvino.Tensor(np.ascontiguousarray(array).reshape(array.shape))


def get_states(request: openvino.InferRequest) -> dict[str, Any]:
    """Return the values of variables after a run, by name."""
    return {state.name: np.array(state.state.data) for state in request.query_state()}
