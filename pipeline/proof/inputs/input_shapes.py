"""Sizes: shapes for inputs whose signature leaves sizes open.

An open size becomes a variable (batch, size of an image, length of a text …), which the inputs of
one model share. Each variable has candidates, the usual first. Attempts go through their
combinations, those near the usual first. This module runs no model.
"""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.records.contract import InputContract
from pipeline.records.signature import TensorSpec

KnownShape = tuple[int, ...]
Sizes = Mapping[str, Any]
"""A value for each variable: a size, or a whole shape for an unknown number of axes."""


MAX_ATTEMPTS = 48
_MAX_COMBINATIONS = 20_000

_CANDIDATES: dict[str, tuple[int, ...]] = {
    "batch": (1, 8),
    "size": (224, 256, 192, 128, 320, 416, 512, 640, 96, 64, 32),
    "channels": (3, 1, 4),
    "length": (16, 32, 64, 128, 256, 512, 8, 1),
    "samples": (16000, 15600, 16384, 44100, 48000, 8000),
    "frames": (8, 16, 4, 1),
    "features": (64, 32, 16, 128, 80, 40, 13, 1),
}
# Vocabulary sizes to try for a model without a known embedding table.
_VOCABULARIES = (100, 10, 2)
CHANNELS = (1, 3, 4)
_SMALLEST_IMAGE = 16
# A model that enlarges images gets small ones: each pixel costs a multiple.
_ENLARGES = re.compile(r"super.?resolution|upscal|upsampl")
_ENLARGED_SIZES = (48,)
_NDIM_IMAGE, _NDIM_VIDEO = 4, 5
_SHORTEST_SOUND, _NDIM_SOUND = 400, 2

_AUDIO = re.compile(r"audio|wave|pcm|sample|speech|sound|signal|music|pitch|voice|acoustic|noise")
_SCALAR = re.compile(
    r"ratio|thresh|scale|iou|conf|prob|rate|temperature|train|phase|dropout|alpha|strength"
    r"|^(max|min|num|n|k|top)(_|$)|count|limit|step"
)


def list_sizes(
    inputs: Sequence[TensorSpec],
    *,
    task: str | None,
    contracts: Mapping[str, InputContract],
    batch: int = 1,
) -> list[Sizes]:
    """Return the candidates for the unknown sizes, in the order in which to try them.

    Args:
        inputs: All inputs of the model.
        task: The task of the model, as in the manifest.
        contracts: What is known of each input, by name.
        batch: Number of samples in place of 1.

    Returns:
        At least one choice; an empty dict where nothing is unknown.
    """
    named = {spec.name: name_axes(spec, task=task) for spec in inputs}
    axes = [axis for sizes in named.values() for axis in sizes if isinstance(axis, str)]
    candidates: dict[str, tuple[Any, ...]] = {}
    for axis in dict.fromkeys(axes):
        candidates[axis] = _candidates(axis, inputs, task)
    if any(is_index(spec) and not _has_vocabulary(spec, contracts) for spec in inputs):
        candidates["vocabulary"] = _VOCABULARIES
    if "batch" in candidates:
        candidates["batch"] = (batch, *candidates["batch"][1:])
    combinations = itertools.product(*(range(len(values)) for values in candidates.values()))
    choices = (
        dict(zip(candidates, combination, strict=True))
        for combination in itertools.islice(combinations, _MAX_COMBINATIONS)
    )
    return [
        {axis: candidates[axis][i] for axis, i in choice.items()}
        for choice in sorted(choices, key=_rank)[:MAX_ATTEMPTS]
    ]


def _has_vocabulary(spec: TensorSpec, contracts: Mapping[str, InputContract]) -> bool:
    return spec.name in contracts and contracts[spec.name].vocabulary is not None


def _rank(choice: Mapping[str, int]) -> tuple[Any, ...]:
    """Return the sort key of a choice: few departures from the usual first, in the batch last.

    One departure comes before two, however far it goes: a model whose inputs share an axis with
    the batch, such as time-major texts, runs with a length of 1 only.
    """
    departures = sum(position > 0 for position in choice.values())
    return choice.get("batch", 0), departures, sum(choice.values()), tuple(choice.values())


def name_axes(spec: TensorSpec, *, task: str | None) -> tuple[int | str, ...]:
    """Return the sizes of an input, with the name of a variable for each unknown size.

    An unknown number of axes is one variable for the whole shape: "shape of r#i", shared by
    inputs whose names differ only in their numbers.
    """
    shape = spec.shape
    if shape is None:
        return ("shape of " + re.sub(r"\d+", "#", spec.name),)
    names = _axis_names(spec, shape, task)
    return tuple(names[i] if size is None else size for i, size in enumerate(shape))


def resolve_shape(spec: TensorSpec, sizes: Sizes, *, task: str | None) -> KnownShape:
    """Return the shape of an input for chosen sizes."""
    axes = name_axes(spec, task=task)
    if spec.shape is None:
        (variable,) = axes
        return tuple(sizes[str(variable)])
    return tuple(sizes[axis] if isinstance(axis, str) else axis for axis in axes)


