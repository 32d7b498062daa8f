"""Layers and activations of add-ons to Keras 2, by their published formulas.

The formulas are those of tensorflow_addons 0.23, of keras_contrib, and of layers that repositories
copy from one another; `addons` says which files mean them. They compute what inference does.
"""

from typing import Any

import tensorflow as tf
import tf_keras

BASE_OPTIONS = frozenset(
    {"name", "trainable", "dtype", "batch_input_shape", "dynamic", "sparse", "ragged"}
)
"""Options of every layer."""


class Formula(tf_keras.layers.Layer):  # type: ignore[misc]
    """A layer that keeps the options of its config.

    Attributes:
        options: Its options, beside those of every layer.
    """

    supports_masking = True

    def __init__(self, **options: Any) -> None:
        """Keep the options of the formula apart."""
        super().__init__(**{name: options[name] for name in options if name in BASE_OPTIONS})
        self.options = {name: options[name] for name in options if name not in BASE_OPTIONS}

    def get_config(self) -> dict[str, Any]:
        """Return all options."""
        return {**super().get_config(), **self.options}


class ChannelNormalization(tf_keras.layers.GroupNormalization):  # type: ignore[misc]
    """Group normalization with a group for each channel."""

    def __init__(self, **options: Any) -> None:
        """Ignore the number of groups, as the add-on does."""
        super().__init__(**{**options, "groups": -1})


ChannelNormalization.__name__ = "InstanceNormalization"  # as a .keras names its weights


class ScaledFormula(Formula):
    """A normalization with gamma and beta.

    Attributes:
        gamma: Factors, None without `scale`.
        beta: Offsets, None without `center`.
    """

    def add_scale(self, size: int) -> None:
        """Make gamma and beta of one axis."""
        self.gamma = self.add_weight("gamma", (size,)) if self.options["scale"] else None
        self.beta = self.add_weight("beta", (size,)) if self.options["center"] else None

    def scaled(self, normed: tf.Tensor, shape: list[int]) -> tf.Tensor:
        """Return gamma * normed + beta, with both in a shape that broadcasts."""
        normed = normed if self.gamma is None else normed * tf.reshape(self.gamma, shape)
        return normed if self.beta is None else normed + tf.reshape(self.beta, shape)


