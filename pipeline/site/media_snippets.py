"""Snippets that make an image or a sound into an input, by the input's contract. Pure.

Without the loader the code does what zoo/images.js does. Where nobody states the range of an
input, the code throws until its reader has stated it.
"""

from collections.abc import Iterator
from math import prod

from pipeline.catalog.media import (
    CHANNELS,
    IMAGE_NDIM,
    close_shape,
    is_sound,
    lacks_range,
)
from pipeline.catalog.types import CatalogInput
from pipeline.site.code_pieces import Piece, comment, line, string

_RGBA = 4
_WIDTH = 100
_PIXEL_MAX = 255
# As zoo/images.js weighs red, green and blue.
_GREY = "[0.299, 0.587, 0.114]"


def range_lines(tensor: CatalogInput) -> Iterator[Piece]:
    """Yield the lines in which a reader states the range that nobody else does."""
    what, ranges = "pixels", "[0, 1], [-1, 1] or [0, 255]"
    if is_sound(tensor):
        what, ranges = "samples", "[-1, 1]"
    yield from line(comment(f"nobody states what {what} become; set it as the model was trained"))
    yield from line("let range; ", comment(f"= {ranges}"))


def sound_lines(tensor: CatalogInput) -> Iterator[Piece]:
    """Yield the lines that read a sound, which zoo/sounds.js makes into samples."""
    assert tensor.sample_rate is not None
    sizes = (tensor.shape or [-1])[1:] or [-1]
    if all(size > 0 for size in sizes):
        seconds = prod(sizes) / tensor.sample_rate
        yield from line(comment(f"a sound of at most {seconds:.3g} s"))
    yield from line("const bytes = await (await fetch(", string("sound.wav"), ")).arrayBuffer();")
    yield from line("const input = await new AudioContext().decodeAudioData(bytes);")


def image_lines(tensor: CatalogInput, variable: str) -> Iterator[Piece]:
    """Yield the lines that turn an image into an input, as zoo/images.js does."""
    sizes = close_shape(tensor) or [-1] * IMAGE_NDIM
    planes_first = tensor.layout == "nchw" or (
        tensor.layout is None and sizes[-1] not in CHANNELS and sizes[-3] in CHANNELS
    )
    channels, height, width = sizes[-3:] if planes_first else (sizes[-1], *sizes[-3:-1])
    # fromPixels reads 3 channels; asked for 1 it would read red, but zoo.js mixes grey from 3.
    chosen = f", {channels}" if channels == _RGBA else ""
    grey = f".mul({_GREY}).sum(-1, true)" if channels == 1 else ""
    turned = ".reverse(-1)" if tensor.color == "bgr" else ""
    yield from line(
        "const pixels = tf.browser.fromPixels(document.querySelector(",
        string("img"),
        f"){chosen}){grey}{turned};",
    )
    value = "pixels"
    if height > 0 and width > 0:
        yield from _place_lines(tensor, height, width)
        value = _RESIZED[tensor.resize or "stretch"].format(height=height, width=width)
    if lacks_range(tensor):
        yield from range_lines(tensor)
        yield from line("if (!range) throw new Error(", string("the range is not stated"), ");")
    cast = ".toFloat()" if tensor.js_dtype == "float32" else ".round().toInt()"
    turn = ".transpose([2, 0, 1])" if planes_first else ""
    batch = ".expandDims()" if len(sizes) == IMAGE_NDIM else ""
    start, end = f"const {variable} = {value}", f"{_scale(tensor)}{cast}{turn}{batch};"
    whole = len(start.rpartition("\n")[2] + end) <= _WIDTH
    yield from line(start + end if whole else f"{start}\n  {end}")


_RESIZED = {
    "stretch": "tf.image.resizeBilinear(pixels, [{height}, {width}], false, true)",
    "crop": "tf.image.resizeBilinear(part, [{height}, {width}], false, true)",
    "letterbox": "tf.image.resizeBilinear(pixels, size, false, true)\n"
    "  .pad([[top, {height} - size[0] - top], [left, {width} - size[1] - left], [0, 0]])",
}


def _place_lines(tensor: CatalogInput, height: int, width: int) -> Iterator[Piece]:
    """Yield the lines that find the part of an image, or the place for it."""
    if tensor.resize == "crop":
        yield from line("const [rows, columns, channels] = pixels.shape;")
        yield from line(f"const share = Math.min(rows / {height}, columns / {width});")
        yield from line(f"const size = [{height}, {width}].map((one) => Math.round(one * share));")
        yield from line(
            "const part = pixels.slice([(rows - size[0]) >> 1, (columns - size[1]) >> 1, 0], "
            "[...size, channels]);"
        )
    elif tensor.resize == "letterbox":
        yield from line("const [rows, columns] = pixels.shape;")
        yield from line(f"const share = Math.min({height} / rows, {width} / columns);")
        yield from line("const size = [rows, columns].map((one) => Math.round(one * share));")
        yield from line(
            f"const [top, left] = [({height} - size[0]) >> 1, ({width} - size[1]) >> 1];"
        )


def _scale(tensor: CatalogInput) -> str:
    """Return the arithmetic that makes values of pixels: ".mul(2 / 255).add(-1)"."""
    if tensor.mean is not None or tensor.std is not None:
        shift = f".sub({_numbers(tensor.mean)})" if tensor.mean is not None else ""
        return shift + (f".div({_numbers(tensor.std)})" if tensor.std is not None else "")
    if lacks_range(tensor):
        return f".mul((range[1] - range[0]) / {_PIXEL_MAX}).add(range[0])"
    low, high = tensor.range or (0, _PIXEL_MAX)
    if (low, high) == (0, _PIXEL_MAX):
        return ""
    shift = f".add({low:g})" if low else ""
    factor = "" if high - low == _PIXEL_MAX else f".mul({high - low:g} / {_PIXEL_MAX})"
    return factor + shift


def _numbers(values: list[float]) -> str:
    texts = [f"{value:g}" for value in values]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
