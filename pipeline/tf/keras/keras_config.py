"""Judges Keras configs: finds objects that would run code, and code of others that they need.

A config is a tree of JSON in which every object is a mapping of `class_name` and `config`, since
Keras 2.12 with the `module` of its class. To build the model imports and calls the classes it
names, so it is judged before. This module opens no file and imports no Keras.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import FormatError
from pipeline.tf.keras.keras_symbols import is_computing, is_ragged_maker, is_tensor_attribute

_KERAS = ("keras", "tf_keras")
REFUSED = {
    "TFSMLayer": "loads a SavedModel from a path of its config",
    "TorchModuleWrapper": "unpickles a model of PyTorch",
    "JaxLayer": "calls a function of Python",
    "FlaxLayer": "calls a function of Python",
    "ReloadedLayer": "loads a SavedModel from a path of its config",
    "Distiller": "loads the models that it was trained with",
    "FeatureSpace": "calls functions of Python on its features",
    "ModuleWrapper": "calls an object of Python",
    "PyMetric": "calls Python from the graph",
    "VocabularyFileCategoricalColumn": "reads a file of words",
}
"""Classes of Keras and of TensorFlow's feature columns that do more than compute, and why."""
# Values in Keras' own serialization; objects with a class of their own are judged separately.
_VALUES = {
    "__bytes__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__",
    "__tuple__", "CompositeTensor", "TensorShape", "TypeSpec",
}  # fmt: skip
_TYPES = {"IndexedSlicesSpec", "RaggedTensorSpec", "SparseTensorSpec", "TensorSpec"}
# Layers whose name proves nothing: they call functions that their config names.
_CALLING = {"ClassMethod", "InstanceMethod", "InstanceProperty", "SlicingOpLambda", "TFOpLambda"}
_OP_LAYER = "TensorFlowOpLayer"
# Options of layers and columns that may hold a path.
_FILES = ("vocabulary", "idf_weights", "vocabulary_file", "ckpt_to_load_from", "filepath")
_DEPTH_MAX = 200
_NAME_LENGTH_SHOWN = 80


@dataclass(frozen=True, kw_only=True)
class Found:
    """An object in a config that may not be built without trust.

    Attributes:
        layer: Name of the innermost layer that has it.
        description: A noun phrase for messages: "class 'Mish' of mypackage.layers".
        module: Module whose code it needs, None if the config states none.
        name: Name of its class or function.
        registered: The name under which it would be registered.
    """

    layer: str
    description: str
    module: str | None = None
    name: str = ""
    registered: str | None = None


@dataclass(frozen=True, kw_only=True)
class Known:
    """The classes and functions of one generation of Keras, which a config may name.

    Attributes:
        names: Its classes and functions, for configs that state no module.
        qualified: Module and name of each, with modules as `plain_module` returns them.
    """

    names: frozenset[str]
    qualified: frozenset[tuple[str, str]]


def plain_module(module: str) -> str:
    """Return a module of Keras without the package and `src`, which vary between versions.

    "keras.src.layers.core.dense" is "layers.core.dense", and "tf_keras" is "".
    """
    package, _, rest = module.partition(".")
    if package not in _KERAS:
        return f"{package}.{rest}"  # never a module of Keras itself
    return "" if rest == "src" else rest.removeprefix("src.")


