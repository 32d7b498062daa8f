"""Recurrent layers: RNN, GRU and LSTM, in both directions, with sequences of unequal lengths.

The products with the inputs of all steps are one product before the first step; only those with
the states are computed step by step.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import FormatError
from pipeline.tf.layout.recurrent import Step, run_recurrence
from pipeline.tf.layout.sizes import Size, is_known, materialize
from pipeline.tf.layout.value import Value, arrange, constant, reshape_held, wrap
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.rules.quantized import round_to_levels
from pipeline.tf.onnx.rules.recurrent_cells import (
    ACTIVATIONS,
    Activation,
    Cell,
    gru_step,
    lstm_step,
    rnn_step,
)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A kind of layer.

    Attributes:
        make_step: Makes the step of one direction.
        num_gates: Number of gates.
        defaults: Its activations where the node states none.
        num_states: Number of states of a direction.
        enter: What inputs and states become before their products.
    """

    make_step: Callable[[Call, Cell], Step]
    num_gates: int
    defaults: Sequence[str]
    num_states: int = 1
    enter: Activation = tf.identity


_RNN = Layer(make_step=rnn_step, num_gates=1, defaults=("tanh",))
_GRU = Layer(make_step=gru_step, num_gates=3, defaults=("sigmoid", "tanh"))
_LSTM = Layer(make_step=lstm_step, num_gates=4, defaults=("sigmoid", "tanh", "tanh"), num_states=2)

# core/providers/cpu/rnn/rnn_helpers.cc of ONNX Runtime: ComputeGemm rounds its first operand.
_QUANTIZED_LSTM = replace(_LSTM, enter=round_to_levels)

_DIRECTIONS: Mapping[str, Sequence[bool]] = {
    "forward": (False,), "reverse": (True,), "bidirectional": (False, True),
}  # fmt: skip
"""For each direction of a layer, whether the last step comes first."""


def _build(call: Call, layer: Layer) -> list[Value]:
    """Build a layer; X is (steps, batch, features), or (batch, steps, features) in layout 1."""
    directions = _find_directions(call)
    value = call.value(0)
    steps, sequences = (1, 0) if call.attribute("layout", 0) else (0, 1)
    # The order in which X is held decides whether steps or sequences come first.
    axis = int(value.order.index(steps) > value.order.index(sequences))
    held = arrange(value, (sequences, steps, 2) if axis else (steps, sequences, 2))
    num_steps, batch = value.sizes[steps], value.sizes[sequences]
    activations = _read_activations(call, layer, len(directions))
    outputs, states = [], []
    for number, backwards in enumerate(directions):
        cell = _make_cell(call, layer, number, next(activations))
        lengths = call.plain(4) if call.has(4) else None
        made, after = run_recurrence(
            _project(call, held, number, cell),
            layer.make_step(call, cell),
            _first_states(call, layer, number, batch, cell.size),
            axis=axis,
            backwards=backwards,
            lengths=lengths,
        )
        if lengths is not None:
            after = [_clear(state, lengths) for state in after]
        outputs.append(made)
        states.append(after)
    size = outputs[0].shape[-1]
    return [
        _join_outputs(call, outputs, axis, (num_steps, batch, size)),
        *(
            _join_states(call, [own[kind] for own in states], batch)
            for kind in range(layer.num_states)
        ),
    ]


def _clear(state: Any, lengths: Any) -> Any:
    """Return zeros for sequences without a step, as ONNX Runtime does."""
    return tf.where(tf.expand_dims(lengths, -1) > 0, state, tf.zeros([], state.dtype))


def _find_directions(call: Call) -> Sequence[bool]:
    name = call.attribute("direction", "forward")
    if name not in _DIRECTIONS:
        raise FormatError(f"{call.node.label}: {name!r} is no direction")
    return _DIRECTIONS[name]


