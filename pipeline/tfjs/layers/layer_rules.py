"""Rules: the layers of TensorFlow.js that replace each class of Keras layers.

The source is tfjs-layers 4.22. A class without a rule stays as it is if TensorFlow.js has it.
Options that TensorFlow.js ignores without an error, or computes differently, are replaced or
refused here. This module opens no file.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pipeline.tfjs.layers.activations import activation_parts, plain_activation, with_activation
from pipeline.tfjs.layers.config_values import function_name
from pipeline.tfjs.layers.parts import (
    KerasLayer,
    Part,
    UnsupportedLayer,
    activation,
    chain,
    number,
    only_axis,
    refuse,
    rescaling,
    subtraction,
)

OWN = "own"
_ALIASES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "UnifiedGRU": "GRU",
    "UnifiedLSTM": "LSTM",
    "GRUV1": "GRU",
    "LSTMV1": "LSTM",
}
"""The converter's aliases (keras_h5_conversion.py), and a few more of their kind."""

# Layers that only train; at inference they return their input.
_TRAINING_ONLY = frozenset(
    {"ActivityRegularization", "Identity", "RandomBrightness", "RandomContrast", "RandomFlip"}
    | {"RandomHeight", "RandomRotation", "RandomTranslation", "RandomWidth", "RandomZoom"}
    | {"SpatialDropout2D", "SpatialDropout3D"}
)


_KERNEL_TRAINING = frozenset({"kernel_initializer", "kernel_regularizer", "kernel_constraint"})


def layer_parts(layer: KerasLayer) -> list[Part]:
    """Return the layers of TensorFlow.js that compute the result of a Keras layer.

    Raises:
        UnsupportedLayer: No layers do.
    """
    layer = replace(layer, kind=_ALIASES.get(layer.kind, layer.kind))
    if layer.kind in _TRAINING_ONLY:
        return [activation("linear")]
    rule = _RULES.get(layer.kind)
    return [_same(layer)] if rule is None else rule(layer)


def _same(layer: KerasLayer, **config: Any) -> Part:
    """Return the same layer, with some options replaced."""
    return Part(kind=layer.kind, config={**layer.config, **config}, weights=OWN)


def _apply_weights(layer: KerasLayer) -> list[Part]:
    refuse(layer.config, groups="has groups, which TensorFlow.js would pass over")
    if layer.config.get("padding") == "causal":
        raise UnsupportedLayer("pads causally, which TensorFlow.js lacks")
    if layer.kind in {"Conv2DTranspose", "Conv3DTranspose"}:
        refuse(
            layer.config,
            output_padding="has an output_padding, which TensorFlow.js lacks",
            dilation_rate="is dilated, which TensorFlow.js lacks there",
        )
    # tf_keras writes one initializer for a kernel beside the two that the layer has.
    unknown = _KERNEL_TRAINING if layer.kind == "SeparableConv2D" else frozenset()
    stated = {k: v for k, v in layer.config.items() if v is not None and k not in unknown}
    part = Part(kind=layer.kind, config=stated, weights=OWN)
    return with_activation(part, layer.config.get("activation"), keras_3=layer.keras_3)


def _activate(layer: KerasLayer) -> list[Part]:
    value = layer.config.get("activation")
    name = function_name(value)
    if name is None and isinstance(value, Mapping):
        # A layer as the function: Activation(ReLU(6)).
        kind, config = str(value.get("class_name")), dict(value.get("config") or {})
        return layer_parts(replace(layer, kind=kind, config=config))
    return activation_parts(str(name), keras_3=layer.keras_3)


def _relu(layer: KerasLayer) -> list[Part]:
    highest = layer.config.get("max_value")
    slope = number(layer.config.get("negative_slope") or 0.0, option="negative_slope")
    threshold = number(layer.config.get("threshold") or 0.0, option="threshold")
    if highest is not None:
        if slope or threshold:
            raise UnsupportedLayer("has max_value together with negative_slope or threshold")
        return [Part(kind="ReLU", config={"max_value": number(highest, option="max_value")})]
    if slope and threshold:
        raise UnsupportedLayer("has negative_slope together with threshold")
    if slope:
        return [Part(kind="LeakyReLU", config={"alpha": slope})]
    if threshold:
        return [Part(kind="ThresholdedReLU", config={"theta": threshold})]
    return [Part(kind="ReLU", config={})]


def _leaky_relu(layer: KerasLayer) -> list[Part]:
    slope = layer.config.get("negative_slope", layer.config.get("alpha", 0.3))
    return [Part(kind="LeakyReLU", config={"alpha": number(slope, option="negative_slope")})]


