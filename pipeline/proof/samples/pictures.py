"""Sample pictures: photographs by subject, cropped and scaled to an input.

A subject follows from the task and the name of a model: "face-landmarks facemesh" needs faces.
Decoding and scaling are exact integer arithmetic in Pillow, so each machine makes the same pixels.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipeline.records.contract import Resize

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_ZOOM = 0.08


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A part of a photograph.

    Attributes:
        file: Name of the JPEG file in `data/`.
        box: Left, top, right and bottom of the part in pixels; None for the whole picture.
    """

    file: str
    box: Box | None = None


_ASTRONAUT = Picture(file="astronaut.jpg")
_ADMIRAL = Picture(file="hopper.jpg")
_CAMERAMAN = Picture(file="camera.jpg")
_BACK = Picture(file="hand-back.jpg")
_PALM = Picture(file="hand-palm.jpg")
_CAT = Picture(file="chelsea.jpg")
_CUP = Picture(file="coffee.jpg")
_PAGE = Picture(file="page.jpg")
_PAGODA = Picture(file="china.jpg")

_SUBJECTS: dict[str, tuple[Picture, ...]] = {
    "eye": (
        Picture(file="hopper.jpg", box=(133, 116, 193, 176)),
        Picture(file="hopper.jpg", box=(209, 110, 269, 170)),
        Picture(file="astronaut.jpg", box=(190, 84, 224, 118)),
    ),
    "face": (
        Picture(file="astronaut.jpg", box=(146, 4, 306, 164)),
        Picture(file="hopper.jpg", box=(86, 60, 316, 290)),
        Picture(file="camera.jpg", box=(140, 40, 290, 190)),
    ),
    "portrait": (_ASTRONAUT, _ADMIRAL, _CAMERAMAN),
    "hand": (_PALM, _BACK, _ASTRONAUT),
    # To a detector a palm that fills the picture is no clear hand.
    "hands": (_BACK, _PALM, _ASTRONAUT),
    "person": (_ASTRONAUT, _CAMERAMAN, _ADMIRAL),
    "document": (_PAGE,),
    "animal": (_CAT,),
    "scene": (_CAT, _PAGODA, _CUP),
}
# By subject, the words of a task or a name that ask for it; the first match is used.
_WORDS = {
    "document": r"document|\bocr\b|\btext.(?:detect|recog)|layout|receipt|handwrit",
    "eye": r"\biris\b|\beyes?\b|pupil",
    "hands": r"hand.?(?:track|detect)|palm.?detect|detect\w* \S*hand",
    "hand": r"hand|finger|palm|gesture",
    "portrait": r"face.?(?:detect|box)|blaze.?face|selfie|matting|portrait",
    "face": r"face|facial|mesh|emotion|expression|gender|\bage\b|spoof|liveness|head",
    "person": r"pose|person|people|body|human|detect|segment|reid",
    "animal": r"animal|\bpets?\b|\bcats?\b|\bdogs?\b|wildlife",
}
_OTHERS = (_ASTRONAUT, _PAGODA, _CAT, _CUP, _CAMERAMAN)


def order_pictures(words: str) -> tuple[Picture, ...]:
    """Return the pictures for a model, first those of the subject that its words name.

    Args:
        words: Task and name of the model: "face-landmarks facemesh".
    """
    subject = next((name for name, found in _WORDS.items() if re.search(found, words)), "scene")
    return tuple(dict.fromkeys((*_SUBJECTS[subject], *_OTHERS)))


def load_picture(  # noqa: PLR0913  # a picture, and the size that it gets
    order: Sequence[Picture],
    sample: int,
    *,
    height: int,
    width: int,
    channels: int,
    resize: Resize | None = None,
) -> Pixels:
    """Return the pixels of a sample, uint8 (height, width, channels): red, green, blue, or gray.

    Args:
        order: Pictures, as of `order_pictures`. After the last, they come again mirrored, then
            closer, so that each sample differs.
        sample: Number of the sample.
        height: Number of rows.
        width: Number of columns.
        channels: Number of channels. Numbers other than 1, 3 and 4 take the channels of several
            pictures, since no photograph has them.
        resize: How the picture is brought to the size; None to cut its longer side.
    """
    mode = _MODES.get(channels, "RGB")
    pixels = _scale(_view(order, sample), mode, (width, height), resize or "crop")
    if channels in _MODES:
        return pixels
    more = [
        _scale(_view(order, sample + i), mode, (width, height), resize or "crop")
        for i in range(1, -(-channels // 3))
    ]
    stack: Pixels = np.concatenate([pixels, *more], axis=2)[..., :channels]
    return stack


def _view(order: Sequence[Picture], sample: int) -> "Image":
    """Return the picture of a sample, mirrored and cut closer after each turn through all."""
    from PIL import Image  # noqa: PLC0415  # for pictures alone

    turn, number = divmod(sample, len(order))
    image = _open(order[number])
    if turn % 2:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    cut = min(_ZOOM * (turn // 2), 0.4)
    across, down = round(image.width * cut), round(image.height * cut)
    return image.crop((across, down, image.width - across, image.height - down))


@cache
def _open(picture: Picture) -> "Image":
    from PIL import Image  # noqa: PLC0415  # for pictures alone

    with files("pipeline.proof.samples").joinpath("data", picture.file).open("rb") as file:
        image = Image.open(file, formats=("JPEG",)).convert("RGB")
    return image if picture.box is None else image.crop(picture.box)


def _scale(image: "Image", mode: str, size: tuple[int, int], resize: Resize) -> Pixels:
    from PIL import Image, ImageOps  # noqa: PLC0415  # for pictures alone

    how = Image.Resampling.BILINEAR
    image = image.convert(mode)
    if resize == "stretch":
        image = image.resize(size, how)
    elif resize == "crop":
        image = ImageOps.fit(image, size, how)
    else:
        image = ImageOps.pad(image, size, how)
    return np.asarray(image, np.uint8).reshape(size[1], size[0], -1)
