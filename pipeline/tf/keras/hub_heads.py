"""Layers of keras_hub and keras_nlp around attention and tokens, by their published formulas."""

import math
from typing import Any

import keras
from keras import ops

from pipeline.tf.keras.hub_layers import HubLayer


class AlibiBias(HubLayer):
    """https://arxiv.org/abs/2108.12409: adds a bias to scores that grows with the distance."""

    def call(self, inputs: Any) -> Any:
        """Add the bias to (batch, heads, queries, keys)."""
        heads, keys = inputs.shape[1], ops.shape(inputs)[3]
        slopes = ops.reshape(
            ops.convert_to_tensor(head_slopes(heads, self.options["alibi_bias_max"]), "float32"),
            (1, heads, 1, 1),
        )
        return inputs + slopes * ops.cast(ops.arange(keys) - keys + 1, "float32")


def head_slopes(heads: int, largest: float) -> list[float]:
    """Return the slope of each head: powers, and every second of twice as many heads behind."""
    whole = 2 ** int(math.log2(heads))
    slopes = [2.0 ** (-largest * (i + 1) / whole) for i in range(whole)]
    return (
        slopes if whole == heads else slopes + head_slopes(2 * whole, largest)[::2][: heads - whole]
    )


class CachedMultiHeadAttention(keras.layers.MultiHeadAttention):  # type: ignore[misc]
    """Attention by the given mask alone, without a cache."""

    def call(self, query: Any, value: Any, key: Any = None, attention_mask: Any = None) -> Any:
        """Return the attended values."""
        key = value if key is None else key
        heads = (self._query_dense(query), self._key_dense(key), self._value_dense(value))
        attended, _ = self._compute_attention(*heads, attention_mask)
        return self._output_dense(attended)


class MaskedLMHead(HubLayer):
    """https://arxiv.org/abs/1810.04805, section 3.1: scores of tokens at some places."""

    def __init__(self, *, token_embedding: Any = None, **options: Any) -> None:
        """Make the embedding whose vectors give the scores, if the config holds it."""
        super().__init__(**options)
        self.token_embedding = None
        if token_embedding:  # by Keras, which may find that the model shares it
            known = {token_embedding["registered_name"]: keras.layers.ReversibleEmbedding}
            self.token_embedding = keras.layers.deserialize(token_embedding, known)

    def build(self, inputs_shape: Any, mask_positions_shape: Any = None) -> None:  # noqa: ARG002
        """Make the layers and the bias."""
        embedding, size = self.token_embedding, self.options["vocabulary_size"]
        units = embedding.output_dim if embedding else inputs_shape[-1]
        wide = (inputs_shape[0], None, units)
        self._intermediate_dense = self.add_dense(
            inputs_shape, units, self.options["intermediate_activation"]
        )
        self._intermediate_layer_norm = self.add_norm(wide)
        if embedding is None:
            self._kernel = self.add_weight(name="output_kernel", shape=(units, size))
        self._bias = self.add_weight(name="output_bias", shape=(size,))
        self.built = True

    def call(self, inputs: Any, mask_positions: Any) -> Any:
        """Return the scores, (batch, places, vocabulary)."""
        x = ops.take_along_axis(inputs, ops.expand_dims(mask_positions, -1), axis=1)
        x = self._intermediate_layer_norm(self._intermediate_dense(x))
        if self.token_embedding is None:
            scores = ops.matmul(x, self._kernel)
        else:
            scores = self.token_embedding(x, reverse=True)
        return keras.activations.get(self.options["activation"])(scores + self._bias)


class RMSNormalization(HubLayer):
    """https://arxiv.org/abs/1910.07467, equation 4, with epsilon 1e-6."""

    def __init__(self, **options: Any) -> None:
        """Make the scale."""
        super().__init__(**options)
        self.scale = self.add_weight(name="scale", shape=(self.options["input_dim"],))

    def call(self, inputs: Any) -> Any:
        """Divide by the root of the mean square."""
        square = ops.mean(ops.square(inputs), axis=-1, keepdims=True)
        return inputs * ops.rsqrt(square + 1e-6) * self.scale
