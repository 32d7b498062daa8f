"""Contents: the values of one input for one sample, chosen by the purpose of the input.

Dtype, shape, name and contract reveal the purpose. This module opens no file.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.errors import ManifestError
from pipeline.proof.inputs.input_shapes import CHANNELS, KnownShape, Sizes, is_audio, is_index
from pipeline.proof.inputs.made_images import draw_image
from pipeline.proof.inputs.made_sounds import SAMPLE_RATE, make_sound
from pipeline.proof.inputs.made_texts import choose_texts
from pipeline.proof.inputs.pixels import gray, order_channels, scale_pixels
from pipeline.proof.inputs.random_stream import Stream
from pipeline.records.contract import InputContract
from pipeline.records.signature import TensorSpec
from pipeline.tfjs.model.weights import Array

# Ranges of an image whose range nobody states, by group.
RANGES = ((0.0, 1.0), (0.0, 255.0), (-1.0, 1.0))
FIELD_RANGES = ((0.0, 1.0), (-1.0, 1.0))
BYTE_RANGE = (0.0, 255.0)
SOUND_RANGE = (-1.0, 1.0)
_NDIM_VIDEO = 5
# Made numbers are whole multiples of 1/1024.
_PARTS = 1024

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
        group: Index of the range of an image whose range nobody states.
        seed: Text from which the content follows.
        task: Task and name of the model.
        contract: What is known of the input.
        sizes: The sizes chosen for unknown ones.
    """

    spec: TensorSpec
    shape: KnownShape
    image: tuple[int | None, ...] | None
    sample: int
    seed: str
    task: str
    contract: InputContract
    sizes: Sizes
    group: int = 0

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
    make = _choose_maker(request)
    return _in_dtype(make(request), request.spec.dtype).reshape(request.shape)


def fill_constant(spec: TensorSpec, shape: KnownShape, constant: float | list[float]) -> Array:
    """Return an input that always has one value, in a dtype of TensorFlow.js.

    Args:
        spec: The input.
        shape: Its shape.
        constant: A number for all elements; or all elements, or those of each sample, in order.

    Raises:
        ManifestError: The number of elements is another one.
    """
    values = np.asarray(constant, np.float64).reshape(-1)
    size, sample = int(np.prod(shape)), int(np.prod(shape[1:]))
    if values.size not in (1, size, sample):
        raise ManifestError(
            f"inputs.{spec.name}.constant: found {values.size} numbers; expected 1 or {size}, for "
            f"the shape {tuple(shape)}"
        )
    if values.size > 1:
        values = values.reshape(shape if values.size == size else shape[1:])
    return _in_dtype(np.broadcast_to(values, shape) if shape else values[0], spec.dtype)


def lacks_range(request: Request) -> bool:
    """Return whether nobody states the range of the values that are made for an input."""
    is_real = request.spec.dtype.startswith(("float", "bfloat", "complex"))
    is_stated = request.contract.range is not None or request.contract.constant is not None
    return is_real and not is_stated and _choose_maker(request) in _RANGED


def list_ranges(request: Request) -> Sequence[tuple[float, float]]:
    """Return the ranges in which an image is made; one for what is no image."""
    contract = request.contract
    is_stated = contract.range is not None or contract.constant is not None
    if is_stated or _choose_maker(request) is not _make_image:
        return (contract.range or FIELD_RANGES[0],)
    if request.spec.is_integer:
        return (BYTE_RANGE,)
    assert request.image is not None
    last = request.image[2]
    # An array with other numbers of channels is no picture, and has no bytes.
    return RANGES if last is None or request.shape[last] in CHANNELS else FIELD_RANGES


def _choose_range(request: Request) -> tuple[float, float]:
    ranges = list_ranges(request)
    return ranges[min(request.group, len(ranges) - 1)]


def _choose_maker(request: Request) -> "_Maker":
    return next(make for applies, make in _MAKERS if applies(request))


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
        words=request.contract.words or (),
        stream=Stream(request.seed, request.spec.name),
    )
    return texts


def _is_scalar(request: Request) -> bool:
    return int(np.prod(request.shape)) == 1 and request.contract.vocabulary is None


def _is_setting(request: Request) -> bool:
    """Return whether an input is a single value whose name says its meaning."""
    is_length = request.is_number and bool(_LENGTH.search(request.name))
    is_known = is_length or any(re.search(words, request.name) for words, _ in _SCALARS)
    return is_known and _is_scalar(request) and request.contract.range is None


