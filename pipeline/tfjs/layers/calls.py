"""Calls of layers in a Keras config, in the two forms that Keras writes.

Keras 2 writes a list of tensors ["conv", 0, 0, {}], with the other arguments of the call in the
last position. Keras 3 writes {"args": […], "kwargs": {…}}, in which tensors are objects with a
"keras_history". This module opens no file.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.tfjs.model.layers_topology import Tensor

_HISTORY_LENGTH = 3
_IGNORED = frozenset({"mask", "training"})
_STATES = "initial_state"
_CONSTANT = "_CONSTANT_VALUE"


class UnsupportedCall(Exception):  # noqa: N818  # internal: users see all faults of a model at once
    """A call that a layers model cannot express; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a layer.

    Attributes:
        given: Positional arguments: tensors as `Tensor`, lists of them, numbers, None.
        named: Keyword arguments, likewise.
    """

    given: tuple[Any, ...]
    named: Mapping[str, Any]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The tensors among the positional arguments, flattened."""
        return tuple(tensor for value in self.given for tensor in _flat(value))

    @property
    def values(self) -> tuple[Any, ...]:
        """The positional arguments that hold no tensor."""
        return tuple(value for value in self.given if not list(_flat(value)))


def parse_calls(wire: Any) -> list[Call]:
    """Return the calls of a layer.

    Args:
        wire: Its "inbound_nodes".

    Raises:
        UnsupportedCall: A call has tensors in a dict.
    """
    return [_parse_keras_3(node) if isinstance(node, Mapping) else _parse(node) for node in wire]


def layer_tensors(call: Call, *, masks: Collection[str], keras_3: bool) -> tuple[Tensor, ...]:
    """Return the tensors that a layer (not an operation) reads: its inputs, then its states.

    Args:
        call: The call.
        masks: Names of operations whose masks TensorFlow.js makes by itself.
        keras_3: Whether Keras 3 wrote it: there `training` is only the default of a parameter,
            which the call of the whole model overrides.

    Raises:
        UnsupportedCall: The call has further arguments.
    """
    states = call.named.get(_STATES)
    known = _IGNORED | {_STATES}
    odd = [name for name, value in call.named.items() if name not in known and value is not None]
    if odd or any(value is not None for value in call.values):
        raise UnsupportedCall(f"is called with {', '.join(sorted(odd)) or 'values'}")
    if call.named.get("training") and not keras_3:
        raise UnsupportedCall("is called with training=True")
    if any(name not in masks for name, _, _ in _flat(call.named.get("mask"))):
        raise UnsupportedCall("is called with a mask")
    return (*call.tensors, *_flat(states))


def _parse(node: Any) -> Call:
    """Read a call of Keras 2."""
    if not isinstance(node, Sequence) or isinstance(node, str):
        raise UnsupportedCall("takes its tensors in a dict")
    # A tensor without a list around it: ["conv", 0, 0, {}].
    entries = [node] if node and isinstance(node[0], str) else node
    given: list[Any] = []
    named: dict[str, Any] = {}
    for entry in entries:
        if isinstance(entry, list) and entry and entry[0] == _CONSTANT:
            given.append(entry[2])
        elif _is_tensor(entry):
            given.append(_tensor(entry))
        else:
            raise UnsupportedCall("takes its tensors in nested lists")
        if len(entry) > _HISTORY_LENGTH:
            named = {name: _named_value(value) for name, value in entry[_HISTORY_LENGTH].items()}
    return Call(given=tuple(given), named=named)


def _parse_keras_3(node: Mapping[str, Any]) -> Call:
    named = {name: _revive(value) for name, value in (node.get("kwargs") or {}).items()}
    return Call(given=tuple(_revive(value) for value in node.get("args") or ()), named=named)


def _revive(value: Any) -> Any:
    """Return an argument of Keras 3 with its tensors as `Tensor`."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            return _tensor(value["config"]["keras_history"])
        if value.get("class_name") == "__tuple__":
            return [_revive(item) for item in value.get("items") or ()]
        revived = {key: _revive(item) for key, item in value.items()}
        if any(list(_flat(item)) for item in revived.values()):
            raise UnsupportedCall("takes its tensors in a dict")
        return revived
    if isinstance(value, list):
        return [_revive(item) for item in value]
    return value


def _named_value(value: Any) -> Any:
    """Return an argument of Keras 2 with its tensors as `Tensor`."""
    if _is_tensor(value):
        return _tensor(value)
    if isinstance(value, list) and value and all(_is_tensor(item) for item in value):
        return [_tensor(item) for item in value]
    return value


def _is_tensor(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and len(value) >= _HISTORY_LENGTH
        and isinstance(value[0], str)
        and all(type(number) is int for number in value[1:_HISTORY_LENGTH])
    )


def _tensor(wire: Sequence[Any]) -> Tensor:
    return str(wire[0]), int(wire[1]), int(wire[2])


def _flat(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in an argument."""
    if isinstance(value, tuple):
        yield value  # tuples are tensors here, lists are lists
    elif isinstance(value, list):
        for item in value:
            yield from _flat(item)
