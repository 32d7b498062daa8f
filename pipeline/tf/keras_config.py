"""Keras configs: searched for what would run or needs foreign code, rid of what inference ignores.

A config is a tree of JSON in which every object is a mapping of `class_name` and `config`,
since Keras 2.12 with the `module` of its class. Building the model imports and calls what it
names, so it is judged before anything is built. It opens no file and imports no Keras.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_KERAS = ("keras", "tf_keras")
# Parts of Keras whose classes and functions compute, and nothing else.
_COMPUTING = {
    "activations", "constraints", "dtype_policies", "engine", "experimental", "feature_column",
    "initializers", "layers", "legacy", "losses", "metrics", "mixed_precision", "models", "ops",
    "optimizers", "premade_models", "quantizers", "random", "regularizers", "__internal__",
}  # fmt: skip
# Values in Keras' own serialization, such as "__tuple__"; of "__typespec__" the module counts.
_VALUES = re.compile(r"__(?!typespec)\w+__")
# Layers that call Python, unpickle, or load a model from a path of their config.
_RUNNING = {"TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
_CALLING = {"TFOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty", "SlicingOpLambda"}
# Parts of TensorFlow whose functions compute; those without a part are judged by name.
_TF_PARTS = {
    "audio", "bitwise", "compat", "dtypes", "image", "linalg", "math", "nn", "quantization",
    "ragged", "random", "sets", "signal", "sparse", "strings", "v1", "experimental", "numpy",
    "RaggedTensor", "SparseTensor", "Tensor", "TensorShape", "__operators__", "nest",
}  # fmt: skip
_TF_RUNNING = re.compile(
    r"load_\w+|py_func\w*|numpy_function|print|Print|function|\w*_graph|import_\w+|read_file|"
    r"write_file|matching_files|\w*_image_file|get_\w+|\w*session\w*|device\w*"
)
# Layers of text and categories take their words from a file where these are paths.
_FILES = ("vocabulary", "idf_weights")
# Only training reads them, or only building, whose result the stored weights replace.
_UNREAD = re.compile(r"\w*_(initializer|regularizer|constraint)s?|regularizer|constraint")
_TRAINING = ("compile_config", "training_config", "optimizer_config")
_HALF = re.compile(r"(mixed_)?b?float16")


@dataclass(frozen=True, kw_only=True)
class Found:
    """An object in a config that is not to be built as it stands.

    Attributes:
        layer: Name of the innermost layer that has it.
        what: What it is, for a message: "class 'Mish' of mypackage.layers".
        module: Module whose code it needs, None where the config does not say.
        name: Its class or function.
        registered: The name under which it would be registered.
    """

    layer: str
    what: str
    module: str | None = None
    name: str = ""
    registered: str | None = None


def find_running(config: Any) -> list[Found]:
    """Return what would run code of the file, or read files, when the model is built."""
    return [
        Found(layer=layer, what=what)
        for layer, node in _objects(config)
        if (what := _describe_running(node))
    ]


def find_foreign(config: Any, known: Collection[str]) -> list[Found]:
    """Return classes and functions that are not Keras' own.

    Args:
        config: The model's config.
        known: Names of Keras' classes and functions, for configs that state no module.
    """
    found: dict[str, Found] = {}
    for layer, node in _objects(config):
        if _is_foreign(node, known):
            one = _describe_foreign(layer, node)
            found.setdefault(one.what, one)
    return list(found.values())


def drop_unread(config: Any, known: Collection[str]) -> Any:
    """Return a config without optimizers, losses and foreign initializers and regularizers.

    Weights come from the file, so that nothing of theirs shows in what a model computes.
    """

    def drop(key: str, value: Any) -> Any:
        if key in _TRAINING:
            return None
        if not _UNREAD.fullmatch(key) or not isinstance(value, Mapping):
            return value
        foreign = any(_is_foreign(node, known) for _, node in _objects(value))
        if not foreign:
            return value
        return "zeros" if "initializer" in key else None

    return _replace(config, drop)


def widen_floats(config: Any) -> Any:
    """Return a config whose layers compute in float32 where they had 16-bit floats."""

    def widen(key: str, value: Any) -> Any:
        if key == "dtype" and isinstance(value, str) and _HALF.fullmatch(value):
            return "float32"
        policy = isinstance(value, Mapping) and "Policy" in str(value.get("class_name"))
        name = str(value["config"].get("name")) if policy and value.get("config") else ""
        return "float32" if _HALF.fullmatch(name) else value

    return _replace(config, widen)


def forget_states(config: Any) -> Any:
    """Return a config whose recurrent layers keep no state from one call to the next."""
    return _replace(
        config, lambda key, value: False if key == "stateful" and value is True else value
    )


def state_modules(config: Any, classes: tuple[Mapping[str, str], Mapping[str, str]]) -> Any:
    """Return a config of Keras 3's .h5 as its .keras has it: with the module of each class.

    Args:
        config: The model's config.
        classes: Modules of layers and of operations, by class. Some have one name, such as
            Add; what tells them apart is that every layer says whether it is `trainable`.
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


