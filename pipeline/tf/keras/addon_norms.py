"""Normalizations of add-ons to Keras 2, of values and of weights, by their published formulas."""

from typing import Any

import tensorflow as tf
import tf_keras

from pipeline.tf.keras.addon_formula import BASE_OPTIONS, Formula


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
