"""Operations in a Keras model, such as `x / 127.5 - 1`, as layers of TensorFlow.js.

tf_keras writes an operation as a layer of the class TFOpLambda that names a function of
TensorFlow. Keras 3 has classes of operations; some have the names of layers: Add, Multiply. This
module opens no file.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.tfjs.layers.activations import activation_parts
from pipeline.tfjs.layers.calls import Call
from pipeline.tfjs.layers.parts import Part, UnsupportedLayer, rescaling, subtraction

_TF_LAMBDAS = frozenset({"TFOpLambda", "SlicingOpLambda"})
_KERAS_3_MODULES = ("keras.src.ops", "keras.ops")
_SECOND = ("y", "x2")
_ACTIVATIONS = frozenset(
    {"elu", "gelu", "hard_sigmoid", "hard_silu", "log_softmax", "relu", "relu6", "selu", "sigmoid"}
    | {"silu", "softmax", "softplus", "softsign", "swish", "tanh"}
)
_NAMES = {"truediv": "divide", "true_divide": "divide", "sub": "subtract", "mul": "multiply"}


def is_operation(wire: Mapping[str, Any]) -> bool:
    """Return whether a layer of a config is an operation."""
    module = str(wire.get("module") or "")
    return wire.get("class_name") in _TF_LAMBDAS or module.startswith(_KERAS_3_MODULES)


def operation_name(wire: Mapping[str, Any]) -> str:
    """Return the name of an operation in Keras 3: "not_equal"."""
    config = wire.get("config")
    named = config.get("function") if isinstance(config, Mapping) else None
    if isinstance(named, str):
        name = named.rpartition(".")[2]
    else:
        kind = str(wire.get("class_name"))
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in kind).lstrip("_")
    return _NAMES.get(name, name)


def operation_parts(wire: Mapping[str, Any], call: Call, *, keras_3: bool) -> list[Part]:
    """Return the layers that compute an operation.

    Args:
        wire: The operation in the config's form.
        call: The call, with its arguments.
        keras_3: Whether Keras 3 wrote it.

    Raises:
        UnsupportedLayer: No layers do.
    """
    name = operation_name(wire)
    arguments = [*call.given, *(call.named[key] for key in _SECOND if key in call.named)]
    if name in _ACTIVATIONS and call.named.get("axis", -1) == -1:
        return activation_parts(name, keras_3=keras_3)
    make = _RULES.get(name)
    if make is None or len(arguments) != 2:  # noqa: PLR2004  # all of them take two
        raise UnsupportedLayer(f"is the operation {name}, which no layer of TensorFlow.js does")
    return make(name, *arguments)


def operation_tensors(call: Call) -> tuple[Any, ...]:
    """Return the tensors that an operation reads, in order."""
    return (*call.tensors, *(t for t in call.named.values() if isinstance(t, tuple)))


def _add(name: str, first: Any, second: Any) -> list[Part]:
    constant = _constant(first, second)
    return [_merge(name)] if constant is None else [rescaling(1.0, constant)]


def _subtract(_name: str, first: Any, second: Any) -> list[Part]:
    constant = _constant(first, second)
    if constant is None:
        return subtraction()
    return [rescaling(1.0, -constant) if isinstance(first, tuple) else rescaling(-1.0, constant)]


def _multiply(name: str, first: Any, second: Any) -> list[Part]:
    constant = _constant(first, second)
    return [_merge(name)] if constant is None else [rescaling(constant)]


def _divide(name: str, first: Any, second: Any) -> list[Part]:
    constant = _constant(first, second)
    if not constant or not isinstance(first, tuple):
        raise UnsupportedLayer(f"is the operation {name} by what is no number")
    return [rescaling(1.0 / constant)]


def _choose(name: str, first: Any, second: Any) -> list[Part]:
    if _constant(first, second) is not None:
        raise UnsupportedLayer(f"is the operation {name} with a number")
    return [_merge(name)]


def _merge(name: str) -> Part:
    return Part(kind=name.capitalize(), config={})


def _constant(first: Any, second: Any) -> float | None:
    """Return the number among two arguments; None if both are tensors."""
    values = [value for value in (first, second) if not isinstance(value, tuple)]
    if not values:
        return None
    if len(values) > 1 or isinstance(values[0], bool) or not isinstance(values[0], int | float):
        raise UnsupportedLayer("computes with a constant that is no number")
    return float(values[0])


_RULES: Mapping[str, Callable[[str, Any, Any], list[Part]]] = {
    "add": _add,
    "divide": _divide,
    "maximum": _choose,
    "minimum": _choose,
    "multiply": _multiply,
    "subtract": _subtract,
}