def _objects(value: Any, layer: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return all objects with the name of the layer that they are in."""
    if isinstance(value, Mapping):
        if "class_name" in value and "config" in value:
            inner = value["config"]
            own = inner.get("name") if isinstance(inner, Mapping) else None
            layer = own if isinstance(own, str) else layer
            yield layer, value
        for key, part in value.items():
            if key not in _TRAINING:
                yield from _objects(part, layer)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            yield from _objects(part, layer)


def _replace(value: Any, change: Any, key: str = "") -> Any:
    """Return a copy of JSON in which `change(key, value)` stands for each value."""
    value = change(key, value)
    if isinstance(value, Mapping):
        return {name: _replace(part, change, name) for name, part in value.items()}
    if isinstance(value, list):
        return [_replace(part, change) for part in value]
    return value


def _describe_running(node: Mapping[str, Any]) -> str | None:
    name, inner = str(node["class_name"]), node.get("config")
    options = inner if isinstance(inner, Mapping) else {}
    if name == "__lambda__":
        return "Python code"
    if name == "Lambda" and any(_is_code(options, key) for key in ("function", "output_shape")):
        return "a Lambda layer, which is Python code"
    if name in _RUNNING:
        return f"{name}, which runs code or files of its config"
    if name in _CALLING and not _computes(options):
        called = options.get("function") or options.get("cls_symbol") or options.get("attr_name")
        return f"a call of tf.{called}"
    for key in _FILES:
        if isinstance(options.get(key), str):
            return f"{name}, which reads the file {options[key]!r}"
    return None


def _is_code(options: Mapping[str, Any], key: str) -> bool:
    """Return whether a Lambda layer has marshalled code, as Keras 1 and 2 write it."""
    function = options.get(key)
    stated = options.get(f"{key}_type") == "lambda"
    return stated or (isinstance(function, list) and isinstance((*function, None)[0], str))


def _computes(options: Mapping[str, Any]) -> bool:
    """Return whether what an op layer calls is a function of TensorFlow that computes."""
    symbol = options.get("function") or options.get("cls_symbol")
    if symbol is None:
        return True  # an attribute or a slice of the tensor itself
    *parts, name = str(symbol).split(".")
    return set(parts) <= _TF_PARTS and not _TF_RUNNING.fullmatch(name)


def _is_foreign(node: Mapping[str, Any], known: Collection[str]) -> bool:
    name, module = str(node["class_name"]), node.get("module")
    if _VALUES.fullmatch(name):
        return False
    if name == "__typespec__":
        return str(module).partition(".")[0] not in ("tensorflow", *_KERAS)
    is_function = name == "function"
    called = str(node.get("config")) if is_function else name
    if ">" in called or ">" in str(node.get("registered_name") or ""):
        return True
    if module is None or module == "builtins":
        return called not in known
    package, _, rest = str(module).partition(".")
    if package not in _KERAS:
        return True
    internal = rest.startswith("src.applications.")  # the layers of its architectures
    part = "layers" if internal else rest.removeprefix("src").lstrip(".").partition(".")[0]
    # Functions of `keras.models` and of `keras` itself load and save.
    is_class = called[:1].isupper()
    shown = is_class if internal or part in ("", "models", "experimental") else True
    return not shown or part not in (*_COMPUTING, "")


def _describe_foreign(layer: str, node: Mapping[str, Any]) -> Found:
    is_function = node["class_name"] == "function"
    name = str(node["config"] if is_function else node["class_name"])
    module = node.get("module")
    origin = "" if module in (None, "builtins") else f" of {module}"
    return Found(
        layer=layer,
        what=f"{'function' if is_function else 'class'} '{name}'{origin}",
        module=None if module in (None, "builtins", *_KERAS) else module,
        name=name,
        registered=node.get("registered_name"),
    )
