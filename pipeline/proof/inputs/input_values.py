"""Contents: the values of one input for one sample, chosen by the purpose of the input.

Dtype, shape, name and contract reveal the purpose. This module opens no file.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np

from pipeline.errors import ManifestError
from pipeline.proof.inputs.image_values import (
    FIELD_RANGES,
    count_channels,
    list_image_ranges,
    make_image,
)
from pipeline.proof.inputs.input_request import Request
from pipeline.proof.inputs.input_shapes import CHANNELS, KnownShape, is_audio, is_index
from pipeline.proof.samples.measurements import load_rows
from pipeline.proof.samples.sounds import RATE, load_sound, order_sounds
from pipeline.proof.samples.texts import choose_texts
from pipeline.records.signature import TensorSpec
from pipeline.tfjs.model.weights import Array

SOUND_RANGE = (-1.0, 1.0)
# Made numbers are whole multiples of 1/1024.
_PARTS = 1024

# Edges of numbers whose range nobody states, which samples have on a scale of variance 1.
_WIDE_RANGE = (-3.0, 3.0)
_LETTERS, _LONG = 64, 4000

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


def make_content(request: Request) -> Array:
    """Return the values of an input, in a dtype of TensorFlow.js."""
    make = choose_maker(request)
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


def is_sample(request: Request) -> bool:
    """Return whether the values of an input are a real picture, sound, text or table."""
    make = choose_maker(request)
    if make is make_image:
        return count_channels(request) in CHANNELS
    is_row = len(request.shape) <= 1 and not request.is_number
    return make in {_make_text, _make_sound} or (make is _make_features and is_row)


def has_edges(request: Request) -> bool:
    """Return whether the values of an input have extremes, which a mask and a state have not."""
    return choose_maker(request) in (*_RANGED, _make_text, _make_ids)


def lacks_range(request: Request) -> bool:
    """Return whether nobody states the range of the values that are made for an input."""
    is_real = request.spec.dtype.startswith(("float", "bfloat", "complex"))
    return is_real and request.contract.range is None and choose_maker(request) in _RANGED


def list_ranges(request: Request) -> Sequence[tuple[float, float]]:
    """Return the ranges in which an image is made; one for what is no image."""
    if choose_maker(request) is make_image:
        return list_image_ranges(request)
    return (request.contract.range or FIELD_RANGES[0],)


def choose_maker(request: Request) -> "Maker":
    """Return the function that makes the values of an input."""
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
    first, words = request.shown * max(1, size), request.contract.words or ()
    texts[:] = (
        choose_texts(size, first=first, words=words, ascii_only=_is_ascii(request))
        if request.edge is None
        else [_make_edge_text(request)] * size
    )
    return texts


def _make_edge_text(request: Request) -> bytes:
    if request.edge == "noise":
        return bytes(request.stream().integers(0x20, 0x7F, _LETTERS).astype(np.uint8))
    texts = choose_texts(_LONG // _LETTERS, first=0, ascii_only=_is_ascii(request))
    long = b" ".join(texts)[:_LONG]
    return long.decode("utf-8", "ignore").encode() if request.edge == "high" else b""


def _is_ascii(request: Request) -> bool:
    return request.contract.characters == "ascii"


def _make_edge(request: Request, low: float, high: float) -> Array:
    """Return an extreme of an input of numbers."""
    if request.edge == "noise":
        parts = np.rint(request.stream().fractions(*request.shape) * _PARTS) / _PARTS
        noise: Array = low + parts * (high - low)
        return np.rint(noise) if request.is_number else noise
    return np.full(request.shape, low if request.edge == "low" else high)


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
    if request.contract.range is not None or request.edge is not None:
        return _make_features(request)
    return request.stream().integers(0, 5, 1) if request.is_number else request.stream().bells(1)


def _make_state(request: Request) -> Array:
    """Return the state of a recurrent model: zeros for the first sample, numbers for the others."""
    if request.sample == 0:
        return np.zeros(request.shape)
    if request.is_number:
        return request.stream().integers(0, 10, *request.shape)
    return (request.stream().bells(*request.shape) * 0.1).astype(np.float32)


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
    if request.edge in {"low", "high"}:
        return np.full(request.shape, 0 if request.edge == "low" else known - 1)
    return request.stream().integers(0, known, *request.shape)


def _make_sound(request: Request) -> Array:
    low, high = request.contract.range or SOUND_RANGE
    if request.edge is not None:
        return _make_edge(request, low if request.edge == "noise" else (low + high) / 2, high)
    sound = load_sound(
        order_sounds(request.task),
        request.shown,
        num_samples=int(np.prod(request.shape)),
        rate=request.contract.sample_rate or RATE,
    )
    if (low, high) == SOUND_RANGE:
        return sound
    return low + (sound.astype(np.float64) + 1.0) * ((high - low) / 2.0)


def _make_features(request: Request) -> Array:
    stated = request.contract.range
    if request.edge is not None:
        return _make_edge(request, *(stated or ((0, 9) if request.is_number else _WIDE_RANGE)))
    if request.is_number:
        low, high = stated or (0, 9)
        return request.stream().integers(int(low), int(high) + 1, *request.shape)
    return load_rows(request.shown, request.shape, limits=stated)


def _with_batch(request: Request) -> TensorSpec:
    return request.spec.model_copy(update={"shape": (1, *request.shape)})


def _is_audio(request: Request) -> bool:
    return is_audio(request.spec.model_copy(update={"shape": request.shape}), task=request.task)


def _is(dtype: str) -> Callable[[Request], bool]:
    return lambda request: request.spec.dtype == dtype


def _named(pattern: re.Pattern[str]) -> Callable[[Request], bool]:
    return lambda request: bool(request.shape) and bool(pattern.search(request.name))


Maker = Callable[[Request], Array]

# The first maker whose test holds is used.
_MAKERS: tuple[tuple[Callable[[Request], bool], Maker], ...] = (
    (_is("string"), _make_text),
    (lambda request: request.contract.state is not None, _make_state),
    (lambda request: _is_scalar(request) and bool(_STATE.search(request.name)), _make_state),
    (_is_setting, _make_setting),
    (_is_scalar, _make_number),
    (_named(_MASK), _make_mask),
    (_is("bool"), _make_mask),
    (_named(_STATE), _make_state),
    (lambda request: request.image is not None, make_image),
    (lambda request: request.contract.vocabulary is not None, _make_ids),
    (_named(_SEGMENT), _make_segment),
    (_named(_POSITION), _make_position),
    (lambda request: is_index(_with_batch(request)), _make_ids),
    (_is_audio, _make_sound),
    (lambda _: True, _make_features),
)
# Makers whose values mean nothing to a model that was made for others.
_RANGED = (make_image, _make_sound, _make_features, _make_number)
