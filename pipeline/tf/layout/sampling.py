"""Elements of images at places between their pixels, channels last."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from pipeline.tf.layout.convolution import channels_last
from pipeline.tf.layout.sizes import materialize
from pipeline.tf.layout.value import Value, arrange

_CUBIC = -0.75
# Places this far outside are outside for all modes.
_MARGIN = 3

Tap = tuple[Any, Any]
"""Indices along an axis, and the weights of their elements; None for a weight of 1."""


def sample(
    value: Value, places: Sequence[Any], *, mode: str, padding: str, aligned: bool = False
) -> Any:
    """Return the elements of images at places.

    Args:
        value: (batch, channels, space …).
        places: For each axis of space the places along it in pixels, float32 (batch, points …).
        mode: "nearest", "linear" or "cubic".
        padding: What lies outside: "zeros", "border" for the edge's elements, or "reflection".
        aligned: Whether a reflection is about the middle of the pixels at the edge; else about
            their outer side.

    Returns:
        (batch, points …, channels).
    """
    return gather_taps(value, find_taps(value, places, mode, padding, aligned=aligned), tf.add)


def find_taps(
    value: Value, places: Sequence[Any], mode: str, padding: str, *, aligned: bool = False
) -> list[list[Tap]]:
    """Return for each axis of space the elements that make up what lies at places."""
    taps = []
    for place, size in zip(places, map(materialize, value.sizes[2:]), strict=True):
        last = tf.cast(size - 1, tf.float32)
        if padding == "border" and mode != "cubic":
            inside = tf.clip_by_value(place, 0.0, last)
        elif padding == "reflection":
            inside = place
        else:
            inside = tf.clip_by_value(place, -float(_MARGIN), last + _MARGIN)
        own = [_pad_tap(tap, size, padding, aligned=aligned) for tap in _MODES[mode](inside)]
        taps.append(own)
    return taps


def gather_taps(
    value: Value,
    taps: Sequence[Sequence[Tap]],
    combine: Callable[..., Any],
    *,
    images: Any = None,
) -> Any:
    """Return weighted elements combined: (batch, points …, channels).

    Args:
        value: (batch, channels, space …).
        taps: For each axis of space, from `find_taps`.
        combine: Combines two weighted elements.
        images: The image of the first axis of the points; None where each has its own.
    """
    order = channels_last(value.rank)
    sizes = [value.sizes[axis] for axis in order]
    flat = tf.reshape(arrange(value, order).tensor, [-1, materialize(sizes[-1])])
    space = [materialize(size) for size in value.sizes[2:]]
    ndim = len(taps[0][0][0].shape)
    start: Any = None
    if images is not None or value.sizes[0] != 1:
        numbers = tf.range(materialize(value.sizes[0])) if images is None else images
        start = tf.reshape(numbers, [-1] + [1] * (ndim - 1))
    made = None
    for corner in itertools.product(*taps):
        index, weight = start, None
        for (place, share), size in zip(corner, space, strict=True):
            index = place if index is None else index * size + place
            if share is not None:
                weight = share if weight is None else weight * share
        taken = tf.gather(flat, index)
        if weight is not None:
            taken = taken * tf.expand_dims(weight, -1)
        made = taken if made is None else combine(made, taken)
    return made


def _nearest(place: Any) -> list[Tap]:
    return [(tf.cast(tf.round(place), tf.int32), None)]


def _linear(place: Any) -> list[Tap]:
    lower = tf.floor(place)
    share = place - lower
    index = tf.cast(lower, tf.int32)
    return [(index, 1.0 - share), (index + 1, share)]


def _cubic(place: Any) -> list[Tap]:
    lower = tf.floor(place)
    share = place - lower
    index = tf.cast(lower, tf.int32)
    near = [_near_weight(share), _near_weight(1.0 - share)]
    far = [_far_weight(share + 1.0), _far_weight(2.0 - share)]
    return [(index - 1, far[0]), (index, near[0]), (index + 1, near[1]), (index + 2, far[1])]


def _near_weight(distance: Any) -> Any:
    return ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance * distance + 1.0


def _far_weight(distance: Any) -> Any:
    return ((_CUBIC * distance - 5 * _CUBIC) * distance + 8 * _CUBIC) * distance - 4 * _CUBIC


_MODES: dict[str, Callable[[Any], list[Tap]]] = {
    "nearest": _nearest, "linear": _linear, "cubic": _cubic,
}  # fmt: skip


def _pad_tap(tap: Tap, size: Any, padding: str, *, aligned: bool) -> Tap:
    """Return a tap whose indices are inside."""
    index, weight = tap
    if padding == "reflection":
        return _reflect(index, size, aligned=aligned), weight
    clipped = tf.clip_by_value(index, 0, size - 1)
    if padding == "border":
        return clipped, weight
    is_inside = tf.cast(tf.equal(clipped, index), tf.float32)
    return clipped, is_inside if weight is None else weight * is_inside


def _reflect(index: Any, size: Any, *, aligned: bool) -> Any:
    period = tf.maximum(2 * size - 2, 1) if aligned else 2 * size
    place = tf.math.floormod(index, period)
    return tf.minimum(place, period - (0 if aligned else 1) - place)
