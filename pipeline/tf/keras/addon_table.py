"""Lists the layers and activations of add-ons to Keras 1 and 2 whose formula is known."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import tensorflow as tf
import tf_keras

from pipeline.tf.keras import (
    addon_activations,
    addon_cells,
    addon_crf,
    addon_features,
    addon_norms,
    addon_pooling,
)
from pipeline.tf.keras.addons import Addon

_NO_OPTIONS = frozenset[str]()

_PARTS = ("initializer", "regularizer", "constraint")


def _started(*weights: str) -> frozenset[str]:
    return frozenset(f"{weight}_{part}" for weight in weights for part in _PARTS)


_WEIGHTS = _started("beta", "gamma")
_NORM = _WEIGHTS | {"axis", "epsilon", "center", "scale"}
_TLU = _started("tau") | {"affine"}
_SLOPE = _started("alpha")
_FRN = _WEIGHTS | {"axis", "epsilon", "learned_epsilon", "learned_epsilon_constraint"}
_DENSE = _started("kernel", "bias")
_CONSTRAINTS = frozenset({"kernel_constraint", "bias_constraint"})
_INITIALIZERS = frozenset(f"{name}_initializer" for name in ("kernel", "recurrent", "bias"))
_CELL = {"units", "activation", "use_bias", "dropout", "recurrent_dropout"}
_CELL |= _DENSE | _started("recurrent")
_LSTM = _CELL | {"recurrent_activation", "unit_forget_bias", "implementation"}
_RNN = {"return_sequences", "return_state", "go_backwards", "stateful", "unroll", "time_major"}
_NOISY = {"units", "sigma", "use_factorised", "activation", "use_bias", "activity_regularizer"}
_HEADS = {"head_size", "num_heads", "output_size", "dropout", "use_projection_bias"}


def _addons(value: Any, *options: str, also: AbstractSet[str] = _NO_OPTIONS) -> Addon:
    return Addon(value=value, origin="tensorflow_addons", options=frozenset(options) | also)


def _function(value: Any, origin: str = "tensorflow_addons") -> Addon:
    return Addon(value=value, origin=origin, options=None)


_CONTRIB = "keras_contrib"
_COPIED = "the code that repositories copy"

ADDONS: Mapping[str, Addon] = {
    "Addons>InstanceNormalization": _addons(addon_norms.ChannelNormalization, "groups", also=_NORM),
    "Addons>GroupNormalization": _addons(tf_keras.layers.GroupNormalization, "groups", also=_NORM),
    "Addons>FilterResponseNormalization": _addons(
        addon_norms.FilterResponseNormalization, also=_FRN
    ),
    "Addons>TLU": Addon(
        value=addon_activations.TLU,
        origin="tensorflow_addons",
        options=_TLU,
        optional=_SLOPE,
    ),
    "Addons>WeightNormalization": _addons(addon_norms.WeightNormalization, "layer", "data_init"),
    "Addons>SpectralNormalization": _addons(
        addon_norms.SpectralNormalization, "layer", "power_iterations"
    ),
    "Addons>StochasticDepth": _addons(addon_pooling.StochasticDepth, "survival_probability"),
    "Addons>Maxout": _addons(addon_pooling.Maxout, "num_units", "axis"),
    "Addons>GELU": _addons(addon_activations.GELU, "approximate"),
    "Addons>Snake": _addons(addon_activations.Snake, "frequency_initializer"),
    "Addons>Sparsemax": _addons(addon_activations.Sparsemax, "axis"),
    "Addons>SpatialPyramidPooling2D": _addons(
        addon_pooling.SpatialPyramidPooling2D, "bins", "data_format"
    ),
    "Addons>MaxUnpooling2D": _addons(
        addon_pooling.MaxUnpooling2D, "pool_size", "strides", "padding"
    ),
    "Addons>MaxUnpooling2DV2": _addons(addon_pooling.MaxUnpooling2D, "output_size"),
    "Addons>PoincareNormalize": _addons(addon_features.PoincareNormalize, "axis", "epsilon"),
    "Addons>PolynomialCrossing": _addons(
        addon_features.PolynomialCrossing,
        *("projection_dim", "diag_scale", "use_bias"),
        also=_DENSE - _CONSTRAINTS,
    ),
    "Addons>NoisyDense": _addons(addon_features.NoisyDense, also=_NOISY | _DENSE - _INITIALIZERS),
    "Addons>NetVLAD": _addons(addon_features.NetVLAD, "num_clusters"),
    "Addons>EmbeddingBag": _addons(
        addon_features.EmbeddingBag,
        *("input_dim", "output_dim", "mask_zero", "combiner"),
        also=_started("embeddings"),
    ),
    "Addons>MultiHeadAttention": _addons(
        addon_features.MultiHeadAttention, "return_attn_coef", also=_HEADS | _DENSE
    ),
    "Addons>CRF": _addons(
        addon_crf.CRF,
        *("units", "chain_initializer", "use_boundary", "boundary_initializer", "use_kernel"),
    ),
    "Addons>ESNCell": _addons(addon_cells.ESNCell, *addon_cells.ESN_OPTIONS),
    "Addons>ESN": Addon(
        value=addon_cells.ESN,
        origin="tensorflow_addons",
        options=frozenset({*addon_cells.ESN_OPTIONS, *_RNN}),
        optional=frozenset({"zero_output_for_mask"}),
    ),
    "Addons>NASCell": _addons(
        addon_cells.NASCell,
        *("units", "projection", "use_bias", "projection_initializer"),
        also=_INITIALIZERS,
    ),
    "Addons>PeepholeLSTMCell": _addons(addon_cells.PeepholeLSTMCell, also=_LSTM),
    "Addons>LayerNormLSTMCell": _addons(
        addon_cells.LayerNormLSTMCell,
        *("norm_gamma_initializer", "norm_beta_initializer", "norm_epsilon"),
        also=_LSTM,
    ),
    "Addons>LayerNormSimpleRNNCell": _addons(
        addon_cells.LayerNormSimpleRNNCell, "layernorm_epsilon", also=_CELL | _started("gamma")
    ),
    **{
        f"Addons>Adaptive{kind}Pooling{rank}D": _addons(layer, "output_size", "data_format")
        for kind, layer in (
            ("Average", addon_pooling.AdaptiveAveragePooling),
            ("Max", addon_pooling.AdaptiveMaxPooling),
        )
        for rank in (1, 2, 3)
    },
    "Addons>rrelu": _function(addon_activations.rrelu),
    "Addons>sparsemax": _function(addon_activations.sparsemax),
    "Addons>gelu": _function(lambda x: tf.nn.gelu(x, approximate=True)),
    "Addons>hardshrink": _function(addon_activations.hard_shrink),
    "Addons>lisht": _function(lambda x: x * tf.tanh(x)),
    "Addons>mish": _function(addon_activations.mish),
    "Addons>snake": _function(addon_activations.snake),
    "Addons>softshrink": _function(addon_activations.soft_shrink),
    "Addons>tanhshrink": _function(lambda x: x - tf.tanh(x)),
    "InstanceNormalization": Addon(
        value=addon_norms.InstanceNormalization, origin=_CONTRIB, options=_NORM
    ),
    "GroupNormalization": Addon(
        value=addon_norms.RowGroupNormalization,
        origin=_CONTRIB,
        options=_NORM | {"groups"},
        fits=lambda options: options["axis"] == -1,
        before=(2, 11),
    ),
    "SubPixelUpscaling": Addon(
        value=addon_pooling.SubPixelUpscaling,
        origin=_CONTRIB,
        options=frozenset({"scale_factor", "data_format"}),
        fits=lambda options: options["data_format"] == "channels_last",
    ),
    "Swish": Addon(
        value=addon_activations.Swish, origin=_CONTRIB, options=frozenset({"initial_beta"})
    ),
    "SineReLU": Addon(
        value=addon_activations.SineReLU, origin=_CONTRIB, options=frozenset({"epsilon"})
    ),
    "PELU": Addon(
        value=addon_activations.PELU,
        origin=_CONTRIB,
        options=_started("alpha", "beta") | {"shared_axes"},
    ),
    "SReLU": Addon(
        value=addon_activations.SReLU,
        origin=_CONTRIB,
        options=frozenset(f"{part}_initializer" for part in addon_activations.SReLU.learned)
        | {"shared_axes"},
    ),
    "FixedDropout": Addon(
        value=tf_keras.layers.Dropout,
        origin="efficientnet",
        options=frozenset({"rate", "noise_shape", "seed"}),
    ),
    "ReflectionPadding2D": Addon(
        value=addon_pooling.ReflectionPadding2D,
        origin=_COPIED,
        options=frozenset({"padding"}),
        optional=frozenset({"data_format"}),
        fits=lambda options: (
            addon_pooling.one_size(options["padding"]) is not None
            and options.get("data_format") in (None, "channels_last")
        ),
    ),
    "Mish": Addon(value=addon_activations.Mish, origin=_COPIED),
    "h_sigmoid": _function(addon_activations.hard_sigmoid, _COPIED),
    "h_swish": _function(addon_activations.hard_swish, _COPIED),
    "hswish": _function(addon_activations.hard_swish, _COPIED),
}
"""Classes and functions of add-ons to Keras 2, by the names in files."""