def _elu(layer: KerasLayer) -> list[Part]:
    if number(layer.config.get("alpha", 1.0), option="alpha") != 1.0:
        raise UnsupportedLayer("has an alpha other than 1")
    return [Part(kind="ELU", config={"alpha": 1.0})]


def _softmax(layer: KerasLayer) -> list[Part]:
    return [Part(kind="Softmax", config=only_axis({"axis": -1, **layer.config}))]


def _batch_normalization(layer: KerasLayer) -> list[Part]:
    refuse(layer.config, renorm="has renorm", virtual_batch_size="has a virtual batch")
    return [_same(layer, **only_axis(layer.config))]


def _layer_normalization(layer: KerasLayer) -> list[Part]:
    refuse(layer.config, rms_scaling="has rms_scaling", use_rms_scaling="has rms_scaling")
    return [_same(layer)]


def _recur(layer: KerasLayer) -> list[Part]:
    refuse(
        layer.config,
        reset_after="has reset_after, which TensorFlow.js lacks",
        time_major="takes time before the batch",
    )
    functions = {
        key: plain_activation(layer.config[key], keras_3=layer.keras_3)
        for key in ("activation", "recurrent_activation")
        if key in layer.config
    }
    return [_same(layer, **functions)]


def _pool_all(layer: KerasLayer) -> list[Part]:
    config = {key: layer.config[key] for key in ("data_format",) if key in layer.config}
    pooled = Part(kind=layer.kind, config=config)
    if not layer.config.get("keepdims"):
        return [pooled]
    return chain(pooled, Part(kind="Reshape", config={"target_shape": _whole_shape(layer)}))


def _reshape(layer: KerasLayer) -> list[Part]:
    # Layers behind it need the size that -1 stands for.
    shape = layer.config.get("target_shape")
    known = _whole_shape(layer) if layer.shape and None not in layer.shape[1:] else shape
    return [Part(kind="Reshape", config={"target_shape": known})]


def _whole_shape(layer: KerasLayer) -> list[int | None]:
    if not layer.shape or None in layer.shape[1:]:
        raise UnsupportedLayer("returns a shape that is not known")
    return list(layer.shape[1:])


def _up_sample(layer: KerasLayer) -> list[Part]:
    if layer.config.get("interpolation", "nearest") != "nearest":
        raise UnsupportedLayer("interpolates between other points than in TensorFlow.js")
    return [_same(layer)]


def _resample(_layer: KerasLayer) -> list[Part]:
    raise UnsupportedLayer("takes its pixels from other points than in TensorFlow.js")


def _rescale(layer: KerasLayer) -> list[Part]:
    return [rescaling(layer.config["scale"], layer.config.get("offset", 0.0))]


def _normalize(layer: KerasLayer) -> list[Part]:
    refuse(layer.config, invert="is inverted")
    axis = layer.config.get("axis", -1)
    if axis is None or axis == []:
        raise UnsupportedLayer("has one mean for all axes")
    config = only_axis({"axis": axis}) | {"center": False, "scale": False, "epsilon": 0.0}
    return [Part(kind="BatchNormalization", config=config, weights="normalization")]


def _subtract(_layer: KerasLayer) -> list[Part]:
    return subtraction()


_RULES: Mapping[str, Callable[[KerasLayer], list[Part]]] = {
    "Activation": _activate,
    "BatchNormalization": _batch_normalization,
    "CenterCrop": _resample,
    "ELU": _elu,
    "LayerNormalization": _layer_normalization,
    "LeakyReLU": _leaky_relu,
    "Normalization": _normalize,
    "ReLU": _relu,
    "Rescaling": _rescale,
    "Reshape": _reshape,
    "Resizing": _resample,
    "Softmax": _softmax,
    "Subtract": _subtract,
    "UpSampling2D": _up_sample,
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D", "Dense", "DepthwiseConv2D"), _apply_weights),
    **dict.fromkeys(("Conv2DTranspose", "Conv3DTranspose", "SeparableConv2D"), _apply_weights),
    **dict.fromkeys(("GRU", "GRUCell", "LSTM", "LSTMCell"), _recur),
    **dict.fromkeys(("SimpleRNN", "SimpleRNNCell", "ConvLSTM2D", "ConvLSTM2DCell"), _recur),
    **dict.fromkeys(("GlobalAveragePooling1D", "GlobalAveragePooling2D"), _pool_all),
    **dict.fromkeys(("GlobalMaxPooling1D", "GlobalMaxPooling2D"), _pool_all),
}
"""Rules by class: a new rule is a function and a line here."""
