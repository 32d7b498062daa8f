"""Pixels: pictures in the colours, the range and the order of axes that a contract states.

It opens no file.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.proof.inputs.contract_facts import BYTE
from pipeline.proof.inputs.input_shapes import image_axes
from pipeline.records.contract import InputContract

Pixels = npt.NDArray[np.float64]

_LUMA = (0.299, 0.587, 0.114)
_NDIM_IMAGE, _NDIM_VIDEO = 4, 5
_NUM_COLORS = 3


def find_axes(
    shape: Sequence[int | None], contract: InputContract
) -> tuple[int, int, int | None] | None:
    """Return the axes of height, width and channels, in the stated layout; None of no picture."""
    ndim = len(shape)
    if contract.layout is None or ndim not in (_NDIM_IMAGE, _NDIM_VIDEO):
        return image_axes(shape)
    first = ndim - 3
    return (
        (first, first + 1, ndim - 1) if contract.layout == "nhwc" else (first + 1, ndim - 1, first)
    )


def order_channels(pixels: Pixels, contract: InputContract) -> Pixels:
    """Return pixels (height, width, channels), which are red, green, blue, in the order stated."""
    if pixels.shape[2] < _NUM_COLORS:
        return pixels
    if contract.color == "bgr":
        return np.concatenate([pixels[..., _NUM_COLORS - 1 :: -1], pixels[..., _NUM_COLORS:]], 2)
    if contract.color == "gray":
        return np.broadcast_to(gray(pixels), pixels.shape)
    return pixels


def gray(pixels: Pixels) -> Pixels:
    """Return the brightness of pixels, (height, width, 1), in whole numbers."""
    red, green, blue = (pixels[..., i] * weight for i, weight in enumerate(_LUMA))
    made: Pixels = np.rint(red + green + blue)[..., None]
    return made


def scale_pixels(
    pixels: Pixels, contract: InputContract, *, unstated: tuple[float, float]
) -> Pixels:
    """Return the values that stand for pixels.

    Args:
        pixels: 0 to 255, (height, width, channels), in the order of the input.
        contract: The contract of the input.
        unstated: The range where the contract states none.
    """
    if contract.mean is not None and contract.std is not None:
        scaled: Pixels = (pixels - np.array(contract.mean)) / np.array(contract.std)
        return scaled
    low, high = contract.range or unstated
    return low + pixels * ((high - low) / BYTE)
