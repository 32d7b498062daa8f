"""Translates configs of Keras 1 to the words of Keras 2.

The source is keras/legacy/interfaces.py of Keras 2.0 to 2.3, which still accepted the old words.
tf_keras has dropped them, but still converts the old weights when it loads them. Initializers and
regularizers are left out: the weights come from the file. This module opens no file.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.errors import ConversionError

Json = dict[str, Any]

_CLASSES = {
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "TimeDistributed",
}
_MERGES = {
    "ave": "Average",
    "concat": "Concatenate",
    "cos": "Dot",
    "dot": "Dot",
    "max": "Maximum",
    "mul": "Multiply",
    "sum": "Add",
}
# New words by old word, for words with one meaning in all layers.
_WORDS = {
    "atrous_rate": "dilation_rate",
    "bias": "use_bias",
    "border_mode": "padding",
    "dropout_U": "recurrent_dropout",
    "dropout_W": "dropout",
    "filter_length": "kernel_size",
    "inner_activation": "recurrent_activation",
    "input_dtype": "dtype",
    "nb_filter": "filters",
    "output_dim": "units",
    "p": "rate",
    "pool_length": "pool_size",
    "sigma": "stddev",
    "stride": "strides",
    "subsample": "strides",
    "subsample_length": "strides",
}
_DROPPED = {
    "W_constraint", "W_learning_rate_multiplier", "W_regularizer", "U_regularizer",
    "activity_regularizer", "b_constraint", "b_learning_rate_multiplier", "b_regularizer",
    "beta_init", "beta_regularizer", "consume_less", "depthwise_constraint",
    "depthwise_regularizer", "forget_bias_init", "gamma_init", "gamma_regularizer", "init",
    "inner_init", "pointwise_constraint", "pointwise_regularizer",
    "weights",
}  # fmt: skip
_MODELS = ("Functional", "Model", "Sequential")
_LAYOUTS = {"tf": "channels_last", "th": "channels_first"}
_SPATIAL_LENGTH = {"UpSampling1D": "size", "RepeatVector": "n"}


def modernize(config: Any) -> Any:
    """Return a model's config in the words of Keras 2.

    Args:
        config: `class_name` and `config` of a model of Keras 1; left as it is.

    Raises:
        ConversionError: A layer has no counterpart in Keras 2.
    """
    if isinstance(config, Mapping) and isinstance(config.get("config"), list):
        layers = [modernize(layer) for layer in config["config"]]  # a Sequential
        return {**config, "config": layers}
    if not isinstance(config, Mapping) or not isinstance(config.get("config"), Mapping):
        return config
    inner = config["config"]
    if "layers" in inner and config["class_name"] in _MODELS:
        layers = [modernize(layer) for layer in inner["layers"]]
        return {**config, "config": {**inner, "layers": layers}}
    return {**config, **_modernize_layer(str(config["class_name"]), dict(inner))}


def state_defaults(config: Any) -> Any:
    """Return a config that states options whose defaults changed in later versions of Keras.

    A GRU without `reset_after` is from Keras before 2.1.5, which had no such option.
    """
    if isinstance(config, list):
        return [state_defaults(part) for part in config]
    if not isinstance(config, Mapping):
        return config
    stated = {key: state_defaults(value) for key, value in config.items()}
    inner = stated.get("config")
    if stated.get("class_name") in ("GRU", "GRUCell") and isinstance(inner, dict):
        inner.setdefault("reset_after", False)
    return stated


def _modernize_layer(kind: str, inner: Json) -> Json:
    if kind == "Merge":
        return _modernize_merge(inner)
    if kind in ("MaxoutDense", "Highway"):
        raise ConversionError(
            f"the layer {inner.get('name')!r} is a {kind} of Keras 1, which no later version has"
        )
    if "layer" in inner:  # wrappers
        return {"class_name": kind, "config": {**inner, "layer": modernize(inner["layer"])}}
    if kind == "BatchNormalization" and inner.get("mode", 0) != 0:
        raise ConversionError(
            f"the layer {inner.get('name')!r} normalizes in mode {inner['mode']} of Keras 1; "
            "later versions have mode 0 only"
        )
    dropped = _DROPPED | (set() if kind == "Embedding" else {"input_dim", "input_length", "mode"})
    words = {key: value for key, value in inner.items() if key not in dropped}
    layout = words.pop("dim_ordering", None)
    if layout in _LAYOUTS:
        words["data_format"] = _LAYOUTS[layout]
    _join_sizes(kind, words)
    renamed = {_rename(kind, key): value for key, value in words.items()}
    if kind == "TimeDistributedDense":
        outer = {key: renamed.pop(key) for key in ("batch_input_shape",) if key in renamed}
        inside = {"class_name": "Dense", "config": renamed}
        renamed = {**outer, "name": renamed["name"], "layer": inside}
    return {"class_name": _CLASSES.get(kind, kind), "config": renamed}


def _join_sizes(kind: str, words: Json) -> None:
    """Join the sizes of a kernel, which had an option each, to one option."""
    for sizes in (("kernel_dim1", "kernel_dim2", "kernel_dim3"), ("nb_row", "nb_col")):
        if set(sizes) <= set(words):
            words["kernel_size"] = [words.pop(name) for name in sizes]
    if kind == "Deconvolution2D":
        words.pop("output_shape", None)


def _rename(kind: str, key: str) -> str:
    if kind == "Embedding" and key == "output_dim":
        return key
    if kind in _SPATIAL_LENGTH and key == "length":
        return _SPATIAL_LENGTH[kind]
    if kind in ("ZeroPadding1D", "Cropping1D") and key == "border_mode":
        return key
    return _WORDS.get(key, key)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _modernize_merge(inner: Json) -> Json:
    mode, name = inner.get("mode"), inner.get("name")
    if inner.get("layers") or mode not in _MERGES or inner.get("mode_type", "raw") != "raw":
        raise ConversionError(
            f"the layer {name!r} merges as Keras 1 alone can",
            hint="write the model with the layers of a later Keras, load its weights and save it",
        )
    config: Json = {"name": name}
    if mode == "concat":
        config["axis"] = inner.get("concat_axis", -1)
    if mode in ("dot", "cos"):
        axes = inner.get("dot_axes", -1)
        single = [axis if isinstance(axis, int) else axis[0] for axis in _listed(axes)]
        config["axes"] = axes if isinstance(axes, int) else single
        config["normalize"] = mode == "cos"
    return {"class_name": _MERGES[mode], "config": config}