def image_axes(shape: Sequence[int | None]) -> tuple[int, int, int | None] | None:
    """Return the axes of height, width and channels; None if it does not look like an image.

    Recognized are (batch, height, width, channels), (batch, channels, height, width), the same
    with frames after the batch, the same without a batch, and (batch, size, size).

    Args:
        shape: Sizes, None where unknown.
    """
    ndim = len(shape)
    if ndim in (_NDIM_IMAGE, _NDIM_VIDEO):
        first, last = ndim - 3, ndim - 1
        if shape[first] in CHANNELS and shape[last] not in CHANNELS:
            return first + 1, first + 2, first
        return first, first + 1, last
    return _plane_axes(shape) if ndim == _NDIM_IMAGE - 1 else None


def is_audio(spec: TensorSpec, *, task: str | None) -> bool:
    """Return whether an input looks like a waveform: by its words or by its length."""
    shape = [size for size in spec.shape or (None,) if size != 1]
    if not spec.dtype.startswith("float") or not shape or len(shape) > _NDIM_SOUND:
        return False
    length = shape[-1]
    if length is not None and length >= min(_CANDIDATES["samples"]):
        return True
    could = length is None or length >= _SHORTEST_SOUND
    return could and bool(_AUDIO.search(f"{spec.name} {task or ''}".lower()))


def has_batch(spec: TensorSpec, shape: Sequence[int], *, task: str | None) -> bool:
    """Return whether the first axis of an input counts samples.

    Args:
        spec: The input.
        shape: Its shape, all known.
        task: The task of the model, as in the manifest.
    """
    if len(shape) == 1:
        return name_axes(spec, task=task) == ("batch",)
    return len(shape) > 1 and 0 not in (image_axes(shape) or ())


def is_index(spec: TensorSpec) -> bool:
    """Return whether an input may be ids of words or the like."""
    ndim = len(spec.shape or ())
    return spec.dtype in ("int32", "int64") and 0 < ndim < _NDIM_IMAGE - 1


def _axis_names(spec: TensorSpec, shape: Sequence[int | None], task: str | None) -> Sequence[str]:
    long = "samples" if is_audio(spec, task=task) else "length"
    if len(shape) == 1:
        return [long if long == "samples" else "batch"]
    axes = image_axes(shape)
    if axes is None or long == "samples":
        return ["batch", long, *["features"] * (len(shape) - 2)]
    names = ["batch", "frames"][: len(shape) - 3] + ["size"] * 3
    if len(shape) < _NDIM_IMAGE:
        names = ["batch" if axes[2] is None else "size", "size", "size"]
    if axes[2] is not None:
        names[axes[2]] = "channels"
    return names


def _candidates(axis: str, inputs: Iterable[TensorSpec], task: str | None) -> tuple[Any, ...]:
    if axis.startswith("shape of "):
        return _whole_shapes(axis.removeprefix("shape of "), inputs, task)
    values = _CANDIDATES[axis]
    if axis == "size":
        small = _ENLARGED_SIZES if _ENLARGES.search(task or "") else ()
        values = (*_known_sizes(inputs), *small, *values)
    return tuple(dict.fromkeys(values))


def _known_sizes(inputs: Iterable[TensorSpec]) -> list[int]:
    """Return the heights and widths that are known: the others are most likely the same."""
    found: list[int] = []
    for spec in inputs:
        shape = spec.shape or ()
        sides = [shape[axis] for axis in (image_axes(shape) or ())[:2] if axis is not None]
        found += [side for side in sides if side is not None and side >= _SMALLEST_IMAGE]
    return found


def _whole_shapes(
    stem: str, inputs: Iterable[TensorSpec], task: str | None
) -> tuple[KnownShape, ...]:
    others = [spec.shape for spec in inputs if spec.shape is not None]
    scalars: tuple[KnownShape, ...] = ((), (1,), (1, 1))
    spec = TensorSpec(name=stem, dtype="float32", shape=None)
    if _SCALAR.search(stem.lower()):
        return scalars
    if is_audio(spec, task=task):
        return ((1, 16000), (16000,), (1, 16000, 1))
    if any(len(shape) == _NDIM_IMAGE for shape in others):
        # Beside an image: a state of a recurrent model, which may start as one value.
        return ((1, 1, 1, 1), *scalars, (1, 224, 224, 3))
    return ((1, 224, 224, 3), (1, 16), (16,), *scalars)


def _plane_axes(shape: Sequence[int | None]) -> tuple[int, int, int | None] | None:
    """Return the axes of an image without a batch, or of one without channels."""
    if shape[2] in (3, 4) and _is_plane(shape[0], shape[1]):
        return 0, 1, 2
    if shape[0] in (3, 4) and _is_plane(shape[1], shape[2]):
        return 1, 2, 0
    _, height, width = shape
    square = height is not None and height == width and height >= _SMALLEST_IMAGE
    return (1, 2, None) if square else None


def _is_plane(height: int | None, width: int | None) -> bool:
    if height is None or width is None:
        return height is None and width is None
    return min(height, width) >= _SMALLEST_IMAGE
