"""Parts: the layers of TensorFlow.js that together do what one layer of Keras does.

Most are one layer of the same class. Where TensorFlow.js lacks an option, or computes another
value for it, further layers do it; where none do, the reason is said. It opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Json = dict[str, Any]

ALL = "*"
"""In the inputs of a part: all that the layer is called with."""


class UnsupportedLayer(Exception):  # noqa: N818  # not for users: they see all of a model's at once
    """A layer that TensorFlow.js has no equal for.

    The message says why; it is empty for a layer that TensorFlow.js does not know at all.
    """


@dataclass(frozen=True, kw_only=True)
class KerasLayer:
    """A layer of Keras that parts are to stand for.

    Attributes:
        kind: Its class.
        config: Its configuration, plain.
        keras_3: Whether Keras 3 wrote it, else an older one.
        shape: Of what it returns, the batch first; None where that is not known.
    """

    kind: str
    config: Json
    keras_3: bool
    shape: tuple[int | None, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Part:
    """One layer of those that stand for a layer of Keras.

    Attributes:
        kind: Class in TensorFlow.js.
        config: Its configuration, without a name.
        inputs: What it takes: numbers of the layer's inputs, suffixes of parts before, or ALL.
        suffix: What its name has behind the layer's; the last part has none.
        weights: How it comes by its weights: "own", the layer's, under the names of
            TensorFlow.js; "normalization", computed from those of a Normalization layer.
    """

    kind: str
    config: Json
    inputs: tuple[int | str, ...] = (ALL,)
    suffix: str = ""
    weights: str | None = None


def chain(*parts: Part) -> list[Part]:
    """Return parts of which each takes the result of the one before; the last is the layer."""
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
    """Return a part that applies an activation of TensorFlow.js, as "linear"."""
    return Part(kind="Activation", config={"activation": name}, inputs=(of,), suffix=suffix)


def subtraction() -> list[Part]:
    """Return parts that subtract the second input from the first, exactly as floats do."""
    return [
        rescaling(-1.0, suffix="_negative", of=1),
        Part(kind="Add", config={}, inputs=(0, "_negative")),
    ]


def number(value: Any, *, what: str) -> float:
    """Return a number of a config, which old files may have in a list.

    Raises:
        UnsupportedLayer: It is none.
    """
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnsupportedLayer(f"{what} is {value!r}, which is no number")
    return value


def only_axis(config: Mapping[str, Any]) -> Json:
    """Return a config whose `axis`, a list of one, is a number.

    Raises:
        UnsupportedLayer: It has several.
    """
    axis = config.get("axis")
    if isinstance(axis, Sequence) and not isinstance(axis, str):
        if len(axis) != 1:
            raise UnsupportedLayer(f"has the axes {', '.join(map(str, axis))}, and may have one")
        return {**config, "axis": axis[0]}
    return dict(config)


def refuse(config: Mapping[str, Any], **unsupported: str) -> None:
    """Raise an UnsupportedLayer where one of some options is set.

    Args:
        config: The layer's.
        unsupported: Why it cannot be, by option.
    """
    for option, reason in unsupported.items():
        value = config.get(option)
        off = (0, 1) if option in _ONE_IS_OFF else (0,)
        values = value if isinstance(value, list) else [value]
        if not all(
            one is None or one is False or (type(one) is int and one in off) for one in values
        ):
            raise UnsupportedLayer(reason)


_ONE_IS_OFF = frozenset({"dilation_rate", "groups"})
