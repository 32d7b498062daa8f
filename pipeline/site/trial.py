"""Trial: what the page of a model lets a reader try, or what is missing for it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.catalog.media import is_image, is_sound, lacks_range
from pipeline.catalog.phrases import format_shape
from pipeline.catalog.types import CatalogInput, CatalogModel
from pipeline.proof.samples.pictures import order_pictures
from pipeline.proof.samples.sounds import order_sounds
from pipeline.records.reading import Method

Media = Literal["image", "sound", "text"]

MOST_EXAMPLES = 3
# What the samples show, and whose they are; LICENSES.md beside them has it all.
CAPTIONS = {
    "astronaut.jpg": "Astronaut",
    "camera.jpg": "Man with a camera",
    "chelsea.jpg": "Cat",
    "coffee.jpg": "Cup",
    "crow.wav": "Crow",
    "guitar.wav": "Guitar",
    "hand-back.jpg": "Back of a hand",
    "hand-palm.jpg": "Palm",
    "hopper.jpg": "Admiral",
    "page.jpg": "Printed page",
    "speech-man.wav": "Man speaking",
    "speech-woman.wav": "Woman speaking",
}
CODE = """\
def greet(name):
    print(f'Hello, {name}!')

if __name__ == '__main__':
    greet('you')
"""
SENTENCE = "A man is eating food."


@dataclass(frozen=True, kw_only=True)
class Example:
    """A picture or sound that ships.

    Attributes:
        file: Its file among the samples.
        caption: What it shows.
        box: The part of the picture, "left top right bottom" in pixels; "" for all of it.
    """

    file: str
    caption: str
    box: str


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a page lets a reader try.

    Attributes:
        method: The method of the loader that gives the result.
        media: What the model takes.
        asks_range: Whether the reader has to choose the range of the input.
        seconds: Length of the sound that the model takes; None where that is open.
        examples: The examples, those of its subject first.
        text: The text to begin with.
        missing: Why nothing can be tried, and what would be needed; None where it can.
    """

    method: Method | None = None
    media: Media | None = None
    asks_range: bool = False
    seconds: float | None = None
    examples: Sequence[Example] = ()
    text: str = SENTENCE
    missing: str | None = None


def describe_trial(model: CatalogModel) -> Trial:
    """Return what the page of a model lets a reader try."""
    known = model.results
    if known is None or known.method is None:
        return Trial(missing=known.missing if known else "an earlier version has built it")
    if model.tokenizer is not None:
        return Trial(method=known.method, media="text", text=_choose_text(model))
    (asked,) = [tensor for tensor in model.inputs if not tensor.is_filled]
    media = _find_media(asked)
    if media is None:
        shape = f"{asked.js_dtype} {format_shape(asked.shape)}"
        return Trial(missing=f"it takes numbers, {shape}, and no picture, sound or text")
    words = f"{model.task or ''} {model.name}"
    return Trial(
        method=known.method,
        media=media,
        asks_range=lacks_range(asked),
        seconds=_count_seconds(asked)
        if media == "sound" and known.method not in {"classify", "transcribe"}
        else None,
        examples=_list_examples(words, media),
        text=_choose_text(model),
    )


def _choose_text(model: CatalogModel) -> str:
    return CODE if {"code", "source-code", "programming"} & set(model.tags) else SENTENCE


def _find_media(tensor: CatalogInput) -> Media | None:
    if tensor.js_dtype == "string":
        return "text"
    if is_sound(tensor):
        return "sound"
    return "image" if is_image(tensor) else None


def _count_seconds(tensor: CatalogInput) -> float | None:
    sizes = [size for size in (tensor.shape or [-1])[1:] if size != 1]
    if len(sizes) != 1 or sizes[0] < 0 or not tensor.sample_rate:
        return None
    return sizes[0] / tensor.sample_rate


def _list_examples(words: str, media: Media) -> Sequence[Example]:
    if media == "text":
        return ()
    if media == "sound":
        found = [Example(file=name, caption=CAPTIONS[name], box="") for name in order_sounds(words)]
    else:
        found = [
            Example(
                file=picture.file,
                caption=CAPTIONS[picture.file] + (", close" if picture.box else ""),
                box=" ".join(map(str, picture.box or ())),
            )
            for picture in order_pictures(words)
            if picture.file in CAPTIONS
        ]
    captions: dict[str, Example] = {}
    for one in found:
        captions.setdefault(one.caption, one)
    return list(captions.values())[:MOST_EXAMPLES]
