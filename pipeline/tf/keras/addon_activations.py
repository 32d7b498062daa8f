"""Activations of add-ons to Keras 2, layers and functions, by their published formulas."""

from typing import Any

import tensorflow as tf

from pipeline.tf.keras.addon_formula import Formula


class TLU(Formula):
    """https://arxiv.org/abs/1911.09737, equation 2."""

    def build(self, input_shape: Any) -> None:
        """Make a threshold for each element of an example, and its slope."""
        shape = list(input_shape[1:])
        self.tau = self.add_weight("tau", shape)
        self.alpha = self.add_weight("alpha", shape) if self.options["affine"] else None

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the greater of the values and their thresholds."""
        slope = 0.0 if self.alpha is None else self.alpha * inputs
        return tf.maximum(inputs, self.tau + slope)


class Swish(Formula):
    """https://arxiv.org/abs/1710.05941: x * sigmoid(beta * x), with a learned beta."""

    def build(self, _: Any) -> None:
        """Make beta."""
        self.beta = self.add_weight("beta", (1,), trainable=self.trainable)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Apply the formula."""
        return inputs * tf.sigmoid(self.beta * inputs)


class GELU(Formula):
    """https://arxiv.org/abs/1606.08415, exact or by tanh."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Apply the formula."""
        return tf.nn.gelu(inputs, self.options["approximate"])


class Mish(Formula):
    """https://arxiv.org/abs/1908.08681."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Apply the formula."""
        return mish(inputs)


def mish(x: tf.Tensor) -> tf.Tensor:
    """Return https://arxiv.org/abs/1908.08681."""
    return x * tf.tanh(tf.math.softplus(x))


def hard_sigmoid(x: tf.Tensor) -> tf.Tensor:
    """Return https://arxiv.org/abs/1905.02244, section 5.2."""
    return tf.nn.relu6(x + 3.0) / 6.0


def hard_swish(x: tf.Tensor) -> tf.Tensor:
    """Return https://arxiv.org/abs/1905.02244, section 5.2."""
    return x * hard_sigmoid(x)


def hard_shrink(x: tf.Tensor) -> tf.Tensor:
    """Return x beyond ±0.5, else 0."""
    return tf.where(tf.abs(x) > 0.5, x, tf.zeros_like(x))  # noqa: PLR2004  # the default bounds


def soft_shrink(x: tf.Tensor) -> tf.Tensor:
    """Return x beyond ±0.5, nearer to 0 by 0.5, else 0."""
    return tf.sign(x) * tf.nn.relu(tf.abs(x) - 0.5)


def snake(x: tf.Tensor) -> tf.Tensor:
    """Return https://arxiv.org/abs/2006.08195 with frequency 1."""
    return x + (1.0 - tf.cos(2.0 * x)) / 2.0


class Snake(Formula):
    """https://arxiv.org/abs/2006.08195 with a learned frequency."""

    def build(self, _: Any) -> None:
        """Make the frequency, a scalar."""
        self.frequency = self.add_weight("frequency", ())

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Apply the formula."""
        twice = 2.0 * self.frequency
        return inputs + (1.0 - tf.cos(twice * inputs)) / twice


class SineReLU(Formula):
    """The greater of x and epsilon * (sin(x) - cos(x)), of keras_contrib."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Apply the formula."""
        wave = self.options["epsilon"] * (tf.sin(inputs) - tf.cos(inputs))
        return tf.maximum(wave, inputs)


class SharedFormula(Formula):
    """An activation with learned values for each element of an example.

    Attributes:
        learned: Names of the learned values, in the order in which files list them.
    """

    learned: tuple[str, ...] = ()

    def build(self, input_shape: Any) -> None:
        """Make the values, one for all places along a shared axis."""
        axes = self.options["shared_axes"] or []
        shape = [1 if i in axes else size for i, size in enumerate(input_shape)][1:]
        for name in self.learned:
            setattr(self, name, self.add_weight(name, shape))


class PELU(SharedFormula):
    """https://arxiv.org/abs/1605.09332, equation 3."""

    learned = ("alpha", "beta")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Apply the formula."""
        above = tf.nn.relu(inputs) * self.alpha / self.beta
        return above + self.alpha * (tf.exp(-tf.nn.relu(-inputs) / self.beta) - 1.0)


class SReLU(SharedFormula):
    """https://arxiv.org/abs/1512.07030, equation 1; the right bound is left + |right|."""

    learned = ("t_left", "a_left", "t_right", "a_right")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return x between the bounds, and straight lines beyond them."""
        left, right = self.t_left, self.t_left + tf.abs(self.t_right)
        below = self.a_left * tf.minimum(inputs - left, 0.0)
        above = self.a_right * tf.nn.relu(inputs - right)
        return tf.clip_by_value(inputs, left, right) + below + above


class Sparsemax(Formula):
    """https://arxiv.org/abs/1602.02068, algorithm 1."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Apply the formula along the axis."""
        return sparsemax(inputs, self.options["axis"])


def sparsemax(x: tf.Tensor, axis: int = -1) -> tf.Tensor:
    """Return https://arxiv.org/abs/1602.02068, algorithm 1, along one axis of known size."""
    order = list(range(x.shape.rank))
    order[axis], order[-1] = order[-1], order[axis]
    last = tf.transpose(x, order)
    falling = tf.math.top_k(last, last.shape[-1]).values
    ranks = tf.range(1.0, last.shape[-1] + 1.0)
    kept = tf.cast(1.0 + ranks * falling > tf.cumsum(falling, -1), x.dtype)
    excess = tf.reduce_sum(kept * falling, -1, keepdims=True) - 1.0
    threshold = excess / tf.reduce_sum(kept, -1, keepdims=True)
    return tf.transpose(tf.nn.relu(last - threshold), order)


def rrelu(x: tf.Tensor) -> tf.Tensor:
    """Return https://arxiv.org/abs/1505.00853 as inference has it: the mean of the slopes."""
    return tf.where(x >= 0.0, x, (1 / 8 + 1 / 3) / 2 * x)
