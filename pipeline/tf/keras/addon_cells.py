"""Recurrent cells of tensorflow_addons, by their published formulas."""

from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras.layers import LayerNormalization

from pipeline.tf.keras.addon_formula import BASE_OPTIONS

ESN_OPTIONS = (
    *("units", "connectivity", "leaky", "spectral_radius", "use_norm2", "use_bias", "activation"),
    *("kernel_initializer", "recurrent_initializer", "bias_initializer"),
)
"""Options of a cell of an echo state network."""


class Cell(tf_keras.layers.AbstractRNNCell):  # type: ignore[misc]
    """A cell that keeps the options of its config.

    Attributes:
        options: Its options, beside those of every layer.
    """

    def __init__(self, **options: Any) -> None:
        """Keep the options of the formula apart."""
        super().__init__(**{name: options[name] for name in options if name in BASE_OPTIONS})
        self.options = {name: options[name] for name in options if name not in BASE_OPTIONS}


class ESNCell(Cell):
    """https://doi.org/10.1126/science.1091277: a leaky cell with kernels that are not trained."""

    @property
    def state_size(self) -> int:
        """Size of the state."""
        return int(self.options["units"])

    output_size = state_size

    def build(self, input_shape: Any) -> None:
        """Make the kernels."""
        units = self.state_size
        self.recurrent_kernel = self.add_weight("recurrent_kernel", (units, units), trainable=False)
        self.kernel = self.add_weight("kernel", (input_shape[-1], units), trainable=False)
        biased = self.options["use_bias"]
        self.bias = self.add_weight("bias", (units,), trainable=False) if biased else 0.0

    def call(self, inputs: tf.Tensor, states: Any) -> Any:
        """Return the next state, as output and as state."""
        state = states[0]
        total = tf.matmul(inputs, self.kernel) + tf.matmul(state, self.recurrent_kernel)
        activate = tf_keras.activations.deserialize(self.options["activation"])
        leaky = self.options["leaky"]
        following = (1.0 - leaky) * state + leaky * activate(total + self.bias)
        return following, [following]


class ESN(tf_keras.layers.RNN):  # type: ignore[misc]
    """A layer of an `ESNCell`."""

    def __init__(self, **options: Any) -> None:
        """Make the cell of its options."""
        cell = ESNCell(**{name: options[name] for name in ESN_OPTIONS})
        super().__init__(cell, **{n: options[n] for n in options if n not in ESN_OPTIONS})

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None) -> "ESN":  # noqa: ARG003
        """Return the layer of a config, which has no cell."""
        return cls(**config)


class NASCell(Cell):
    """https://arxiv.org/abs/1611.01578, figure 5 of appendix A, with eight sums."""

    @property
    def state_size(self) -> list[int]:
        """Sizes of the cell's and the hidden state."""
        return [self.options["units"], self.output_size]

    @property
    def output_size(self) -> int:
        """Size of the hidden state."""
        return int(self.options["projection"] or self.options["units"])

    def build(self, input_shape: Any) -> None:
        """Make the kernels."""
        units, size = self.options["units"], self.output_size
        self.recurrent_kernel = self.add_weight("recurrent_kernel", (size, 8 * units))
        self.kernel = self.add_weight("kernel", (input_shape[-1], 8 * units))
        self.bias = self.add_weight("bias", (8 * units,)) if self.options["use_bias"] else 0.0
        self.projection_weights = None
        if self.options["projection"] is not None:
            self.projection_weights = self.add_weight("projection_weights", (units, size))

    def call(self, inputs: tf.Tensor, states: Any) -> Any:
        """Return the hidden state, and both states."""
        memory, hidden = states
        x = tf.split(tf.matmul(inputs, self.kernel), 8, 1)
        h = tf.split(tf.matmul(hidden, self.recurrent_kernel) + self.bias, 8, 1)
        sigmoid, tanh = tf.sigmoid, tf.tanh
        first = tanh(sigmoid(x[0] + h[0]) * tf.nn.relu(x[1] + h[1]))
        second = tanh(sigmoid(x[2] + h[2]) + tf.nn.relu(x[3] * h[3]))
        third = tanh(tanh(x[4] + h[4]) * sigmoid(x[5] + h[5]))
        fourth = sigmoid(tanh(x[6] + h[6]) + sigmoid(x[7] + h[7]))
        memory = tanh(first + memory) * second
        hidden = tanh(memory * tanh(third + fourth))
        if self.projection_weights is not None:
            hidden = tf.matmul(hidden, self.projection_weights)
        return hidden, [memory, hidden]