def _read_activations(call: Call, layer: Layer, count: int) -> Iterator[list[Activation]]:
    """Yield the activations of each direction.

    The lists of alphas and betas have numbers only for the activations that take them.
    """
    names = list(call.attribute("activations") or list(layer.defaults) * count)
    each = len(layer.defaults)
    if len(names) != each * count:
        raise FormatError(f"{call.node.label} has {len(names)} activations for {count} directions")
    numbers = [iter(call.attribute(name) or ()) for name in ("activation_alpha", "activation_beta")]
    made = []
    for name in names:
        if name.lower() not in ACTIVATIONS:
            raise call.refuse(f"its activation {name!r} is not known")
        compute, defaults = ACTIVATIONS[name.lower()]
        given = [next(own, default) for own, default in zip(numbers, defaults, strict=False)]
        if None in given:
            raise call.refuse(f"its activation {name!r} lacks a number")
        made.append(_with_numbers(compute, given))
    for number in range(count):
        yield made[number * each : (number + 1) * each]


def _with_numbers(compute: Callable[..., Any], numbers: Sequence[Any]) -> Activation:
    return lambda value: compute(value, *(float(n) for n in numbers))


def _make_cell(call: Call, layer: Layer, number: int, activations: Sequence[Activation]) -> Cell:
    weights = _pick(call.value(2), number)
    size = weights.sizes[1]
    if not is_known(size):
        raise call.refuse("the number of its cells is not known")
    width = layer.num_gates * int(size)
    added, bias = _read_bias(call, number, width)
    if layer is _GRU and call.attribute("linear_before_reset", 0):
        kept = width - int(size)
        bias, early = _halve(bias, kept)
        added = added + early
    else:
        added, bias = added + bias, None
    return Cell(
        size=int(size),
        recurrent=arrange(weights, (1, 0)).tensor,
        bias=bias,
        added=added,
        peepholes=_pick(call.value(7), number).tensor if call.has(7) else None,
        activations=activations,
        clip=float(call.attribute("clip", 0.0)),
        enter=layer.enter,
    )


def _read_bias(call: Call, number: int, width: int) -> tuple[Any, Any]:
    """Return the bias of the inputs and that of the states: arrays, or tensors."""
    if not call.has(3):
        return np.zeros(width, np.float32), np.zeros(width, np.float32)
    both = _pick(call.value(3), number)
    whole = both.array.astype(np.float32) if both.is_known else both.tensor
    return whole[:width], whole[width:]


def _halve(bias: Any, kept: int) -> tuple[Any, Any]:
    """Return a bias with zeros before a place, and one with zeros behind it."""
    if isinstance(bias, np.ndarray):
        mask = np.arange(len(bias)) < kept
        return np.where(mask, np.float32(0), bias), np.where(mask, bias, np.float32(0))
    zeros = tf.zeros_like(bias)
    return (
        tf.concat([zeros[:kept], bias[kept:]], 0), tf.concat([bias[:kept], zeros[kept:]], 0)
    )  # fmt: skip


def _pick(value: Value, number: int) -> Value:
    """Return what one direction has of a value whose first axis counts directions."""
    whole = arrange(value, tuple(range(value.rank)))
    if whole.is_known:
        return constant(whole.held[number], value.dtype)
    return wrap(whole.tensor[number], value.dtype, sizes=value.sizes[1:])


def _project(call: Call, held: Value, number: int, cell: Cell) -> Any:
    """Return the products of the inputs of all steps with their weights, and the bias."""
    weights = arrange(_pick(call.value(1), number), (1, 0))
    features, width = weights.held.shape[0], weights.held.shape[1]
    flat = cell.enter(tf.reshape(held.tensor, [-1, features]))
    product = tf.matmul(flat, weights.tensor)
    if not isinstance(cell.added, np.ndarray) or np.any(cell.added):
        product = product + cell.added
    sizes = [held.sizes[axis] for axis in held.order[:2]]
    return reshape_held(product, [*sizes, int(width)])