def _make_setting(request: Request) -> Array:
    if _LENGTH.search(request.name) and request.is_number:
        return np.array(request.sizes.get("length", 1))
    return np.array(next(value for words, value in _SCALARS if re.search(words, request.name)))


def _make_number(request: Request) -> Array:
    """Return a single value without a known meaning."""
    if request.contract.range is not None:
        return _make_features(request)
    return request.stream().integers(0, 5, 1) if request.is_number else request.stream().bells(1)


def _make_state(request: Request) -> Array:
    """Return the state of a recurrent model: zeros for the first sample, numbers for the others."""
    if request.sample == 0:
        return np.zeros(request.shape)
    if request.is_number:
        return request.stream().integers(0, 10, *request.shape)
    return (request.stream().bells(*request.shape) * 0.1).astype(np.float32)


def _make_image(request: Request) -> Array:
    assert request.image is not None
    rows, columns, last = request.image
    assert rows is not None
    assert columns is not None
    channels = 1 if last is None else request.shape[last]
    pixels = _draw(request, request.shape[rows], request.shape[columns], channels)
    values = scale_pixels(
        order_channels(pixels.astype(np.float64), request.contract),
        request.contract,
        unstated=_choose_range(request),
    )
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


def _draw(request: Request, height: int, width: int, channels: int) -> Array:
    """Return pixels of 0 to 255, (height, width, channels)."""
    order = order_subjects(request.task)
    subject, stream = order[request.sample % len(order)], request.stream()
    image = draw_image(subject, height, width, stream)
    if channels == image.shape[2]:
        return image
    if channels == 1:
        return gray(image.astype(np.float64))
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
    known = int(request.contract.vocabulary or request.sizes.get("vocabulary", 2))
    return request.stream().integers(0, known, *request.shape)


def _make_sound(request: Request) -> Array:
    low, high = request.contract.range or SOUND_RANGE
    size = int(np.prod(request.shape))
    sound = make_sound(size, request.stream(), request.contract.sample_rate or SAMPLE_RATE)
    if (low, high) == SOUND_RANGE:
        return sound
    return low + (sound.astype(np.float64) + 1.0) * ((high - low) / 2.0)


def _make_features(request: Request) -> Array:
    stated = request.contract.range
    if request.is_number:
        low, high = stated or (0, 9)
        return request.stream().integers(int(low), int(high) + 1, *request.shape)
    if stated is not None:
        parts = np.rint(request.stream().fractions(*request.shape) * _PARTS) / _PARTS
        values: Array = stated[0] + parts * (stated[1] - stated[0])
        return values
    steps: Array = np.rint(request.stream().bells(*request.shape) * _PARTS)
    return steps / _PARTS


def _with_batch(request: Request) -> TensorSpec:
    return request.spec.model_copy(update={"shape": (1, *request.shape)})


def _is_audio(request: Request) -> bool:
    return is_audio(request.spec.model_copy(update={"shape": request.shape}), task=request.task)


def _is(dtype: str) -> Callable[[Request], bool]:
    return lambda request: request.spec.dtype == dtype


def _named(pattern: re.Pattern[str]) -> Callable[[Request], bool]:
    return lambda request: bool(request.shape) and bool(pattern.search(request.name))


_Maker = Callable[[Request], Array]

# The first maker whose test holds is used.
_MAKERS: tuple[tuple[Callable[[Request], bool], _Maker], ...] = (
    (_is("string"), _make_text),
    (lambda request: request.contract.state is not None, _make_state),
    (lambda request: _is_scalar(request) and bool(_STATE.search(request.name)), _make_state),
    (_is_setting, _make_setting),
    (_is_scalar, _make_number),
    (_named(_MASK), _make_mask),
    (_is("bool"), _make_mask),
    (_named(_STATE), _make_state),
    (lambda request: request.image is not None, _make_image),
    (lambda request: request.contract.vocabulary is not None, _make_ids),
    (_named(_SEGMENT), _make_segment),
    (_named(_POSITION), _make_position),
    (lambda request: is_index(_with_batch(request)), _make_ids),
    (_is_audio, _make_sound),
    (lambda _: True, _make_features),
)
# Makers whose values mean nothing to a model that was made for others.
_RANGED = (_make_image, _make_sound, _make_features, _make_number)
