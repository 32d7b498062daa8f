"""Keras configs, judged: what building one would run, and which code of others it needs.

A config is a tree of JSON in which every object is a mapping of `class_name` and `config`,
since Keras 2.12 with the `module` of its class. Building the model imports and calls what it
names, so it is judged before anything is built. It opens no file and imports no Keras.
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
# Values in Keras' own serialization; those of a class of their own are judged besides.
_VALUES = {
    "__bytes__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__",
    "__tuple__", "CompositeTensor", "TensorShape", "TypeSpec",
}  # fmt: skip
_TYPES = {"IndexedSlicesSpec", "RaggedTensorSpec", "SparseTensorSpec", "TensorSpec"}
# Of these the name says nothing: they call what their config names.
_CALLING = {"ClassMethod", "InstanceMethod", "InstanceProperty", "SlicingOpLambda", "TFOpLambda"}
_OP_LAYER = "TensorFlowOpLayer"
# What layers and columns read from a path, where the config has one.
_FILES = ("vocabulary", "idf_weights", "vocabulary_file", "ckpt_to_load_from", "filepath")
_DEPTH_MAX = 200
_NAME_LENGTH_SHOWN = 80


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


@dataclass(frozen=True, kw_only=True)
class Known:
    """What one generation of Keras has: what a config may name.

    Attributes:
        names: Its classes and functions, for configs that state no module.
        places: Module and name of each, with modules as `plain_module` returns them.
    """

    names: frozenset[str]
    places: frozenset[tuple[str, str]]


def plain_module(module: str) -> str:
    """Return a module of Keras without the package and `src`, which vary between versions.

    "keras.src.layers.core.dense" is "layers.core.dense", "tf_keras" is "".
    """
    package, _, rest = module.partition(".")
    if package not in _KERAS:
        return f"{package}.{rest}"  # never one of Keras' own parts
    return "" if rest == "src" else rest.removeprefix("src.")


def check_nesting(config: Any) -> None:
    """Raise where JSON is no config that any reader could go through.

    Raises:
        FormatError: It is nested too deeply, has text that is no Unicode, or a class without
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
    """Return what would run code of the file, or read files, when the model is built.

    Args:
        config: The model's config.
        judge_op: Takes the config of a TensorFlowOpLayer and says what its op does besides
            computing, None where it does not; without it such a layer is never taken.
    """
    found = []
    for layer, node in walk_objects(config):
        what = _describe_running(node)
        if what is None and node["class_name"] == _OP_LAYER:
            what = judge_op(object_options(node)) if judge_op else f"an op of a {_OP_LAYER}"
        if what is not None:
            found.append(Found(layer=layer, what=what))
    return found


def find_foreign(config: Any, known: Known) -> list[Found]:
    """Return classes and functions that are not on the list of Keras' own that compute.

    Args:
        config: The model's config.
        known: That list.
    """
    found: dict[str, Found] = {}
    for layer, node in walk_objects(config):
        if is_foreign(node, known):
            one = _describe_foreign(layer, node)
            found.setdefault(one.what, one)
    return list(found.values())


def list_models(config: Any) -> Iterator[Any]:
    """Yield what each model in a config has under `layers`, those within models included."""
    for _, node in walk_objects(config):
        if "layers" in object_options(node):
            yield object_options(node)["layers"]


def walk_objects(config: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield all objects with the name of the layer that they are in.

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
    """Return the config of an object; empty where it is no mapping."""
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
    # As Keras 1 and 2 marshal it: a list of the code, its defaults and its closure.
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
        # Words are a list; a path is a text, or bytes that make one.
        if isinstance(options.get(key), (str, Mapping)):
            return f"{_cut(node['class_name'])}, which reads the file {_quote(options[key])}"
    return None


def _called(node: Mapping[str, Any]) -> str:
    """Return the class or function that an object is of; "" where its name is no text."""
    called = node.get("config") if node["class_name"] == "function" else node["class_name"]
    return called if isinstance(called, str) else ""


def _computes(options: Mapping[str, Any]) -> bool:
    """Return whether what an op layer calls is a function of TensorFlow that computes."""
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
        is_known = (plain_module(str(module)), called) in known.places
    # What is registered under a name of its own comes before what the module has.
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
        what=f"{'function' if is_function else 'class'} {_quote(name)}{origin}",
        module=None if stated in _KERAS else stated,
        name=name,
        registered=registered if isinstance(registered, str) else None,
    )


def _quote(value: Any) -> str:
    """Return a value of the file as it may be printed, in quotes where it is a text."""
    return repr(_shorten(value) if isinstance(value, str) else _shorten(repr(value)))


def _cut(text: str) -> str:
    """Return a text of the file as it may be printed."""
    return repr(_shorten(text))[1:-1]


def _shorten(text: str) -> str:
    return text if len(text) <= _NAME_LENGTH_SHOWN else f"{text[:_NAME_LENGTH_SHOWN]}…"
