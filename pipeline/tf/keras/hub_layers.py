"""Layers of keras_hub, keras_nlp and keras_cv for Keras 3, by their published formulas.

`hub_addons` says which files mean them. Files of Keras list weights by the attributes of a layer,
so sublayers have the add-on's names. They compute what inference does, without caches of
generation.
"""

from typing import Any

import keras
from keras import ops
from keras.src.backend import get_keras_mask

from pipeline.tf.keras.addon_formula import BASE_OPTIONS


class HubLayer(keras.layers.Layer):  # type: ignore[misc]
    """A layer that keeps the options of its config.

    Attributes:
        options: Its options, beside those of every layer.
    """

    def __init__(self, **options: Any) -> None:
        """Keep the options of the formula apart."""
        super().__init__(**{name: options[name] for name in options if name in BASE_OPTIONS})
        self.options = {name: options[name] for name in options if name not in BASE_OPTIONS}

    def get_config(self) -> dict[str, Any]:
        """Return all options."""
        return {**super().get_config(), **self.options}

    def add_norm(self, shape: Any) -> Any:
        """Return a built layer normalization."""
        norm = keras.layers.LayerNormalization(
            epsilon=self.options["layer_norm_epsilon"], dtype=self.dtype_policy
        )
        norm.build(shape)
        return norm

    def add_dense(self, shape: Any, units: int, activation: Any = None) -> Any:
        """Return a built dense layer."""
        activation = keras.activations.get(activation)
        dense = keras.layers.Dense(units, activation=activation, dtype=self.dtype_policy)
        dense.build(shape)
        return dense


class SameLayer(HubLayer):
    """A layer that drops values in training, and returns its input without."""

    def call(self, inputs: Any) -> Any:
        """Return the input."""
        return inputs


class DepthLayer(HubLayer):
    """keras_cv's StochasticDepth: adds a branch, scaled by the probability that it is kept."""

    def call(self, inputs: Any) -> Any:
        """Return shortcut + (1 - rate) * branch."""
        shortcut, branch = inputs
        return shortcut + (1.0 - self.options["rate"]) * branch


DepthLayer.__name__ = "StochasticDepth"  # as a .keras names its weights


class SqueezeAndExcite2D(HubLayer):
    """https://arxiv.org/abs/1709.01507, with convolutions of one pixel."""

    def build(self, input_shape: Any) -> None:
        """Make both convolutions."""
        filters = self.options["filters"]
        squeezed = self.options["bottleneck_filters"] or filters // 4
        self.squeeze_conv = self._convolution(squeezed, "squeeze_activation")
        self.squeeze_conv.build((input_shape[0], 1, 1, input_shape[-1]))
        self.excite_conv = self._convolution(filters, "excite_activation")
        self.excite_conv.build((input_shape[0], 1, 1, squeezed))
        self.built = True

    def _convolution(self, filters: int, option: str) -> Any:
        activation = keras.saving.deserialize_keras_object(self.options[option])
        return keras.layers.Conv2D(filters, 1, activation=activation)

    def call(self, inputs: Any) -> Any:
        """Scale each channel."""
        mean = ops.mean(inputs, axis=(1, 2), keepdims=True)
        return self.excite_conv(self.squeeze_conv(mean)) * inputs


