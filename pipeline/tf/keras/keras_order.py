"""Checks the order of calls in a functional model of Keras 2: each layer after its inputs.

tf_keras 2.19 calls the layers of a config in rounds until all have been called. It loops for ever
if they wait for each other or for a call that is never made (a comment in `reconstruct_from_config`
of tf_keras/src/engine/functional.py says so). Keras 3 raises. This module opens no file.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.errors import FormatError

_Call = tuple[str, int]


def check_order(layers: Any) -> None:
    """Raise if the calls of a model's layers have no valid order.

    Args:
        layers: The `layers` of a functional model's config: each with its `name` and, in
            `inbound_nodes`, the calls whose results its own calls take, `[name, number, …]`.

    Raises:
        FormatError: A layer waits for a call that is never made.
    """
    named = [layer for layer in layers if _is_named(layer)] if _is_list(layers) else []
    free = {layer["name"] for layer in named if layer.get("class_name") == "InputLayer"}
    names = {layer["name"] for layer in named} - free
    models = {layer["name"] for layer in named if _is_model(layer)}
    waiting: dict[str, list[set[_Call]]] = {}
    for layer in named:
        nodes = layer.get("inbound_nodes")
        waits = [set(_find_calls(node, names)) for node in nodes] if _is_list(nodes) else []
        waiting.setdefault(layer["name"], []).extend(waits)
    made: set[_Call] = set()
    numbers = dict.fromkeys(waiting, 0)
    progress = True
    while progress:
        progress = False
        for name, calls in waiting.items():
            while calls and calls[0] <= made:
                calls.pop(0)
                # A nested model has a first call of its own, which is not listed.
                made |= {(name, numbers[name]), (name, numbers[name] + (name in models))}
                numbers[name] += 1
                progress = True
    stuck = sorted(name for name, calls in waiting.items() if calls)
    if stuck:
        raise FormatError(
            f"the config's layer {stuck[0]!r} waits for a call of a layer that is never made"
        )


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_named(layer: Any) -> bool:
    return isinstance(layer, Mapping) and isinstance(layer.get("name"), str)


def _is_model(layer: Mapping[str, Any]) -> bool:
    config = layer.get("config")
    # A Sequential of Keras 2.0 and 2.1 has its layers as a list.
    return isinstance(config, list) or (isinstance(config, Mapping) and "layers" in config)


def _find_calls(node: Any, names: set[str]) -> Iterator[_Call]:
    """Yield the calls whose results a call takes, anywhere in its arguments."""
    parts = [node]
    while parts:
        part = parts.pop()
        if isinstance(part, Mapping):
            parts += part.values()
        elif isinstance(part, list):
            parts += part
            if len(part) in (3, 4) and isinstance(part[0], str) and part[0] in names:
                number = part[1]
                is_number = isinstance(number, int) and not isinstance(number, bool)
                if is_number or len(part) == 4:  # noqa: PLR2004  # with arguments besides
                    yield part[0], number if is_number else -1