def _first_states(call: Call, layer: Layer, number: int, batch: Size, size: int) -> list[Any]:
    """Return the states before the first step: given, or zeros."""
    states = []
    for index in (5, 6)[: layer.num_states]:
        if not call.has(index):
            states.append(tf.zeros([materialize(batch), size], tf.float32))
            continue
        given = call.value(index)
        if call.attribute("layout", 0):
            given = Value(
                held=given.held,
                dtype=given.dtype,
                order=tuple((1, 0, 2)[axis] for axis in given.order),
                sizes=(given.sizes[1], given.sizes[0], given.sizes[2]),
            )
        states.append(_pick(given, number).tensor)
    return states


def _join_outputs(
    call: Call, outputs: Sequence[Any], axis: int, sizes: tuple[Size, Size, int]
) -> Value:
    """Return Y: (steps, directions, batch, cells), or (batch, steps, directions, cells).

    It is held with the directions beside the cells, as the layer behind wants them.
    """
    count, (num_steps, batch, size) = len(outputs), sizes
    joined = tf.concat(outputs, -1) if count > 1 else outputs[0]
    first = (num_steps, batch) if axis == 0 else (batch, num_steps)
    held = reshape_held(joined, [*first, count, size])
    dtype = call.value(0).dtype
    if call.attribute("layout", 0):
        order = (1, 0, 2, 3) if axis == 0 else (0, 1, 2, 3)
        return wrap(held, dtype, order=order, sizes=(batch, num_steps, count, size))
    order = (0, 2, 1, 3) if axis == 0 else (2, 0, 1, 3)
    return wrap(held, dtype, order=order, sizes=(num_steps, count, batch, size))


def _join_states(call: Call, states: Sequence[Any], batch: Size) -> Value:
    """Return the last states: (directions, batch, cells), or (batch, directions, cells)."""
    held = tf.stack(states) if len(states) > 1 else tf.expand_dims(states[0], 0)
    size, dtype = held.shape[-1], call.value(0).dtype
    if call.attribute("layout", 0):
        return wrap(held, dtype, order=(1, 0, 2), sizes=(batch, len(states), size))
    return wrap(held, dtype, order=(0, 1, 2), sizes=(len(states), batch, size))


def _rnn(call: Call) -> list[Value]:
    return _build(call, _RNN)


def _gru(call: Call) -> list[Value]:
    return _build(call, _GRU)


def _lstm(call: Call) -> list[Value]:
    return _build(call, _LSTM)


def _quantized_lstm(call: Call) -> list[Value]:
    """DynamicQuantizeLSTM: its weights are (directions, inputs, gates * cells) of 8 bits.

    The inputs of all steps are rounded to 8 bits together; so are the states of all sequences, in
    each step.
    """
    weights = [_dequantize(call, index, 8 + 2 * place) for place, index in enumerate((1, 2))]
    inputs: list[Value | None] = [call.value(0), *weights]
    inputs += [call.value(i) if call.has(i) else None for i in range(3, 8)]
    return _build(call.replaced(inputs), _QUANTIZED_LSTM)


def _dequantize(call: Call, index: int, scale_index: int) -> Value:
    """Return weights as LSTM has them: (directions, gates * cells, inputs)."""
    whole = call.require(index, "weights").astype(np.float32)
    scale = call.require(scale_index, "scale of the weights")
    zero = call.require(scale_index + 1, "zero point of the weights").astype(np.float32)
    real = (whole - _spread(zero)) * _spread(scale)
    return constant(np.transpose(real, (0, 2, 1)).astype(np.float32))


def _spread(numbers: Any) -> Any:
    """Return one number for each direction, or for each of its columns, for all rows."""
    return numbers.reshape((numbers.shape[0], 1, -1))


RULES: Table = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}

MICROSOFT: Table = {"DynamicQuantizeLSTM": _quantized_lstm}