class FNetEncoder(HubLayer):
    """https://arxiv.org/abs/2105.03824: mixes by a Fourier transform over both axes."""

    def build(self, input_shape: Any) -> None:
        """Make the layers."""
        wide = (*input_shape[:-1], self.options["intermediate_dim"])
        self._mixing_layer_norm = self.add_norm(input_shape)
        self._output_layer_norm = self.add_norm(input_shape)
        self._intermediate_dense = self.add_dense(
            input_shape, self.options["intermediate_dim"], self.options["activation"]
        )
        self._output_dense = self.add_dense(wide, input_shape[-1])
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Mix, then transform each position."""
        real, _ = ops.fft2((inputs, ops.zeros_like(inputs)))
        mixed = self._mixing_layer_norm(inputs + real)
        return self._output_layer_norm(mixed + self._output_dense(self._intermediate_dense(mixed)))


class Transformer(HubLayer):
    """What both transformers of https://arxiv.org/abs/1706.03762 share."""

    def __init__(self, **options: Any) -> None:
        """Let masks pass."""
        super().__init__(**options)
        self.supports_masking = True

    def add_attention(self, of: Any, to: Any) -> Any:
        """Return a built attention of one sequence to another."""
        heads = self.options["num_heads"]
        attention = keras.layers.MultiHeadAttention(heads, of[-1] // heads, dtype=self.dtype_policy)
        attention.build(of, to)
        return attention

    def add_feedforward(self, shape: Any) -> None:
        """Make the dense layers that transform each position."""
        wide = self.options["intermediate_dim"]
        self._feedforward_intermediate_dense = self.add_dense(
            shape, wide, self.options["activation"]
        )
        self._feedforward_output_dense = self.add_dense((*shape[:-1], wide), shape[-1])

    def around(self, x: Any, norm: Any, inner: Any) -> Any:
        """Return the sum of a value and of an inner value, normalized before or after."""
        first = self.options["normalize_first"]
        total = inner(norm(x) if first else x) + x
        return total if first else norm(total)

    def feedforward(self, x: Any) -> Any:
        """Transform each position."""
        return self.around(
            x,
            self._feedforward_layer_norm,
            lambda y: self._feedforward_output_dense(self._feedforward_intermediate_dense(y)),
        )


class TransformerEncoder(Transformer):
    """Attention of a sequence to itself, then a transformation of each position."""

    def build(self, input_shape: Any) -> None:
        """Make the layers."""
        self._self_attention_layer = self.add_attention(input_shape, input_shape)
        self._self_attention_layer_norm = self.add_norm(input_shape)
        self._feedforward_layer_norm = self.add_norm(input_shape)  # a .h5 lists weights in order
        self.add_feedforward(input_shape)
        self.built = True

    def call(self, inputs: Any, padding_mask: Any = None, attention_mask: Any = None) -> Any:
        """Return the encoded sequence."""
        mask = join_masks(inputs, padding_mask, attention_mask)
        attended = self.around(
            inputs,
            self._self_attention_layer_norm,
            lambda y: self._self_attention_layer(query=y, value=y, attention_mask=mask),
        )
        return self.feedforward(attended)


class TransformerDecoder(Transformer):
    """Attention of a sequence to what is before, to another sequence, and a transformation."""

    def __init__(self, **options: Any) -> None:
        """Make the layers if the config states the shapes, as that of a built layer does."""
        super().__init__(**options)
        self._cross_attention_layer = None
        decoder, encoder = (
            self.options.get(f"{side}_sequence_shape") for side in ("decoder", "encoder")
        )
        if decoder:
            self.build(tuple(decoder), tuple(encoder) if encoder else None)

    def build(self, decoder_sequence_shape: Any, encoder_sequence_shape: Any = None) -> None:
        """Make the layers."""
        of, to = decoder_sequence_shape, encoder_sequence_shape
        self._self_attention_layer = self.add_attention(of, of)
        self._self_attention_layer_norm = self.add_norm(of)
        if to:
            self._cross_attention_layer = self.add_attention(of, to)
            self._cross_attention_layer_norm = self.add_norm(of)
        self.add_feedforward(of)
        self._feedforward_layer_norm = self.add_norm(of)
        self.built = True

    def compute_output_shape(
        self,
        decoder_sequence_shape: Any,
        encoder_sequence_shape: Any = None,  # noqa: ARG002
    ) -> Any:
        """Return the shape of the first sequence."""
        return decoder_sequence_shape

    def call(  # noqa: PLR0913, PLR0917  # the call of the add-on
        self,
        decoder_sequence: Any,
        encoder_sequence: Any = None,
        decoder_padding_mask: Any = None,
        decoder_attention_mask: Any = None,
        encoder_padding_mask: Any = None,
        encoder_attention_mask: Any = None,
        *,
        use_causal_mask: bool = True,
    ) -> Any:
        """Return the decoded sequence."""
        own = join_masks(decoder_sequence, decoder_padding_mask, decoder_attention_mask)
        if use_causal_mask:
            places = ops.arange(ops.shape(decoder_sequence)[1])
            before = ops.expand_dims(ops.expand_dims(places, 1) >= places, 0)
            own = before if own is None else ops.logical_and(own, before)
        x = self.around(
            decoder_sequence,
            self._self_attention_layer_norm,
            lambda y: attend(self._self_attention_layer, y, y, own),
        )
        if self._cross_attention_layer is not None:
            other = join_masks(encoder_sequence, encoder_padding_mask, encoder_attention_mask)
            x = self.around(
                x,
                self._cross_attention_layer_norm,
                lambda y: attend(self._cross_attention_layer, y, encoder_sequence, other),
            )
        return self.feedforward(x)


def attend(layer: Any, query: Any, value: Any, mask: Any) -> Any:
    """Call an attention by one mask alone: the add-on's own attention reads no other."""
    # The result of an op has no mask, unlike that of a layer.
    return layer(query=ops.copy(query), value=ops.copy(value), attention_mask=mask)


def join_masks(inputs: Any, padding: Any, attention: Any) -> Any:
    """Return where to attend, bool (batch, 1 or length, length); None if everywhere."""
    padding = get_keras_mask(inputs) if padding is None else padding
    parts = [None if padding is None else ops.expand_dims(padding, 1), attention]
    given = [ops.cast(part, "bool") for part in parts if part is not None]
    return None if not given else given[0] if len(given) == 1 else ops.logical_and(*given)
