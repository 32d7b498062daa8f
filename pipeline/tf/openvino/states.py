"""State that goes on from run to run: variables that ReadValue reads and Assign assigns.

TensorFlow.js keeps none, so a variable becomes an input and an output of the same name: a page
feeds the output of a run to the next one.
"""

from collections.abc import Collection, Mapping
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
        start: Its values at the start; None for zeros.
        is_assigned: Whether it changes from run to run; else it is a constant.
        reads: The operations that read it, by the names that OpenVINO has for them.
        assigned: What is assigned to it: the output of an operation; None for nothing.
        element_type: The type of its elements.
        shape: Its shape.
    """

    name: str
    start: Any
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
    return State(
        name=name,
        start=_compute_start(readers[0], where),
        is_assigned=assigned is not None,
        reads={node.get_name() for node in readers},
        assigned=assigned,
        element_type=first.get_element_type(),
        shape=first.get_partial_shape(),
    )


def _compute_start(node: Any, where: str) -> Any:
    """Return what a variable starts with: what depends on constants alone is computed here."""
    if not node.get_input_size():
        return None
    source = node.input_value(0)
    if source.get_node().get_type_name() == "Constant":
        return np.array(source.get_node().get_data())
    if _depends_on_inputs(source.get_node()):
        raise ConversionError(
            f"{where}: its state starts with what depends on an input, which cannot be converted",
            hint=_PAGE,
        )
    run = openvino.Core().compile_model(openvino.Model([source], [], "start"), "CPU")
    return np.array(run([])[0])


def _depends_on_inputs(node: Any) -> bool:
    waiting, seen = [node], set()
    while waiting:
        each = waiting.pop()
        if each.get_type_name() in ("Parameter", READ):
            return True
        for value in each.input_values():
            source = value.get_node()
            if source.get_name() not in seen:
                seen.add(source.get_name())
                waiting.append(source)
    return False


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
