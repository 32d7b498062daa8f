"""Keras' own: the classes and functions that need no code but that of Keras itself."""

from collections.abc import Iterator

import keras
import tensorflow as tf
import tf_keras
from keras.src.applications import convnext
from keras.src.ops.operation import Operation
from tf_keras.src.applications import convnext as tf_keras_convnext
from tf_keras.src.layers import serialization as tf_keras_layers

# Functions that Keras 2 had users hand over by name and that later versions have under it.
_ACTIVATIONS = {
    "relu6": tf.nn.relu6,
    "silu": tf.nn.silu,
    "leaky_relu": tf.nn.leaky_relu,
    "log_softmax": tf.nn.log_softmax,
    "hard_swish": lambda x: x * tf.nn.relu6(x + 3.0) / 6.0,
}
# Layers of Keras' own architectures that it exports nowhere, and forgets in its .h5.
_UNEXPORTED = ("LayerScale", "StochasticDepth")
CUSTOM = _ACTIVATIONS | {name: getattr(tf_keras_convnext, name) for name in _UNEXPORTED}
"""What tf_keras has to be told of, by name."""
_PARTS = ("activations", "constraints", "initializers", "losses", "metrics", "regularizers")


def known_names(generation: str) -> set[str]:
    """Return what Keras has, by name, as configs that state no module refer to it.

    Args:
        generation: "tf_keras" or "keras 3".
    """
    if generation == "tf_keras":
        tf_keras_layers.populate_deserializable_objects()
        names = {*tf_keras_layers.LOCAL.ALL_OBJECTS, "Policy", "PolicyV1", *CUSTOM}
        modules = [getattr(tf_keras, part) for part in _PARTS]
    else:
        names = {kind.__name__ for kind in _operations(Operation)}
        names |= {*dir(keras.models), "Functional", "DTypePolicy", "DTypePolicyMap", *_UNEXPORTED}
        modules = [keras.layers, keras.ops, keras.dtype_policies, keras.quantizers]
        modules += [getattr(keras, part) for part in _PARTS]
    return names.union(*(dir(module) for module in modules))


def class_modules() -> tuple[dict[str, str], dict[str, str]]:
    """Return the modules of Keras 3's layers and models, and of its operations, by class."""
    layers = dict.fromkeys(dir(keras.layers), "keras.layers")
    layers |= {"Functional": "keras.src.models.functional"}
    layers |= dict.fromkeys(_UNEXPORTED, convnext.__name__)
    layers |= {"Sequential": "keras", "Model": "keras"}
    return layers, {kind.__name__: kind.__module__ for kind in _operations(Operation)}


def _operations(kind: type) -> Iterator[type]:
    derived: type
    for derived in kind.__subclasses__():
        if derived.__module__.startswith("keras.src.ops."):
            yield derived
        yield from _operations(derived)
