"""Parts: the layers of TensorFlow.js that together compute one layer of Keras.

Most layers need one part of the same class. If TensorFlow.js lacks an option or computes it
differently, further layers help; if none can, an error says why. This module opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.tfjs.layers.config_values import Json

ALL = "*"
"""In `Part.inputs`: all inputs of the layer."""


class UnsupportedLayer(Exception):  # noqa: N818  # internal: users see all faults at once
    """A layer without an equal in TensorFlow.js.

    The message says why; it is empty for a layer that TensorFlow.js does not know at all.
    """


@dataclass(frozen=True, kw_only=True)
class KerasLayer:
    """A layer of Keras to replace by parts.

    Attributes:
        kind: Its class.
        config: Its configuration, in plain values.
        keras_3: Whether Keras 3 wrote it, else an older Keras.
        shape: Shape of its result, the batch first; None if unknown.
    """

    kind: str
    config: Json
    keras_3: bool
    shape: tuple[int | None, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of the layers that replace a layer of Keras.

    Attributes:
        kind: Class in TensorFlow.js.
        config: Its configuration, without a name.
        inputs: Its inputs: numbers of the layer's inputs, suffixes of earlier parts, or ALL.
        suffix: The end of its name, behind the layer's name; the last part has none.
        weights: Source of its weights: "own" for the layer's, under the names of TensorFlow.js;
            "normalization" for values computed from those of a Normalization layer.
    """

    kind: str
    config: Json
    inputs: tuple[int | str, ...] = (ALL,)
    suffix: str = ""
    weights: str | None = None


def chain(*parts: Part) -> list[Part]:
    """Return parts that each read the result of the part before; the last has the layer's name."""
    chained: list[Part] = []
    for number, part in enumerate(parts):
        suffix = f"_part_{number + 1}" if number < len(parts) - 1 else ""
        inputs = (chained[-1].suffix,) if chained else part.inputs
        chained.append(replace(part, suffix=suffix, inputs=inputs))
    return chained


def rescaling(scale: Any, offset: Any = 0.0, *, suffix: str = "", of: int | str = ALL) -> Part:
    """Return a part that computes x * scale + offset."""
    config = {"scale": scale, "offset": offset}
    return Part(kind="Rescaling", config=config, inputs=(of,), suffix=suffix)


def activation(name: str, *, suffix: str = "", of: int | str = ALL) -> Part:
    """Return a part that applies an activation of TensorFlow.js, such as "linear"."""
    return Part(kind="Activation", config={"activation": name}, inputs=(of,), suffix=suffix)


def subtraction() -> list[Part]:
    """Return parts that subtract the second input from the first, without a rounding error."""
    return [
        rescaling(-1.0, suffix="_negative", of=1),
        Part(kind="Add", config={}, inputs=(0, "_negative")),
    ]


def number(value: Any, *, option: str) -> float:
    """Return a number of a config, which old files may have in a list.

    Raises:
        UnsupportedLayer: The value is no number.
    """
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnsupportedLayer(f"{option} is {value!r}, which is no number")
    return value


def only_axis(config: Mapping[str, Any]) -> Json:
    """Return a config with a number for `axis` in place of a list of one.

    Raises:
        UnsupportedLayer: The list has several axes.
    """
    axis = config.get("axis")
    if isinstance(axis, Sequence) and not isinstance(axis, str):
        if len(axis) != 1:
            raise UnsupportedLayer(f"has the axes {', '.join(map(str, axis))}, and may have one")
        return {**config, "axis": axis[0]}
    return dict(config)


def refuse(config: Mapping[str, Any], **unsupported: str) -> None:
    """Raise an UnsupportedLayer if any of some options is set.

    Args:
        config: The configuration of the layer.
        unsupported: Why it is not supported, by option.
    """
    for option, reason in unsupported.items():
        value = config.get(option)
        off = (0, 1) if option in _ONE_IS_OFF else (0,)
        values = value if isinstance(value, list) else [value]
        if not all(
            item is None or item is False or (type(item) is int and item in off) for item in values
        ):
            raise UnsupportedLayer(reason)


_ONE_IS_OFF = frozenset({"dilation_rate", "groups"})
