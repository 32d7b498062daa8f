"""Sizes: shapes for inputs whose signature leaves sizes open.

An open size becomes a variable (batch, size of an image, length of a text …), which the inputs of
one model share. Each variable has candidates, the usual first. Attempts go through their
combinations, those near the usual first, then through larger sizes. This module runs no model.
"""

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.proof.inputs.size_growth import grow_sizes
from pipeline.records.contract import InputContract
from pipeline.records.signature import TensorSpec

KnownShape = tuple[int, ...]
Sizes = Mapping[str, Any]
"""A value for each variable: a size, or a whole shape for an unknown number of axes."""


MAX_ATTEMPTS = 48
"""Most choices of usual sizes; larger ones come after them."""
_MAX_COMBINATIONS = 20_000
_NUMBER_BYTES = 4

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
_PICTURE = re.compile(r"image|img|photo|picture|pixel|rgb|frame|segment|detect|matting|resolution")
READING = "reading"
"""The key of sizes that tells the meaning of a shape with two."""
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
    count = 2 if any(_is_ambiguous(spec) for spec in inputs) else 1
    tables = [_list_candidates(inputs, task, contracts, reading) for reading in range(count)]
    usual = list(itertools.chain.from_iterable(map(_combine, tables)))

    def count_bytes(sizes: Sizes) -> int:
        shapes = (resolve_shape(spec, sizes, task=task) for spec in inputs)
        return sum(_NUMBER_BYTES * math.prod(shape) for shape in shapes)

    longest = sorted(tables, key=lambda table: "length" not in table)
    grown = [choice for table in longest for choice in grow_sizes(table, count_bytes)]
    # Another batch rarely helps.
    ordered = sorted([*usual, *grown], key=lambda choice: choice.get("batch", 1) > 1)
    return [{**one, "batch": batch} if one.get("batch") == 1 else one for one in ordered]


def _list_candidates(
    inputs: Sequence[TensorSpec],
    task: str | None,
    contracts: Mapping[str, InputContract],
    reading: int,
) -> dict[str, tuple[Any, ...]]:
    """Return the values of each variable, the usual first, under one reading of the shapes."""
    named = (name_axes(spec, task=task, reading=reading) for spec in inputs)
    axes = [axis for sizes in named for axis in sizes if isinstance(axis, str)]
    candidates: dict[str, tuple[Any, ...]] = {}
    for axis in dict.fromkeys(axes):
        candidates[axis] = _candidates(axis, inputs, task)
    if any(is_index(spec) and not _has_vocabulary(spec, contracts) for spec in inputs):
        candidates["vocabulary"] = _VOCABULARIES
    return {**candidates, READING: (reading,)} if reading else candidates


def _combine(candidates: Mapping[str, tuple[Any, ...]]) -> list[Sizes]:
    """Return combinations of candidates, those near the usual first."""
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


def name_axes(spec: TensorSpec, *, task: str | None, reading: int = 0) -> tuple[int | str, ...]:
    """Return the sizes of an input, with the name of a variable for each unknown size.

    An unknown number of axes is one variable for the whole shape: "shape of r#i", shared by
    inputs whose names differ only in their numbers.

    Args:
        spec: The input.
        task: The task of the model, as in the manifest.
        reading: 1 for the less likely meaning of a shape such as (None, None, 4), which is that of
            letters in a batch or of a picture without a batch.
    """
    shape = spec.shape
    if shape is None:
        return ("shape of " + re.sub(r"\d+", "#", spec.name),)
    names = _axis_names(spec, shape, task, reading)
    return tuple(names[i] if size is None else size for i, size in enumerate(shape))


def state_sizes(
    specs: Sequence[TensorSpec], contracts: Mapping[str, InputContract]
) -> list[TensorSpec]:
    """Return inputs with the sizes that their contracts state; a batch of 1 stays open."""
    stated = ((spec, contracts.get(spec.name, InputContract()).sizes) for spec in specs)
    return [
        spec if sizes is None else spec.model_copy(update={"shape": _fill_sizes(spec.shape, sizes)})
        for spec, sizes in stated
    ]


def _fill_sizes(shape: Sequence[int | None] | None, sizes: Sequence[int]) -> Sequence[int | None]:
    is_open = bool(shape) and shape is not None and shape[0] is None and sizes[0] == 1
    return (None, *sizes[1:]) if is_open else tuple(sizes)


def resolve_shape(spec: TensorSpec, sizes: Sizes, *, task: str | None) -> KnownShape:
    """Return the shape of an input for chosen sizes."""
    axes = name_axes(spec, task=task, reading=sizes.get(READING, 0))
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


def _axis_names(
    spec: TensorSpec, shape: Sequence[int | None], task: str | None, reading: int
) -> Sequence[str]:
    long = "samples" if is_audio(spec, task=task) else "length"
    if len(shape) == 1:
        return [long if long == "samples" else "batch"]
    axes = None if _is_sequence(spec, task) != bool(reading) else image_axes(shape)
    if axes is None or long == "samples":
        return _sequence_names(shape, long)
    names = ["batch", "frames"][: len(shape) - 3] + ["size"] * 3
    if len(shape) < _NDIM_IMAGE:
        names = ["batch" if axes[2] is None else "size", "size", "size"]
    if axes[2] is not None:
        names[axes[2]] = "channels"
    return names


def _sequence_names(shape: Sequence[int | None], long: str) -> Sequence[str]:
    """Return the names of the axes of sequences: the only open axis is the long one."""
    rest = shape[1:]
    is_last = bool(rest) and rest[-1] is None and None not in rest[:-1]
    features = ["features"] * max(0, len(rest) - 1)
    return ["batch", *features, long] if is_last else ["batch", long, *features]


def _is_ambiguous(spec: TensorSpec) -> bool:
    """Return whether an input may be a picture without a batch, or letters in a batch."""
    shape = spec.shape or ()
    return len(shape) == _NDIM_IMAGE - 1 and shape[:2] == (None, None) and shape[2] in CHANNELS[1:]


def _is_sequence(spec: TensorSpec, task: str | None) -> bool:
    """Return whether an ambiguous input is likelier a sequence: four letters, and no picture."""
    shape, words = spec.shape or (), f"{spec.name} {task or ''}".lower()
    return _is_ambiguous(spec) and shape[2] == CHANNELS[2] and not _PICTURE.search(words)


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
