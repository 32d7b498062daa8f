"""Lists the layers of keras_hub, keras_nlp and keras_cv for Keras 3 whose formula is known.

A layer counts only with the options that these packages write, because each release may add one
that changes the formula.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras

from pipeline.tf.keras import hub_blocks, hub_heads, hub_layers, hub_positions
from pipeline.tf.keras.addons import Addon

_PARTS = ("initializer", "regularizer", "constraint")
_START = ("kernel_initializer", "bias_initializer")
_FNET = {"intermediate_dim", "dropout", "activation", "layer_norm_epsilon", *_START}
_TRANSFORMER = _FNET | {"num_heads", "normalize_first"}
_SHAPES = {"decoder_sequence_shape", "encoder_sequence_shape"}
_TOKENS = {"vocabulary_size", "sequence_length", "embedding_dim", "embeddings_initializer"}
_TOKENS |= {"mask_zero"}
_ROTARY = {"max_wavelength", "scaling_factor", "sequence_axis", "feature_axis"}
_LATER_ROTARY = {"rope_type", "beta_fast", "beta_slow", "original_max_position_embeddings"}
_LATER_ROTARY |= {"truncate", "denominator_dim"}
_SQUEEZE = {"filters", "bottleneck_filters", "squeeze_activation", "excite_activation"}
_BLOCK = {"input_filters", "output_filters", "expand_ratio", "kernel_size", "strides", "se_ratio"}
_BLOCK |= {"bn_momentum", "activation", "survival_probability"}
_HEAD = {"vocabulary_size", "token_embedding", "intermediate_activation", "activation"}
_HEAD |= {"layer_norm_epsilon", *_START}
_WEIGHTS = {f"{name}_{part}" for name in ("kernel", "bias") for part in _PARTS}
_ATTENTION = {"num_heads", "key_dim", "value_dim", "dropout", "use_bias", "output_shape"}
_ATTENTION |= {"attention_axes", "activity_regularizer", *_WEIGHTS}
_LATER_ATTENTION = ("seed", "use_gate", "sliding_window")
_EMBEDDING = {f"embeddings_{part}" for part in _PARTS} | {"input_dim", "output_dim", "mask_zero"}
_EMBEDDING |= {"activity_regularizer", "tie_weights"}
_LATER_EMBEDDING = ("input_length", "quantization_config", "reverse_dtype", "logit_soft_cap")


def _is_plain_rotation(options: Mapping[str, Any]) -> bool:
    return options.get("rope_type", "linear") == "linear" and not options.get("denominator_dim")


def _has_known_embedding(options: Mapping[str, Any]) -> bool:
    embedding = options["token_embedding"]
    named = embedding.get("registered_name") if isinstance(embedding, Mapping) else None
    return embedding is None or str(named).endswith(">ReversibleEmbedding")


def _layer(
    origin: str,
    value: Any,
    *options: str,
    optional: Iterable[str] = (),
    fits: Callable[[Mapping[str, Any]], bool] = _is_plain_rotation,
) -> Addon:
    return Addon(
        value=value,
        origin=origin,
        options=frozenset(options),
        optional=frozenset(optional),
        fits=fits,
    )


def _of_texts(package: str) -> dict[str, Addon]:
    """Return the layers of keras_hub, by the name of the package that wrote the file."""
    layers = {
        "TransformerEncoder": _layer(package, hub_layers.TransformerEncoder, *_TRANSFORMER),
        "TransformerDecoder": _layer(
            package, hub_layers.TransformerDecoder, *_TRANSFORMER, optional=_SHAPES
        ),
        "FNetEncoder": _layer(package, hub_layers.FNetEncoder, *_FNET),
        "TokenAndPositionEmbedding": _layer(
            package, hub_positions.TokenAndPositionEmbedding, *_TOKENS, optional=["tie_weights"]
        ),
        "PositionEmbedding": _layer(
            package, hub_positions.PositionEmbedding, "sequence_length", "initializer"
        ),
        "SinePositionEncoding": _layer(
            package, hub_positions.SinePositionEncoding, "max_wavelength"
        ),
        "AlibiBias": _layer(package, hub_heads.AlibiBias, "alibi_bias_max"),
        "CachedMultiHeadAttention": _layer(
            package, hub_heads.CachedMultiHeadAttention, *_ATTENTION, optional=_LATER_ATTENTION
        ),
        "MaskedLMHead": _layer(package, hub_heads.MaskedLMHead, *_HEAD, fits=_has_known_embedding),
        "RMSNormalization": _layer(package, hub_heads.RMSNormalization, "input_dim"),
        "ReversibleEmbedding": _layer(
            package, keras.layers.ReversibleEmbedding, *_EMBEDDING, optional=_LATER_EMBEDDING
        ),
        "RotaryEmbedding": _layer(
            package, hub_positions.RotaryEmbedding, *_ROTARY, optional=_LATER_ROTARY
        ),
    }
    return {f"{package}>{name}": layer for name, layer in layers.items()}


_CV = "keras_cv"

HUB_ADDONS: Mapping[str, Addon] = {
    **_of_texts("keras_hub"),
    **_of_texts("keras_nlp"),
    "keras_cv>DropPath": _layer(_CV, hub_layers.SameLayer, "rate", "seed"),
    "keras_cv>DropBlock2D": _layer(_CV, hub_layers.SameLayer, "rate", "block_size", "seed"),
    "keras_cv>StochasticDepth": _layer(_CV, hub_layers.DepthLayer, "rate"),
    "keras_cv>SqueezeAndExcite2D": _layer(_CV, hub_layers.SqueezeAndExcite2D, *_SQUEEZE),
    "keras_cv>SpatialPyramidPooling": _layer(
        _CV,
        hub_blocks.SpatialPyramidPooling,
        "dilation_rates",
        "num_channels",
        "activation",
        "dropout",
    ),
    "keras_cv>MBConvBlock": _layer(_CV, hub_blocks.MBConvBlock, *_BLOCK),
    "keras_cv>FusedMBConvBlock": _layer(_CV, hub_blocks.FusedMBConvBlock, *_BLOCK),
}
"""Layers of add-ons to Keras 3, by the names in files."""
