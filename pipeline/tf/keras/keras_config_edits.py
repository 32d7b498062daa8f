"""Edits Keras configs: removes parts that inference ignores, and adds parts that Keras left out.

This module opens no file and imports no Keras.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from pipeline.tf.keras.keras_config import Known, is_foreign, object_options, walk_objects

# Options that only training reads, or only building, whose result the stored weights replace.
_UNREAD = re.compile(r"\w*_(initializer|regularizer|constraint)s?|regularizer|constraint")
_TRAINING = ("compile_config", "training_config", "optimizer_config")
_HALF = re.compile(r"(mixed_)?b?float16")


def drop_training(config: Any) -> Any:
    """Return a config without the options of `compile`."""
    return _replace(config, lambda key, value: None if key in _TRAINING else value)


def drop_unread(config: Any, known: Known) -> Any:
    """Return a config without optimizers, losses and foreign initializers and regularizers.

    Weights come from the file, so that none of these affects the results of the model.
    """

    def drop(key: str, value: Any) -> Any:
        if key in _TRAINING:
            return None
        if not _UNREAD.fullmatch(key) or not isinstance(value, Mapping):
            return value
        foreign = any(is_foreign(node, known) for _, node in walk_objects(value))
        if not foreign:
            return value
        return "zeros" if "initializer" in key else None

    return _replace(config, drop)


def widen_floats(config: Any) -> Any:
    """Return a config whose layers compute in float32 in place of 16-bit floats."""

    def widen(key: str, value: Any) -> Any:
        if key == "dtype" and isinstance(value, str) and _HALF.fullmatch(value):
            return "float32"
        policy = isinstance(value, Mapping) and "Policy" in str(value.get("class_name"))
        name = str(object_options(value).get("name")) if policy else ""
        return "float32" if _HALF.fullmatch(name) else value

    return _replace(config, widen)


def forget_states(config: Any) -> Any:
    """Return a config whose recurrent layers keep no state between calls."""
    return _replace(
        config, lambda key, value: False if key == "stateful" and value is True else value
    )


def take_functions(config: Any, given: Collection[str]) -> Any:
    """Return a config whose Lambda layers call functions of their own name, where one is given.

    Keras stores the bytes of a Lambda's code, which only the Python that wrote them reads.
    """

    def take(_: str, value: Any) -> Any:
        if not isinstance(value, Mapping) or value.get("class_name") != "Lambda":
            return value
        name = object_options(value).get("name")
        if name not in given:
            return value
        stated: Any = name
        if "module" in value:  # of Keras 3, and of Keras 2 from 2.12
            stated = {"class_name": "function", "config": name, "module": "builtins"}
            stated |= {"registered_name": name}
        options = {**object_options(value), "function": stated}
        if "function_type" in options:
            options["function_type"] = "function"
        return {**value, "config": options}

    return _replace(config, take)


def name_registered(config: Any, custom: Collection[str]) -> Any:
    """Return a config with names of functions and classes as the .h5 loader of tf_keras reads them.

    Its newest releases write an object in place of a function's bare name, and the class of an
    inner object (a cell) without its package; they cannot read either.

    Args:
        config: The model's config.
        custom: Names under which foreign classes are known: "Addons>NASCell".
    """

    def name(_: str, value: Any) -> Any:
        if not isinstance(value, Mapping) or "class_name" not in value:
            return value
        if value["class_name"] == "function" and isinstance(value.get("config"), str):
            return value["config"]
        registered = value.get("registered_name")
        known = isinstance(registered, str) and registered in custom
        return {**value, "class_name": registered} if known else value

    return _replace(config, name)


def state_modules(config: Any, classes: tuple[Mapping[str, str], Mapping[str, str]]) -> Any:
    """Return a config of Keras 3's .h5 in the form of its .keras: with the module of each class.

    Args:
        config: The model's config.
        classes: Modules of layers and of operations, by class. Some names, such as Add, are in
            both; only layers state whether they are `trainable`.
    """
    layers, operations = classes

    def state(_: str, value: Any) -> Any:
        if not isinstance(value, Mapping) or "module" in value:
            return value
        name, inner = value.get("class_name"), value.get("config")
        if not isinstance(inner, Mapping) or str(name).startswith("__"):
            return value
        is_layer = "trainable" in inner or name not in operations
        module = (layers if is_layer else operations).get(str(name))
        return {**value, "module": module, "registered_name": None} if module else value

    return _replace(config, state)


def _replace(value: Any, change: Any, key: str = "") -> Any:
    """Return a copy of JSON in which `change(key, value)` replaces each value."""
    value = change(key, value)
    if isinstance(value, Mapping):
        return {name: _replace(part, change, name) for name, part in value.items()}
    if isinstance(value, list):
        return [_replace(part, change) for part in value]
    return value