class PeepholeLSTMCell(tf_keras.layers.LSTMCell):  # type: ignore[misc]
    """https://www.jmlr.org/papers/v3/gers02a.html: gates that see the cell's state."""

    def build(self, input_shape: Any) -> None:
        """Make the kernels, and a weight of the state for each gate."""
        super().build(input_shape)
        self.peepholes = [
            self.add_weight(f"{gate}_gate_peephole_weights", (self.units,))
            for gate in ("input", "forget", "output")
        ]

    def call(self, inputs: tf.Tensor, states: Any, training: Any = None) -> Any:  # noqa: ARG002
        """Return the hidden state, and both states."""
        hidden, memory = states
        total = tf.matmul(inputs, self.kernel) + tf.matmul(hidden, self.recurrent_kernel)
        total = total + self.bias if self.use_bias else total
        gates, activate = self.recurrent_activation, self.activation
        i, f, c, o = tf.split(total, 4, 1)
        of_input, of_forget, of_output = self.peepholes
        added = gates(i + of_input * memory) * activate(c)
        memory = gates(f + of_forget * memory) * memory + added
        hidden = gates(o + of_output * memory) * activate(memory)
        return hidden, [hidden, memory]


class LayerNormLSTMCell(tf_keras.layers.LSTMCell):  # type: ignore[misc]
    """https://arxiv.org/abs/1607.06450, equations 20 to 22."""

    def __init__(self, *, norm_epsilon: float, **options: Any) -> None:
        """Make the normalizations of both products and of the state."""
        super().__init__(**{n: options[n] for n in options if not n.startswith("norm_")})
        self.kernel_norm, self.recurrent_norm, self.state_norm = (
            LayerNormalization(epsilon=norm_epsilon, name=f"{name}_norm")
            for name in ("kernel", "recurrent", "state")
        )

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        super().build(input_shape)
        for norm, size in zip(
            (self.kernel_norm, self.recurrent_norm, self.state_norm), (4, 4, 1), strict=True
        ):
            norm.build((None, size * self.units))

    def call(self, inputs: tf.Tensor, states: Any, training: Any = None) -> Any:  # noqa: ARG002
        """Return the hidden state, and both states."""
        hidden, memory = states
        total = self.kernel_norm(tf.matmul(inputs, self.kernel))
        total += self.recurrent_norm(tf.matmul(hidden, self.recurrent_kernel))
        total = total + self.bias if self.use_bias else total
        i, f, c, o = tf.split(total, 4, 1)
        gates, activate = self.recurrent_activation, self.activation
        memory = self.state_norm(gates(f) * memory + gates(i) * activate(c))
        hidden = gates(o) * activate(memory)
        return hidden, [hidden, memory]


class LayerNormSimpleRNNCell(tf_keras.layers.SimpleRNNCell):  # type: ignore[misc]
    """https://arxiv.org/abs/1607.06450, equation 4, without the offset of the normalization."""

    def __init__(self, *, layernorm_epsilon: float, **options: Any) -> None:
        """Make the normalization."""
        super().__init__(**{n: options[n] for n in options if not n.startswith("gamma_")})
        self.layernorm = LayerNormalization(epsilon=layernorm_epsilon, center=False)

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        super().build(input_shape)
        self.layernorm.build((None, self.units))

    def call(self, inputs: tf.Tensor, states: Any, training: Any = None) -> Any:  # noqa: ARG002
        """Return the next state, as output and as state."""
        total = tf.matmul(inputs, self.kernel) + tf.matmul(states[0], self.recurrent_kernel)
        total = self.layernorm(total)
        total = total + self.bias if self.use_bias else total
        following = self.activation(total)
        return following, [following]
