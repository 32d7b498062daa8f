"""Contents: the values of one input for one sample, chosen by the purpose of the input.

Dtype, shape, name and hints reveal the purpose. This module opens no file.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.proof.inputs.input_shapes import CHANNELS, KnownShape, Sizes, is_audio, is_index
from pipeline.proof.inputs.made_images import draw_image
from pipeline.proof.inputs.made_sounds import make_sound
from pipeline.proof.inputs.made_texts import choose_texts
from pipeline.proof.inputs.random_stream import Stream
from pipeline.records.signature import TensorSpec
from pipeline.tfjs.model.weights import Array

# Ranges of an image whose normalization is unknown, by sample.
RANGES = ((0.0, 1.0), (0.0, 255.0), (-1.0, 1.0))
FIELD_RANGES = ((0.0, 1.0), (-1.0, 1.0))
BYTE_RANGE = (0.0, 255.0)
_NDIM_VIDEO = 5

_SUBJECTS = {
    "portrait": r"face|facial|mesh|iris|eye|emotion|gender|age\b|spoof|liveness|head|selfie",
    "hand": r"hand|finger|palm|gesture",
    "person": r"pose|person|body|human|detect|matting|segment",
}
_DEFAULT_SUBJECTS = ("person", "scene", "portrait", "hand")

# The usual meanings of a single value, and its usual size.
_SCALARS = (
    (r"keep_prob|temperature", 1.0),
    (r"dropout|train|phase|step|index|offset|pos", 0.0),
    (r"iou|nms", 0.5),
    (r"thresh|score|conf|cutoff|prob", 0.1),
    (r"sample_rate|sampling|hz|^sr$", 16000.0),
    (r"max|num|count|limit|top|^k$", 10.0),
    (r"ratio|scale|strength|alpha", 0.5),
)
_STATE = re.compile(r"^r\d+i$|state|hidden|cell|memory|cache|^[hc]_?\d*$|_in_[hc]$")
_MASK = re.compile(r"mask|valid|padding")
_SEGMENT = re.compile(r"segment|token_type|type_id")
_POSITION = re.compile(r"position")
_LENGTH = re.compile(r"len")


@dataclass(frozen=True, kw_only=True)
class Request:
    """The facts from which one input is made.

    Attributes:
        spec: The input.
        shape: Its shape without the batch.
        image: Axes of height, width and channels; None if the input is no image.
        sample: Number of the sample; another number makes other content.
        seed: Text from which the content follows.
        task: Task and name of the model.
        hint: The graph's hints on the input.
        sizes: The sizes chosen for unknown ones.
    """

    spec: TensorSpec
    shape: KnownShape
    image: tuple[int | None, ...] | None
    sample: int
    seed: str
    task: str
    hint: Mapping[str, Any]
    sizes: Sizes

    @property
    def name(self) -> str:
        """Name of the input, in lower case."""
        return self.spec.name.lower()

    @property
    def is_number(self) -> bool:
        """Whether the input has an integer dtype of TensorFlow."""
        return self.spec.is_integer

    def stream(self) -> Stream:
        """Return the random numbers for this input and sample."""
        return Stream(self.seed, self.spec.name, self.sample)


def make_content(request: Request) -> Array:
    """Return the values of an input, in a dtype of TensorFlow.js."""
    for applies, make in _MAKERS:
        if applies(request):
            return _in_dtype(make(request), request.spec.dtype).reshape(request.shape)
    raise AssertionError(request)


def _in_dtype(values: Array, dtype: str) -> Array:
    if dtype == "string":
        return values
    if dtype == "bool":
        return values.astype(bool)
    if dtype.startswith("complex"):
        return values.astype(np.complex64)
    return values.astype(np.int32 if "int" in dtype else np.float32)


def _make_text(request: Request) -> Array:
    size = int(np.prod(request.shape))
    texts = np.empty(size, object)
    texts[:] = choose_texts(
        size,
        first=request.sample * max(1, size),
        words=request.hint.get("words", ()),
        stream=Stream(request.seed, request.spec.name),
    )
    return texts


def _is_scalar(request: Request) -> bool:
    return int(np.prod(request.shape)) == 1 and "vocabulary" not in request.hint


def _make_scalar(request: Request) -> Array:
    if _STATE.search(request.name):
        return _make_state(request)
    if _LENGTH.search(request.name) and request.is_number:
        return np.array(request.sizes.get("length", 1))
    for pattern, value in _SCALARS:
        if re.search(pattern, request.name):
            return np.array(value)
    # A feature without a known meaning.
    return request.stream().integers(0, 5, 1) if request.is_number else request.stream().bells(1)


def _make_state(request: Request) -> Array:
    """Return the state of a recurrent model: zeros for the first sample, numbers for the others."""
    noise = request.stream().bells(*request.shape) * 0.1
    return np.zeros(request.shape) if request.sample == 0 else noise.astype(np.float32)


def _make_image(request: Request) -> Array:
    assert request.image is not None
    rows, columns, last = request.image
    assert rows is not None
    assert columns is not None
    channels = 1 if last is None else request.shape[last]
    low, high = _choose_range(request, channels)
    pixels = _draw(request, request.shape[rows], request.shape[columns], channels)
    values = low + pixels.astype(np.float64) * ((high - low) / BYTE_RANGE[1])
    if last is None:
        values = values[..., 0]
    elif last < rows:
        values = np.moveaxis(values, 2, 0)
    # The frames of a video: the picture moves to the right.
    frames = [
        np.roll(values, 2 * i, columns - min(rows, last or 0)) for i in range(_frames(request))
    ]
    stacked: Array = np.stack(frames)
    return stacked


def _frames(request: Request) -> int:
    return request.shape[0] if len(request.shape) == _NDIM_VIDEO - 1 else 1


def _choose_range(request: Request, channels: int) -> tuple[float, float]:
    ranges = image_ranges(request.spec, request.hint, channels)
    return ranges[request.sample % len(ranges)]


def image_ranges(
    spec: TensorSpec, hint: Mapping[str, Any], channels: int | None
) -> Sequence[tuple[float, float]]:
    """Return the ranges that the values of an image may have.

    Args:
        spec: The input.
        hint: The graph's hints on the input.
        channels: Number of channels, 1 without an axis of channels, None where unknown.
    """
    if "high" in hint:
        return ((hint["low"], hint["high"]),)
    if spec.is_integer:
        return (BYTE_RANGE,)
    # An array with other numbers of channels is no picture, and has no bytes.
    is_picture = channels is None or channels in CHANNELS
    return RANGES if is_picture else FIELD_RANGES


def _draw(request: Request, height: int, width: int, channels: int) -> Array:
    """Return pixels of 0 to 255, (height, width, channels)."""
    order = order_subjects(request.task)
    subject, stream = order[request.sample % len(order)], request.stream()
    image = draw_image(subject, height, width, stream)
    if channels == image.shape[2]:
        return image
    red, green, blue = (image[..., i] for i in range(3))
    gray: Array = np.rint(red * 0.299 + green * 0.587 + blue * 0.114)[..., None]
    if channels == 1:
        return gray
    more = [draw_image(s, height, width, stream) for s in order]
    stack: Array = np.concatenate([image, *more], axis=2)
    layers: Array = stack[..., np.arange(channels) % stack.shape[2]]
    return layers


def order_subjects(task: str) -> tuple[str, ...]:
    """Return the subjects to draw, first the subject that fits the task and the name."""
    for subject, words in _SUBJECTS.items():
        if re.search(words, task):
            return (subject, *(other for other in _DEFAULT_SUBJECTS if other != subject))
    return _DEFAULT_SUBJECTS


def _make_mask(request: Request) -> Array:
    """Return a mask: ones for content, zeros for padding at the end of the longest axis."""
    if not request.shape:
        return np.ones(())
    axis = int(np.argmax(request.shape))
    size = request.shape[axis]
    mask = np.moveaxis(np.ones(request.shape), axis, 0)
    mask[size - size * (request.sample % 4) // 8 :] = 0.0
    moved: Array = np.moveaxis(mask, 0, axis)
    return moved


def _make_segment(request: Request) -> Array:
    half = np.arange(request.shape[-1]) >= request.shape[-1] // 2
    return np.broadcast_to(half & (request.sample > 0), request.shape)


def _make_position(request: Request) -> Array:
    return np.broadcast_to(np.arange(request.shape[-1]), request.shape)


def _make_ids(request: Request) -> Array:
    known = int(request.hint.get("vocabulary", request.sizes.get("vocabulary", 2)))
    return request.stream().integers(0, known, *request.shape)


def _make_features(request: Request) -> Array:
    if request.is_number:
        low, high = request.hint.get("low", 0), request.hint.get("high", 9)
        return request.stream().integers(int(low), int(high) + 1, *request.shape)
    steps: Array = np.rint(request.stream().bells(*request.shape) * 1024)
    return steps / 1024


def _with_batch(request: Request) -> TensorSpec:
    return request.spec.model_copy(update={"shape": (1, *request.shape)})


def _is_audio(request: Request) -> bool:
    return is_audio(request.spec.model_copy(update={"shape": request.shape}), task=request.task)


def _is(dtype: str) -> Callable[[Request], bool]:
    return lambda request: request.spec.dtype == dtype


def _named(pattern: re.Pattern[str]) -> Callable[[Request], bool]:
    return lambda request: bool(request.shape) and bool(pattern.search(request.name))


# The first maker whose test holds is used.
_MAKERS: tuple[tuple[Callable[[Request], bool], Callable[[Request], Array]], ...] = (
    (_is("string"), _make_text),
    (_is_scalar, _make_scalar),
    (_named(_MASK), _make_mask),
    (_is("bool"), _make_mask),
    (_named(_STATE), _make_state),
    (lambda request: request.image is not None, _make_image),
    (lambda request: "vocabulary" in request.hint, _make_ids),
    (_named(_SEGMENT), _make_segment),
    (_named(_POSITION), _make_position),
    (lambda request: is_index(_with_batch(request)), _make_ids),
    (_is_audio, lambda request: make_sound(int(np.prod(request.shape)), request.stream())),
    (lambda _: True, _make_features),
)