def check_nesting(config: Any) -> None:
    """Raise if JSON is no config that every reader can traverse.

    Raises:
        FormatError: It is nested too deeply, has text outside Unicode, or a class without
            a name.
    """
    waiting = [(config, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEPTH_MAX:
            raise FormatError(f"the config is nested deeper than {_DEPTH_MAX}")
        if isinstance(value, Mapping):
            if "class_name" in value and "config" in value:
                _check_name(value["class_name"])
            waiting += [(part, depth + 1) for pair in value.items() for part in pair]
        elif isinstance(value, list):
            waiting += [(part, depth + 1) for part in value]
        elif isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise FormatError(f"the config has {_quote(value)}, no Unicode text") from None


def _check_name(name: Any) -> None:
    if not isinstance(name, str):
        raise FormatError(f"the config has a class that is called {_quote(name)}; expected a name")


def find_running(
    config: Any, *, judge_op: Callable[[Mapping[str, Any]], str | None] | None = None
) -> list[Found]:
    """Return the objects that would run code of the file, or read files, when they are built.

    Args:
        config: The model's config.
        judge_op: Returns the other effects of the op of a TensorFlowOpLayer, from the layer's
            config, None if it only computes; without it all these layers are returned.
    """
    found = []
    for layer, node in walk_objects(config):
        description = _describe_running(node)
        if description is None and node["class_name"] == _OP_LAYER:
            description = judge_op(object_options(node)) if judge_op else f"an op of a {_OP_LAYER}"
        if description is not None:
            found.append(Found(layer=layer, description=description))
    return found


def find_foreign(config: Any, known: Known) -> list[Found]:
    """Return classes and functions outside the list of Keras' own that compute.

    Args:
        config: The model's config.
        known: That list.
    """
    found: dict[str, Found] = {}
    for layer, node in walk_objects(config):
        if is_foreign(node, known):
            foreign = _describe_foreign(layer, node)
            found.setdefault(foreign.description, foreign)
    return list(found.values())


def list_models(config: Any) -> Iterator[Any]:
    """Yield the `layers` of each model in a config, those of nested models included."""
    for _, node in walk_objects(config):
        if "layers" in object_options(node):
            yield object_options(node)["layers"]


def walk_objects(config: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield all objects, each with the name of the layer around it.

    An object without `config` counts: Keras builds it with the defaults of its class.
    """
    waiting = [(config, "")]
    while waiting:
        value, layer = waiting.pop()
        if isinstance(value, Mapping):
            if isinstance(value.get("class_name"), str):
                own = object_options(value).get("name")
                layer = own if isinstance(own, str) else layer
                yield layer, value
            waiting += [(part, layer) for part in reversed(list(value.values()))]
        elif isinstance(value, Sequence) and not isinstance(value, str):
            waiting += [(part, layer) for part in reversed(value)]


def object_options(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the config of an object; empty if it is no mapping."""
    inner = node.get("config")
    return inner if isinstance(inner, Mapping) else {}


def _describe_running(node: Mapping[str, Any]) -> str | None:
    return _describe_code(node) or _describe_call(node) or _describe_file(node)


def _describe_code(node: Mapping[str, Any]) -> str | None:
    name, options = node["class_name"], object_options(node)
    if name == "__lambda__":
        return "Python code"
    if name == "__typespec__" and node.get("spec_name") not in _TYPES:
        return f"the class {_quote(node.get('spec_name'))} of {_quote(node.get('module'))}"
    # Keras 1 and 2 marshal a function to a list of the code, its defaults and its closure.
    marshalled = (options.get(key) for key in ("function", "output_shape"))
    if name == "Lambda" and any(
        isinstance(value, list) and any(isinstance(part, str) for part in value)
        for value in marshalled
    ):
        return "a Lambda layer, which is Python code"
    if any(key.endswith("_type") and value == "lambda" for key, value in options.items()):
        return f"a {_cut(name)} layer, which is Python code"
    return None


def _describe_call(node: Mapping[str, Any]) -> str | None:
    options, called = object_options(node), _called(node)
    if called in REFUSED:
        return f"{called}, which {REFUSED[called]}"
    if called in _CALLING and not _computes(options):
        named = options.get("function") or options.get("cls_symbol") or options.get("attr_name")
        return f"a call of tf.{_cut(str(named))}"
    return None


def _describe_file(node: Mapping[str, Any]) -> str | None:
    options = object_options(node)
    for key in _FILES:
        # Words are a list; a path is a text, or bytes.
        if isinstance(options.get(key), (str, Mapping)):
            return f"{_cut(node['class_name'])}, which reads the file {_quote(options[key])}"
    return None


def _called(node: Mapping[str, Any]) -> str:
    """Return the class or function of an object: "Dense"; "" if its name is no text."""
    called = node.get("config") if node["class_name"] == "function" else node["class_name"]
    return called if isinstance(called, str) else ""


def _computes(options: Mapping[str, Any]) -> bool:
    """Return whether an op layer calls a function of TensorFlow that computes."""
    symbol, attribute = options.get("function"), options.get("attr_name")
    if "cls_symbol" in options:
        return is_ragged_maker(str(options["cls_symbol"]), str(options.get("method_name")))
    if symbol is None:
        return is_tensor_attribute(str(attribute))
    return isinstance(symbol, str) and is_computing(symbol)


def is_foreign(node: Mapping[str, Any], known: Known) -> bool:
    """Return whether an object needs code that Keras does not have."""
    name, module, called = node["class_name"], node.get("module"), _called(node)
    if name in _VALUES or name == "__lambda__" or called in REFUSED:
        return False
    if name == "__typespec__":
        return str(module).partition(".")[0] not in ("tensorflow", *_KERAS)
    if module is None or module == "builtins":
        is_known = called in known.names
    else:
        is_known = (plain_module(str(module)), called) in known.qualified
    # A class registered under its own name goes before the class in the module.
    return not is_known or node.get("registered_name") not in (None, called, name)


def _describe_foreign(layer: str, node: Mapping[str, Any]) -> Found:
    is_function = node["class_name"] == "function"
    name = str(node.get("config") if is_function else node["class_name"])
    module = node.get("module")
    stated = module if isinstance(module, str) and module != "builtins" else None
    registered = node.get("registered_name")
    origin = f" of {_cut(stated)}" if stated else ""
    return Found(
        layer=layer,
        description=f"{'function' if is_function else 'class'} {_quote(name)}{origin}",
        module=None if stated in _KERAS else stated,
        name=name,
        registered=registered if isinstance(registered, str) else None,
    )


def _quote(value: Any) -> str:
    """Return a value of the file in printable form, a text in quotes: "'Mish'"."""
    return repr(_shorten(value) if isinstance(value, str) else _shorten(repr(value)))


def _cut(text: str) -> str:
    """Return a text of the file in printable form, cut if long: "Mish"."""
    return repr(_shorten(text))[1:-1]


def _shorten(text: str) -> str:
    return text if len(text) <= _NAME_LENGTH_SHOWN else f"{text[:_NAME_LENGTH_SHOWN]}…"
