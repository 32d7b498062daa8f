"""Layers of keras_hub and keras_nlp for positions, by their published formulas."""

from typing import Any

import keras
from keras import ops
from keras.src.backend import get_keras_mask, set_keras_mask

from pipeline.tf.keras.hub_layers import HubLayer


class PositionEmbedding(HubLayer):
    """A learned vector for each position."""

    def build(self, input_shape: Any) -> None:
        """Make the vectors."""
        shape = (self.options["sequence_length"], input_shape[-1])
        self.position_embeddings = self.add_weight(name="embeddings", shape=shape)
        self.built = True

    def call(self, inputs: Any, start_index: Any = 0, positions: Any = None) -> Any:
        """Return the vectors in the shape of the input."""
        shape = ops.shape(inputs)
        if positions is None:
            positions = ops.arange(shape[-2]) + start_index
        vectors = ops.take(self.position_embeddings, positions, axis=0)
        return ops.broadcast_to(vectors, shape)


class SinePositionEncoding(HubLayer):
    """https://arxiv.org/abs/1706.03762, section 3.5."""

    def call(self, inputs: Any, start_index: Any = 0, positions: Any = None) -> Any:
        """Return sines in even and cosines in odd channels, in the shape of the input."""
        shape = ops.shape(inputs)
        if positions is None:
            positions = ops.arange(shape[-2]) + start_index
        channels = ops.arange(shape[-1])
        exponents = ops.cast(2 * (channels // 2), "float32") / ops.cast(shape[-1], "float32")
        frequencies = ops.power(1.0 / self.options["max_wavelength"], exponents)
        angles = ops.expand_dims(ops.cast(positions, "float32"), -1) * frequencies
        waves = ops.where(channels % 2 == 1, ops.cos(angles), ops.sin(angles))
        return ops.broadcast_to(waves, shape)


class TokenAndPositionEmbedding(HubLayer):
    """The sum of an embedding of tokens and one of positions."""

    def __init__(self, **options: Any) -> None:
        """Make both embeddings."""
        super().__init__(**options)
        self.supports_masking = True
        self.token_embedding = keras.layers.ReversibleEmbedding(
            self.options["vocabulary_size"],
            self.options["embedding_dim"],
            tie_weights=self.options.get("tie_weights", True),
            mask_zero=self.options["mask_zero"],
            dtype=self.dtype_policy,
        )
        self.position_embedding = PositionEmbedding(
            sequence_length=self.options["sequence_length"], dtype=self.dtype_policy
        )

    def build(self, input_shape: Any) -> None:
        """Make the vectors of both."""
        self.token_embedding.build(input_shape)
        self.position_embedding.build((*input_shape, self.options["embedding_dim"]))
        self.built = True

    def call(self, inputs: Any, start_index: Any = 0, positions: Any = None) -> Any:
        """Return the sum, with the mask of the tokens."""
        tokens = self.token_embedding(inputs)
        total = tokens + self.position_embedding(
            tokens, start_index=start_index, positions=positions
        )
        if (mask := get_keras_mask(tokens)) is not None:
            set_keras_mask(total, mask)
        return total


class RotaryEmbedding(HubLayer):
    """https://arxiv.org/abs/2104.09864, with halves of the channels as pairs."""

    def call(self, inputs: Any, start_index: Any = 0, positions: Any = None) -> Any:
        """Turn each pair of channels by an angle that grows with its position."""
        axes = (self.options["feature_axis"], self.options["sequence_axis"])
        moved = ops.moveaxis(inputs, axes, (-1, 1))
        size = moved.shape[-1]
        if positions is None:
            positions = ops.arange(ops.shape(moved)[1]) + start_index
        places = ops.cast(positions, "float32") / self.options["scaling_factor"]
        places = ops.reshape(places, (-1, ops.shape(moved)[1], *[1] * (len(moved.shape) - 2)))
        exponents = ops.arange(0, size, 2, dtype="float32") / size
        angles = places * ops.power(float(self.options["max_wavelength"]), -exponents)
        cos, sin = (
            ops.concatenate([wave, wave], -1) for wave in (ops.cos(angles), ops.sin(angles))
        )
        first, second = ops.split(moved, 2, axis=-1)
        turned = moved * cos + ops.concatenate([-second, first], axis=-1) * sin
        return ops.moveaxis(turned, (-1, 1), axes)
