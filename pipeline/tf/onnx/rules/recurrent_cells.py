"""What RNN, GRU and LSTM of ONNX compute in one step of one direction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from pipeline.tf.layout.recurrent import Step
from pipeline.tf.onnx.call import Call

Activation = Callable[[Any], Any]
ACTIVATIONS: Mapping[str, tuple[Callable[..., Any], Sequence[float | None]]] = {
    "affine": (lambda x, alpha, beta: alpha * x + beta, (None, None)),
    "elu": (
        lambda x, alpha: tf.where(x > 0, x, alpha * (tf.exp(tf.minimum(x, 0.0)) - 1.0)), (1.0,),
    ),
    "hardsigmoid": (
        lambda x, alpha, beta: tf.clip_by_value(alpha * x + beta, 0.0, 1.0), (0.2, 0.5),
    ),
    "leakyrelu": (lambda x, alpha: tf.where(x >= 0, x, alpha * x), (0.01,)),
    "relu": (tf.nn.relu, ()),
    "scaledtanh": (lambda x, alpha, beta: alpha * tf.tanh(beta * x), (None, None)),
    "sigmoid": (tf.sigmoid, ()),
    "softplus": (tf.math.softplus, ()),
    "softsign": (lambda x: x / (1.0 + tf.abs(x)), ()),
    "tanh": (tf.tanh, ()),
    "thresholdedrelu": (
        lambda x, alpha: tf.where(x > alpha, x, tf.zeros([], x.dtype)), (None,),
    ),
}  # fmt: skip
"""What computes an activation, and the defaults of its alpha and beta; None where the standard
and ONNX Runtime agree on none."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One direction of a layer.

    Attributes:
        size: Number of cells.
        recurrent: Weights of the states, transposed: (cells, gates * cells).
        bias: The bias of the states, (gates * cells,), which follows that of the inputs.
        added: The bias of the inputs, (gates * cells,).
        peepholes: (3 * cells,) for the gates i, o and f; None for none.
        activations: f, g and h, as many as the layer has.
        clip: The largest input of an activation; 0 for none.
        enter: What states become before the product.
    """

    size: int
    recurrent: Any
    bias: Any
    added: Any
    peepholes: Any
    activations: Sequence[Activation]
    clip: float
    enter: Activation

    def multiply(self, state: Any) -> Any:
        """Return the product of a state with the weights of all gates."""
        return tf.matmul(self.enter(state), self.recurrent)

    def limit(self, value: Any) -> Any:
        """Return the input of an activation within the limit."""
        return tf.clip_by_value(value, -self.clip, self.clip) if self.clip > 0 else value


def rnn_step(_: Call, cell: Cell) -> Step:
    """Return the step of an RNN, which has one gate."""

    def step(value: Any, states: Sequence[Any]) -> tuple[Any, list[Any]]:
        total = value + cell.multiply(states[0])
        output = cell.activations[0](cell.limit(total))
        return output, [output]

    return step


def gru_step(call: Call, cell: Cell) -> Step:
    """Return the step of a GRU, whose gates are update, reset and hidden."""
    f, g = cell.activations
    size = cell.size
    resets_behind = bool(call.attribute("linear_before_reset", 0))

    def step(value: Any, states: Sequence[Any]) -> tuple[Any, list[Any]]:
        gates, fresh = tf.split(value, [2 * size, size], axis=-1)
        if resets_behind:
            product = cell.multiply(states[0]) + cell.bias
            own, hidden = tf.split(product, [2 * size, size], axis=-1)
        else:
            own = tf.matmul(states[0], cell.recurrent[:, : 2 * size])
        update, reset = tf.split(f(cell.limit(gates + own)), 2, axis=-1)
        if resets_behind:
            fresh += reset * hidden
        else:
            fresh += tf.matmul(reset * states[0], cell.recurrent[:, 2 * size :])
        fresh = g(cell.limit(fresh))
        output = fresh + update * (states[0] - fresh)
        return output, [output]

    return step


def lstm_step(call: Call, cell: Cell) -> Step:
    """Return the step of an LSTM, whose gates are input, output, forget and cell."""
    f, g, h = cell.activations
    size = cell.size
    is_coupled = bool(call.attribute("input_forget", 0))

    def gate(total: Any, memory: Any, number: int) -> Any:
        return f(cell.limit(total + memory * cell.peepholes[number * size : (number + 1) * size]))

    def step(value: Any, states: Sequence[Any]) -> tuple[Any, list[Any]]:
        before = states[1]
        total = value + cell.multiply(states[0])
        gates, fresh = tf.split(total, [3 * size, size], axis=-1)
        if cell.peepholes is None:
            entering, leaving, forget = tf.split(f(cell.limit(gates)), 3, axis=-1)
        else:
            entering, leaving, forget = tf.split(gates, 3, axis=-1)
            entering, forget = gate(entering, before, 0), gate(forget, before, 2)
        if is_coupled:
            forget = 1.0 - entering
        memory = forget * before + entering * g(cell.limit(fresh))
        if cell.peepholes is not None:
            leaving = gate(leaving, memory, 1)
        output = leaving * h(memory)
        return output, [output, memory]

    return step
