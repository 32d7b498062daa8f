"""Wiring: turns the calls between layers from Keras' form to TensorFlow.js's form.

Both number the calls of a layer. For a nested model TensorFlow.js counts the call that made it
(container.ts), Keras 2 counts it if it was made with an input, and Keras 3 counts it for some
purposes and not for others. This module opens no file.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.tfjs.layers.config_values import Json
from pipeline.tfjs.layers.parts import ALL
from pipeline.tfjs.model.layers_topology import Tensor

Tensors = tuple[Tensor, ...]
Shift = Mapping[str, int]
"""By nested model, the difference of TensorFlow.js's call numbers from Keras'."""

_NUM_HISTORY = 3


@dataclass(frozen=True, kw_only=True)
class Made:
    """A layer of TensorFlow.js, not yet tied to others.

    Attributes:
        kind: Its class.
        name: Unique in the whole model.
        config: Its configuration.
        takes: Its inputs, as in `Part.inputs`.
        suffix: Its name among the layers that replace the same layer.
    """

    kind: str
    name: str
    config: Json
    takes: tuple[int | str, ...] = (ALL,)
    suffix: str = ""

    def to_json(self) -> Json:
        """Return its JSON in a sequential model."""
        return {"class_name": self.kind, "config": {**self.config, "name": self.name}}


def connect(parts: Sequence[Made], calls: Iterable[Tensors]) -> list[Json]:
    """Return the layers that replace one layer, tied to the tensors of each of its calls."""
    names = {part.suffix: part.name for part in parts}
    calls = list(calls)
    return [
        {
            **part.to_json(),
            "name": part.name,
            "inbound_nodes": [_node(part, call, i, names) for i, call in enumerate(calls)],
        }
        for part in parts
    ]


def is_chain(parts: Sequence[Made]) -> bool:
    """Return whether each layer reads the result of the layer before, and nothing else."""
    befores = [None, *(part.suffix for part in parts)]
    return all(
        part.takes in {(ALL,), (0,), ()} if before is None else part.takes == (before,)
        for part, before in zip(parts, befores, strict=False)
    )


def find_shifts(
    models: Mapping[str, str], calls: Iterable[Tensors], outputs: Tensors, *, keras_3: bool
) -> tuple[Shift, Shift]:
    """Return the shifts of call numbers, in calls and in the outputs of a model.

    Args:
        models: Class of each nested model, by name.
        calls: All calls of its layers.
        outputs: Its outputs.
        keras_3: Whether Keras 3 wrote it.
    """
    if keras_3:
        of_outputs = {name: int(kind == "Sequential") for name, kind in models.items()}
        return dict.fromkeys(models, 1), of_outputs
    numbers = [(name, number) for call in (*calls, outputs) for name, number, _ in call]
    least = {name: min((n for other, n in numbers if other == name), default=1) for name in models}
    shift = {name: 1 - number for name, number in least.items()}
    return shift, shift


def move(call: Tensors, names: Mapping[str, str], shift: Shift) -> Tensors:
    """Return a call with the numbers and names of TensorFlow.js."""
    return tuple(
        (names[name], number + shift.get(name, 0), output) for name, number, output in call
    )


def parse_ends(wire: Any) -> Tensors:
    """Return a model's inputs or outputs, from any structure, in the order of `tf.nest`."""
    if isinstance(wire, Mapping):
        return tuple(tensor for key in sorted(wire) for tensor in parse_ends(wire[key]))
    if not isinstance(wire, list | tuple) or not wire:
        return ()
    if isinstance(wire[0], str) and len(wire) == _NUM_HISTORY:
        return ((wire[0], int(wire[1]), int(wire[2])),)
    return tuple(tensor for entry in wire for tensor in parse_ends(entry))


def _node(part: Made, call: Tensors, number: int, names: Mapping[str, str]) -> list[list[Any]]:
    tensors: list[Tensor] = []
    for taken in part.takes:
        if taken == ALL:
            tensors += call
        elif isinstance(taken, int):
            tensors.append(call[taken])
        else:
            tensors.append((names[taken], number, 0))
    return [[*tensor, {}] for tensor in tensors]
