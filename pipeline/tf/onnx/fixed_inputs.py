"""What the manifest fixes of the inputs of a file: shapes, constants, and channels put last."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.errors import ManifestError
from pipeline.records.flags import FixedInput
from pipeline.text.suggest import did_you_mean, find_similar
from pipeline.tf.layout.convolution import channels_last
from pipeline.tf.layout.value import Order
from pipeline.tf.onnx.onnx_graph import End, GraphModel

_CHANNELS = (1, 3, 4)
_NDIM_IMAGE = 4


@dataclass(kw_only=True)
class Fixed:
    """Inputs as the graph has them.

    Attributes:
        constants: Values of inputs that are written into the graph, by name. An input with open
            sizes stays an input, whatever its value.
        orders: The order of axes of inputs whose channels are put last, by name.
        shapes: Sizes of inputs, in the model's order of axes, by name.
    """

    constants: dict[str, Any] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    shapes: dict[str, tuple[int | None, ...]] = field(default_factory=dict)


def fix_inputs(model: GraphModel, fixed: Mapping[str, FixedInput] | None) -> Fixed:
    """Return what the manifest fixes of a model's inputs.

    Raises:
        ManifestError: The model has no such input, or a shape, a constant or a layout does not fit
            it.
    """
    _check_names(fixed or (), [end.name for end in model.graph.inputs])
    made = Fixed()
    for end in model.graph.inputs:
        asked = (fixed or {}).get(end.name)
        if asked is None:
            continue
        shape = _shape_of(end)
        if asked.layout == "nhwc":
            made.orders |= _put_channels_last(end)
        if asked.shape is not None:
            order = made.orders.get(end.name)
            sizes = asked.shape if order is None else _unorder(asked.shape, order)
            _check_shape(end, sizes, asked.shape, order)
            made.shapes[end.name] = tuple(sizes)
        known = made.shapes.get(end.name) or shape
        if asked.constant is not None and known is not None and None not in known:
            made.constants[end.name] = _fill(end, known, asked.constant)
    return made


def _check_names(names: Iterable[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            meant = did_you_mean(find_similar(name, known))
            raise ManifestError(
                f"inputs: the model has no input {name!r}; it has {', '.join(known)}{meant}"
            )


def _put_channels_last(end: End) -> dict[str, Order]:
    """Return the order of axes that puts the channels of a picture last; none where they are.

    Raises:
        ManifestError: It has four axes, and no channels of a picture.
    """
    sizes = end.sizes or ()
    if has_channels_in_front(end):
        return {end.name: channels_last(len(sizes))}
    is_last = len(sizes) == _NDIM_IMAGE and (end.layout == "nhwc" or sizes[3] in _CHANNELS)
    if len(sizes) == _NDIM_IMAGE and isinstance(sizes[3], int) and not is_last:
        raise ManifestError(
            f"inputs.{end.name}.layout: found nhwc for [{_list(sizes)}]; expected it of pictures, "
            "with 1, 3 or 4 channels on the second axis or on the last"
        )
    return {}


def _list(sizes: Iterable[int | str | None]) -> str:
    return ", ".join(str(size or "?") for size in sizes)


def has_channels_in_front(end: End) -> bool:
    """Return whether an input is a picture whose channels are its second axis.

    Its shape tells it, where the file states no layout.
    """
    sizes = end.sizes or ()
    if len(sizes) == _NDIM_IMAGE and end.layout is not None:
        return end.layout == "nchw"
    return (
        len(sizes) == _NDIM_IMAGE
        and sizes[1] in _CHANNELS
        and (sizes[3] not in _CHANNELS or sizes[1] == sizes[3])
    )


def _shape_of(end: End) -> tuple[int | None, ...] | None:
    if end.sizes is None:
        return None
    return tuple(size if isinstance(size, int) else None for size in end.sizes)


def _unorder(sizes: list[int], order: Order) -> list[int]:
    """Return sizes in the model's order of axes."""
    if len(sizes) != len(order):
        return sizes
    return [sizes[order.index(axis)] for axis in range(len(order))]


def _check_shape(end: End, sizes: list[int], asked: list[int], order: Order | None) -> None:
    shape = _shape_of(end)
    fits = shape is None or (
        len(shape) == len(sizes)
        and all(own in (None, size) for own, size in zip(shape, sizes, strict=True))
    )
    if not fits:
        own = end.sizes or ()
        listed = _list(own[axis] for axis in order or range(len(own)))
        last = " with its channels last" if order is not None else ""
        raise ManifestError(
            f"inputs.{end.name}.shape: found {asked}; the model has [{listed}]{last}"
        )


def _fill(end: End, shape: Sequence[int | None], number: float | list[float]) -> Any:
    """Return the value of a constant input: one number for all elements, or each of them."""
    sizes = [size for size in shape if size is not None]
    numbers, count = np.asarray(number, np.float64).ravel(), math.prod(sizes)
    if numbers.size not in (1, count):
        expected = "1" if count == 1 else f"1 or {count}"
        raise ManifestError(
            f"inputs.{end.name}.constant: found {numbers.size} numbers; expected {expected}"
        )
    return np.broadcast_to(numbers, (count,)).reshape(sizes).astype(end.dtype or "float32")
