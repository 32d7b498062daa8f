"""Lists the classes and functions of Keras that a config may name without code of others.

The list comes from the installed packages: the exports of those parts of their API that compute,
and the layers and operations behind them. Classes that do more than compute are left out, with the
reason (`keras_config.REFUSED`). `tests/tf/keras/test_keras_builtin.py` compares the lists with a
file, so that no release of Keras adds a name unseen.
"""

import functools
import inspect
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import keras
import tensorflow as tf
import tf_keras
from keras.src import api_export
from keras.src.applications import convnext
from keras.src.ops.operation import Operation
from tensorflow.python.feature_column.feature_column_v2_types import FeatureColumn
from tensorflow.python.util import tf_export
from tf_keras.src import activations as tf_keras_activations
from tf_keras.src import constraints as tf_keras_constraints
from tf_keras.src import initializers as tf_keras_initializers
from tf_keras.src import regularizers as tf_keras_regularizers
from tf_keras.src.applications import convnext as tf_keras_convnext
from tf_keras.src.engine.base_layer import Layer
from tf_keras.src.layers import serialization as tf_keras_layers

from pipeline.tf.keras.keras_config import REFUSED, Known, plain_module

# Functions that users of Keras 2 supplied by name, and that later versions have by that name.
_ACTIVATIONS = {
    "relu6": tf.nn.relu6,
    "silu": tf.nn.silu,
    "leaky_relu": tf.nn.leaky_relu,
    "log_softmax": tf.nn.log_softmax,
    "hard_swish": lambda x: x * tf.nn.relu6(x + 3.0) / 6.0,
}
# Layers of Keras' own architectures, which Keras does not export and cannot load from its .h5.
_UNEXPORTED = ("LayerScale", "StochasticDepth")
CUSTOM = _ACTIVATIONS | {name: getattr(tf_keras_convnext, name) for name in _UNEXPORTED}
"""Classes and functions that tf_keras must be given, by name."""

# Parts of the API, besides layers and operations, whose classes occur in a model's config.
_CLASSES = {
    "activations", "constraints", "dtype_policies", "initializers", "losses", "metrics",
    "mixed_precision", "models", "quantizers", "random", "regularizers",
}  # fmt: skip
# Parts of the API whose functions occur in a config, mostly as activations.
_FUNCTIONS = {"activations", "losses", "metrics", "ops", "ops.image", "ops.linalg", "ops.nn",
              "ops.numpy"}  # fmt: skip
# In all parts, these turn configs into objects and back.
_SERIALIZING = ("deserialize", "get", "serialize")
# Parts of tf_keras in which it looks up names without a module.
_BY_NAME = (
    tf_keras_activations, tf_keras_constraints, tf_keras_initializers, tf_keras_regularizers,
)  # fmt: skip
_PACKAGES = {"tf_keras": tf_keras, "keras 3": keras}


@functools.cache
def known_parts(generation: str) -> Known:
    """Return the classes and functions of Keras, by name, and by module and name.

    Args:
        generation: "tf_keras" or "keras 3".
    """
    found = set(_list_parts(generation))
    names = {name for _, name in found}
    if generation == "tf_keras":
        names |= {*CUSTOM, *_feature_columns(), "PolicyV1"}
    return Known(names=frozenset(names), qualified=frozenset(found))


def class_modules() -> tuple[dict[str, str], dict[str, str]]:
    """Return the modules of Keras 3's layers and models, and of its operations, by class."""
    layers = dict.fromkeys(dir(keras.layers), "keras.layers")
    layers |= {"Functional": "keras.src.models.functional"}
    layers |= dict.fromkeys(_UNEXPORTED, convnext.__name__)
    layers |= {"Sequential": "keras", "Model": "keras"}
    operations = {
        kind.__name__: kind.__module__
        for kind in _derived(Operation)
        if kind.__module__.startswith("keras.src.ops.")
    }
    return layers, operations


def _list_parts(generation: str) -> Iterator[tuple[str, str]]:
    """Yield module and name of each class and function that may be built or called."""
    root = Operation if generation == "keras 3" else Layer
    parts = {id(kind): kind for kind in (root, *_derived(root)) if _is_own(kind)}
    exported = [
        (part, name, value)
        for part, name, value in _exported(generation)
        if name not in REFUSED and name not in _SERIALIZING
    ]
    for part, _, value in exported:
        listed = _CLASSES if inspect.isclass(value) else _FUNCTIONS
        if part in listed and callable(value):
            parts[id(value)] = value
    for value in parts.values():
        yield plain_module(value.__module__), value.__name__
    for part, name, value in exported:  # the same under all their names
        if id(value) in parts:
            yield part, name
            yield plain_module(value.__module__), name


def _is_own(kind: type) -> bool:
    own = kind.__module__.startswith(("keras.src.", "tf_keras.src."))
    return own and "testing" not in kind.__module__ and kind.__name__ not in REFUSED


def _exported(generation: str) -> Iterator[tuple[str, str, Any]]:
    """Yield part of the API, name and value of each export of a generation of Keras."""
    if generation == "keras 3":
        registered: Mapping[str, Any] = api_export.REGISTERED_NAMES_TO_OBJS
    else:
        registered = tf_export._NAME_TO_SYMBOL_MAPPING  # noqa: SLF001  # no public list
        yield from _found_by_name()
    for path, value in registered.items():
        part, _, name = path.removeprefix("compat.v1.").rpartition(".")
        if part.partition(".")[0] == "keras":
            yield plain_module(part), name, value
    package = _PACKAGES[generation]
    for module in {id(module): module for module in _public_modules(package)}.values():
        for name, value in vars(module).items():
            if not name.startswith("_") and not inspect.ismodule(value):
                yield plain_module(module.__name__), name, value


def _found_by_name() -> Iterator[tuple[str, str, Any]]:
    """Yield the classes and functions that tf_keras finds by name alone."""
    tf_keras_layers.populate_deserializable_objects()
    for name, value in tf_keras_layers.LOCAL.ALL_OBJECTS.items():
        yield "layers", name, value
    for module in _BY_NAME:
        for name, value in vars(module).items():
            if str(getattr(value, "__module__", "")).startswith("tf_keras.src."):
                yield plain_module(module.__name__), name, value


def _public_modules(package: ModuleType) -> Iterator[ModuleType]:
    """Yield the modules that a package exports, without its own sources."""
    yield package
    for name, module in vars(package).items():
        shown = inspect.ismodule(module) and not name.startswith("_") and name not in ("src", "api")
        if shown and module.__name__.startswith(package.__name__.partition(".")[0] + "."):
            yield from _public_modules(module)


def _derived(kind: type) -> Iterator[type]:
    derived: type
    for derived in kind.__subclasses__():
        yield derived
        yield from _derived(derived)


def _feature_columns() -> set[str]:
    """Return the classes of TensorFlow's feature columns, which layers of tf_keras contain."""
    return {kind.__name__ for kind in _derived(FeatureColumn)} - REFUSED.keys()