class InstanceNormalization(ScaledFormula):
    """Divides by the standard deviation plus epsilon, over all axes but batch and `axis`."""

    def build(self, input_shape: Any) -> None:
        """Make gamma and beta, of one value where there is no axis."""
        axis = self.options["axis"]
        self.add_scale(1 if axis is None else input_shape[axis])

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Normalize each example."""
        ndim, axis = inputs.shape.rank, self.options["axis"]
        kept = None if axis is None else axis % ndim
        axes = [other for other in range(1, ndim) if other != kept]
        deviation = tf_keras.backend.std(inputs, axes, keepdims=True) + self.options["epsilon"]
        normed = (inputs - tf.reduce_mean(inputs, axes, keepdims=True)) / deviation
        return self.scaled(normed, [inputs.shape[i] if i == kept else 1 for i in range(ndim)])


class RowGroupNormalization(ScaledFormula):
    """Group normalization whose groups are runs of values in memory: of rows, for a picture.

    (N, H, W, C) is read as (N, groups, H, W, C / groups), as the add-on reads it.
    """

    def build(self, input_shape: Any) -> None:
        """Make gamma and beta."""
        self.add_scale(input_shape[-1])

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Normalize each run of values."""
        groups, channels, ndim = self.options["groups"], inputs.shape[-1], inputs.shape.rank
        sizes = tf.shape(inputs)
        shape = tf.concat([sizes[:1], [groups], sizes[1:-1], [channels // groups]], 0)
        runs = tf.reshape(inputs, shape)
        mean, variance = tf.nn.moments(runs, list(range(2, ndim + 1)), keepdims=True)
        normed = (runs - mean) / tf.sqrt(variance + self.options["epsilon"])
        of_scale = [1, groups, *[1] * (ndim - 2), channels // groups]
        return tf.ensure_shape(tf.reshape(self.scaled(normed, of_scale), sizes), inputs.shape)


class FilterResponseNormalization(Formula):
    """https://arxiv.org/abs/1911.09737, equation 1, with the spatial axes of a picture."""

    def __init__(self, **options: Any) -> None:
        """Make the learned part of epsilon, before gamma and beta."""
        super().__init__(**options)
        learned = self.options["learned_epsilon"]
        self.learned = self.add_weight("learned_epsilon", (1,)) if learned else 0.0

    def build(self, input_shape: Any) -> None:
        """Make gamma and beta."""
        shape = (1, 1, 1, input_shape[-1])
        self.gamma, self.beta = (self.add_weight(name, shape) for name in ("gamma", "beta"))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Divide by the root of the mean square."""
        epsilon = abs(self.options["epsilon"]) + tf.abs(self.learned)
        square = tf.reduce_mean(tf.square(inputs), [1, 2], keepdims=True)
        return self.gamma * (inputs * tf.math.rsqrt(square + epsilon)) + self.beta


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


class WeightNormalization(tf_keras.layers.Wrapper):  # type: ignore[misc]
    """https://arxiv.org/abs/1602.07868: a kernel as its direction times a learned length.

    Files of Keras list weights by the attributes of a layer, so these have the add-on's names.

    Attributes:
        g: Length of each output channel.
        v: The kernel, as its direction.
    """

    def __init__(self, layer: Any, *, data_init: bool = True, **options: Any) -> None:
        """Wrap a layer."""
        super().__init__(layer, **options)
        self.data_init = data_init

    @property
    def _is_recurrent(self) -> bool:
        return isinstance(self.layer, tf_keras.layers.RNN)

    @property
    def _owner(self) -> Any:
        return self.layer.cell if self._is_recurrent else self.layer

    def build(self, input_shape: Any) -> None:
        """Make the weights, and those of the copy from which training starts."""
        if not self.layer.built:
            self.layer.build(input_shape)
        kernel = self._owner.recurrent_kernel if self._is_recurrent else self._owner.kernel
        self.g = self.add_weight("g", (int(kernel.shape[-1]),))
        self.v = kernel
        self._initialized = self.add_weight(
            "initialized", (), dtype=tf.bool, initializer="zeros", trainable=False
        )
        if self.data_init:
            config = tf_keras.layers.serialize(self.layer)
            config["config"]["trainable"] = False
            self._naked_clone_layer = tf_keras.layers.deserialize(config)
            self._naked_clone_layer.build(input_shape)
        self.built = True

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Call the layer; without training its length would come from the first batch."""
        axes = list(range(self.v.shape.rank - 1))
        flat = tf.reshape(self.v, [-1, self.v.shape[-1]])
        start = (
            tf.fill([self.v.shape[-1]], float("nan")) if self.data_init else tf.norm(flat, axis=0)
        )
        kernel = tf.nn.l2_normalize(self.v, axes) * tf.where(self._initialized, self.g, start)
        if self._is_recurrent:
            self.layer.cell.recurrent_kernel = kernel
        else:
            self.layer.kernel = kernel
        return self.layer(inputs)


class SpectralNormalization(tf_keras.layers.Wrapper):  # type: ignore[misc]
    """Training divides the kernel by its norm and stores it; inference calls the layer."""

    def __init__(self, layer: Any, **options: Any) -> None:
        """Wrap a layer."""
        super().__init__(layer, **{name: options[name] for name in options if name in BASE_OPTIONS})

    def build(self, input_shape: Any) -> None:
        """Make the vector that training iterates, behind the layer's weights."""
        super().build(input_shape)
        owner = self.layer
        self.w = owner.kernel if hasattr(owner, "kernel") else owner.embeddings
        self.u = self.add_weight("sn_u", (1, self.w.shape[-1]), trainable=False)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Call the layer."""
        return self.layer(inputs)


class StochasticDepth(Formula):
    """Adds a branch, scaled by the probability with which training kept it."""

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Return shortcut + probability * branch."""
        shortcut, branch = inputs
        return shortcut + self.options["survival_probability"] * branch


class Maxout(Formula):
    """The greatest of each group of channels."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Reduce the axis to one value for each group."""
        units, axis = self.options["num_units"], self.options["axis"] % inputs.shape.rank
        sizes = tf.shape(inputs)
        groups = [inputs.shape[axis] // units, units]
        shape = tf.concat([sizes[:axis], groups, sizes[axis + 1 :]], 0)
        reduced = tf.reduce_max(tf.reshape(inputs, shape), axis)
        known = [*inputs.shape]
        known[axis] = units
        return tf.ensure_shape(reduced, known)


class ReflectionPadding2D(Formula):
    """Pads the four sides of a picture equally by its reflection."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Pad rows and columns."""
        size = one_size(self.options["padding"])
        return tf.pad(inputs, [[0, 0], [size, size], [size, size], [0, 0]], "REFLECT")


class SubPixelUpscaling(Formula):
    """Depth to space."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Move channels into rows and columns."""
        return tf.nn.depth_to_space(inputs, self.options["scale_factor"])


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


def one_size(padding: Any) -> int | None:
    """Return a padding that is the same on each side, else None: 3 for [[3, 3], [3, 3]]."""
    sizes = padding if isinstance(padding, list | tuple) else [padding]
    flat = {part for size in sizes for part in (size if isinstance(size, list | tuple) else [size])}
    (size,) = flat if len(flat) == 1 else (None,)
    return size if isinstance(size, int) else None
