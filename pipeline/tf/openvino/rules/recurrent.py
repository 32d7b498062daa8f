"""Recurrent layers: RNN, GRU and LSTM, as sequences and as one step.

OpenVINO has batches before directions and steps; ONNX has steps, then batches. The gates of an
LSTM are forget, input, cell, output here, and input, output, forget, cell there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.tf.openvino.layer import Layer, Rule, Table

_LSTM_GATES = (1, 3, 0, 2)
_NAMES = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}


def _order_gates(layer: Layer, name: str, array: Any, order: Sequence[int], axis: int) -> str:
    """Return weights with their gates in ONNX's order."""
    if list(order) == sorted(order):
        return name
    if array is not None:
        parts = np.split(array, len(order), axis=axis)
        return layer.constant(np.concatenate([parts[n] for n in order], axis=axis))
    split = layer.emit_many("Split", [name], len(order), axis=axis, num_outputs=len(order))
    return layer.emit("Concat", [split[n] for n in order], axis=axis)


def _weights(layer: Layer, index: int, order: Sequence[int], *, is_cell: bool) -> str:
    """Return the weights (directions, gates * cells, …) of a layer."""
    name, array = layer.names[index], layer.known(index)
    if is_cell:
        array = None if array is None else array[None]
        name = layer.unsqueeze(name, [0]) if array is None else name
    made = _order_gates(layer, name, array, order, 1)
    return layer.constant(array) if array is not None and made == name and is_cell else made


def _biases(layer: Layer, index: int, op: str, *, is_cell: bool) -> str:
    """Return the biases of inputs and of states, one behind the other; those of states are 0.

    A GRU that resets behind its product has a bias of its own for the states of the last gate.
    """
    order, array = _ORDERS[op], layer.known(index)
    resets_behind = op == "GRU" and layer.attribute("linear_before_reset")
    count = len(order) + bool(resets_behind)
    if array is None:
        name = layer.unsqueeze(layer.names[index], [0]) if is_cell else layer.names[index]
        gates: list[Any] = layer.emit_many("Split", [name], count, axis=1, num_outputs=count)
        zero: Any = layer.emit("Mul", [gates[0], layer.number(0)])
    else:
        gates = np.split(np.asarray(array[None] if is_cell else array), count, axis=1)
        zero = np.zeros_like(gates[0])
    if resets_behind:
        parts = [*gates[:3], zero, zero, gates[3]]
    else:
        parts = [*(gates[n] for n in order), *[zero] * len(order)]
    if array is None:
        return layer.emit("Concat", parts, axis=1)
    return layer.constant(np.concatenate(parts, axis=1))


_ORDERS: Mapping[str, Sequence[int]] = {"RNN": (0,), "GRU": (0, 1, 2), "LSTM": _LSTM_GATES}


def _attributes(layer: Layer, count: int) -> dict[str, Any]:
    names = [str(name).lower() for name in layer.attribute("activations") or ()]
    if any(name not in _NAMES for name in names):
        raise layer.refuse(f"its activations are {', '.join(names)}")
    found: dict[str, Any] = {"hidden_size": int(layer.attribute("hidden_size"))}
    if names:
        found["activations"] = tuple(_NAMES[name] for name in names * count)
    if layer.attribute("clip"):
        found["clip"] = float(layer.attribute("clip"))
    if layer.attribute("linear_before_reset"):
        found["linear_before_reset"] = 1
    return found


def _sequence(op: str) -> Rule:
    """Return the rule of a layer over sequences.

    Inputs: X (batch, steps, features), states (batch, directions, cells), lengths, W, R, B.
    Outputs: Y (batch, directions, steps, cells), states (batch, directions, cells).
    """
    num_states = 2 if op == "LSTM" else 1

    def rule(layer: Layer) -> list[str]:
        direction = str(layer.attribute("direction", "forward")).lower()
        at = 1 + num_states
        states = [layer.transpose(name, [1, 0, 2]) for name in layer.names[1:at]]
        given = [
            layer.transpose(layer.names[0], [1, 0, 2]),
            _weights(layer, at + 1, _ORDERS[op], is_cell=False),
            _weights(layer, at + 2, _ORDERS[op], is_cell=False),
            _biases(layer, at + 3, op, is_cell=False),
            _lengths(layer, at),
            *states,
        ]
        count = 2 if direction == "bidirectional" else 1
        attributes = _attributes(layer, count)
        made = layer.emit_many(op, given, 1 + num_states, direction=direction, **attributes)
        return [
            layer.transpose(made[0], [2, 1, 0, 3]),
            *(layer.transpose(name, [1, 0, 2]) for name in made[1:]),
        ]

    return rule


def _lengths(layer: Layer, index: int) -> str:
    """Return the lengths of the sequences; none where all are as long as the steps."""
    known, steps = layer.known(index), layer.sizes(0)[1]
    if known is not None and steps is not None and np.all(known >= steps):
        return ""
    if known is None and _is_whole(layer, index):
        return ""
    return layer.cast(layer.names[index], "int32")


def _is_whole(layer: Layer, index: int) -> bool:
    """Return whether lengths are the number of steps, taken from the shape of the sequences.

    OpenVINO states so what an ONNX file leaves out.
    """
    makers = {name: node for node in layer.made.nodes for name in node.outputs}
    node = makers.get(layer.names[index])
    while node is not None and node.op in _PASSING:
        node = makers.get(node.inputs[0])
    shape = makers.get(node.inputs[0]) if node is not None and node.op == "Gather" else None
    if node is None or shape is None or shape.op != "Shape" or shape.attributes:
        return False
    place = layer.made.constants.get(node.inputs[1])
    if place is None or place.size != 1:
        return False
    axis, source = int(place.reshape(-1)[0]), layer.names[0]
    turned = makers.get(source)
    if shape.inputs[0] == source:
        return axis == 1
    if turned is None or turned.op != "Transpose" or turned.inputs[0] != shape.inputs[0]:
        return False
    return bool(turned.attributes["perm"][1] == axis)


_PASSING = {"Cast", "Expand", "Identity", "Reshape", "Squeeze", "Unsqueeze"}


def _cell(op: str) -> Rule:
    """Return the rule of one step: X (batch, features), states (batch, cells), W, R, B."""
    num_states = 2 if op == "LSTM" else 1

    def rule(layer: Layer) -> list[str]:
        at = 1 + num_states
        given = [
            layer.unsqueeze(layer.names[0], [0]),
            _weights(layer, at, _ORDERS[op], is_cell=True),
            _weights(layer, at + 1, _ORDERS[op], is_cell=True),
            _biases(layer, at + 2, op, is_cell=True) if layer.has(at + 2) else "",
            "",
            *(layer.unsqueeze(name, [0]) for name in layer.names[1:at]),
        ]
        made = layer.emit_many(op, given, 1 + num_states, **_attributes(layer, 1))
        return [layer.squeeze(name, [0]) for name in made[1:]]

    return rule


RULES: Table = {
    "GRUCell": _cell("GRU"),
    "GRUSequence": _sequence("GRU"),
    "LSTMCell": _cell("LSTM"),
    "LSTMSequence": _sequence("LSTM"),
    "RNNCell": _cell("RNN"),
    "RNNSequence": _sequence("RNN"),
}
