"""The input contract: what an input is, beyond its dtype and shape.

A fact is stated in the manifest or found in the source, each with its evidence; a fact that nobody
states is None. Test vectors, `test_inputs:`, the catalog, the loader and the pages read it here.
"""

from typing import ClassVar, Literal

from pydantic import Field

from pipeline.records.record import CamelPart, Record, SparsePart

Color = Literal["rgb", "bgr", "gray", "rgba"]
Layout = Literal["nhwc", "nchw"]
Resize = Literal["stretch", "crop", "letterbox"]
Characters = Literal["ascii"]

CHANNELS_OF_COLOR: dict[str, int] = {"gray": 1, "rgb": 3, "bgr": 3, "rgba": 4}
"""Number of channels of each order of colours."""


class InputContract(CamelPart, SparsePart):
    """What an input is."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset(
        {
            *("range", "mean", "std", "color", "layout", "resize", "sampleRate", "sizes"),
            *("vocabulary", "words", "characters", "state", "constant"),
        }
    )

    range: tuple[float, float] | None = None
    """Least and greatest value: of a pixel, after `mean` and `std`; of a sample of sound; of a
    number of a table. Of a picture, 0 to 255 become it. None where nobody states it."""
    mean: list[float] | None = None
    """Of a picture, by channel in the order of `color`, or a single number for all channels:
    value = (pixel - mean) / std, where a pixel is 0 to 255."""
    std: list[float] | None = None
    """As `mean`."""
    color: Color | None = None
    """Order of the channels of a picture."""
    layout: Layout | None = None
    """Order of the axes of a picture."""
    resize: Resize | None = None
    """How a picture is brought to the input's size: `stretch` changes its aspect, `crop` cuts its
    longer side, `letterbox` fills its shorter one."""
    sample_rate: int | None = None
    """Samples of sound in a second."""
    sizes: list[int] | None = None
    """A shape with which the model runs, where the signature leaves sizes open."""
    vocabulary: int | None = None
    """Number of ids, which are 0 to below it."""
    words: list[str] | None = None
    """Texts that the model knows, at most some tens of them."""
    characters: Characters | None = None
    """Characters of the texts that it takes."""
    state: str | None = None
    """Output that returns the value of this input for the next run."""
    constant: float | list[float] | None = None
    """The value that it always has: a number for all its elements, or the elements in order."""
    evidence: dict[str, str] = Field(default_factory=dict)
    """How each fact above is known, by its name in JSON: "models.yaml" or a sentence."""


class Contracts(Record, SparsePart):
    """The contracts of all inputs, as `reference` has obeyed them, and the form that it ran."""

    FILE: ClassVar[str] = "contract.json"
    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"judged_as"})

    inputs: dict[str, InputContract]
    """By input."""
    provisional: str | None
    """Why a verdict on the vectors says little, such as "nobody states the range of images";
    None where inputs are as their contract says, or given in the manifest."""
    judged_as: str | None = None
    """The form in which the source ran, and its distance to the file as people run it; None where
    that is the file itself."""
