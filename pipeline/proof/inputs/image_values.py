"""Values of an image input: a sample picture, spectrogram or an extreme, in the input's range."""

import re
from collections.abc import Sequence

import numpy as np

from pipeline.proof.inputs.input_request import Request
from pipeline.proof.inputs.input_shapes import CHANNELS
from pipeline.proof.inputs.pixels import order_channels, scale_pixels
from pipeline.proof.samples.pictures import load_picture, order_pictures
from pipeline.proof.samples.sounds import load_spectrogram, order_sounds
from pipeline.tfjs.model.weights import Array

# Ranges of an image whose range nobody states, by group.
RANGES = ((0.0, 1.0), (0.0, 255.0), (-1.0, 1.0))
FIELD_RANGES = ((0.0, 1.0), (-1.0, 1.0))
BYTE_RANGE = (0.0, 255.0)
_NDIM_VIDEO = 5
_SPECTROGRAM = re.compile(r"audio|speech|voice|sound|music|acoustic|spectro|\bmel\b")


def list_image_ranges(request: Request) -> Sequence[tuple[float, float]]:
    """Return the ranges in which an image is made: the stated one, else those in use."""
    if request.contract.range is not None:
        return (request.contract.range,)
    if request.spec.is_integer:
        return (BYTE_RANGE,)
    # An array with other numbers of channels is no picture, and has no bytes.
    return RANGES if count_channels(request) in CHANNELS else FIELD_RANGES


def count_channels(request: Request) -> int:
    """Return the number of channels of an image."""
    assert request.image is not None
    last = request.image[2]
    return 1 if last is None else request.shape[last]


def make_image(request: Request) -> Array:
    """Return the values of an image, or of the frames of a video, of float64."""
    assert request.image is not None
    rows, columns, last = request.image
    assert rows is not None
    assert columns is not None
    pixels = _load_pixels(request, request.shape[rows], request.shape[columns])
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


def _choose_range(request: Request) -> tuple[float, float]:
    ranges = list_image_ranges(request)
    return ranges[min(request.group, len(ranges) - 1)]


def _frames(request: Request) -> int:
    return request.shape[0] if len(request.shape) == _NDIM_VIDEO - 1 else 1


def _load_pixels(request: Request, height: int, width: int) -> Array:
    """Return pixels of 0 to 255, (height, width, channels)."""
    channels = count_channels(request)
    if request.edge is not None:
        shape = (height, width, channels)
        if request.edge == "noise":
            return request.stream().integers(0, 256, *shape)
        return np.full(shape, 0 if request.edge == "low" else 255)
    if channels == 1 and _SPECTROGRAM.search(f"{request.task} {request.name}"):
        sounds, is_tall = order_sounds(request.task), height >= width
        frames, bands = (height, width) if is_tall else (width, height)
        shown = load_spectrogram(sounds, request.shown, frames=frames, bands=bands)
        return (shown if is_tall else shown.T)[..., None]
    return load_picture(
        order_pictures(request.task),
        request.shown,
        height=height,
        width=width,
        channels=channels,
        resize=request.contract.resize,
    )
