"""Inputs: what a model's inputs are, beyond their dtypes and shapes. It opens no file."""

from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from pipeline.manifest.fault import format_value
from pipeline.manifest.fields import Section, Text, fault
from pipeline.records.contract import CHANNELS_OF_COLOR, Characters, Color, Layout, Resize

_NUMBERS_SCHEMA = {"type": "array", "items": {"type": "number"}, "minItems": 1}
_NUMBER_OR_LIST = {"anyOf": [{"type": "number"}, _NUMBERS_SCHEMA]}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _parse_numbers(value: Any) -> Any:
    """Turn a number into a list of one."""
    numbers = value if isinstance(value, list) else [value]
    if not numbers or not all(map(_is_number, numbers)):
        raise fault(f"found {_found(value)}; expected a number, or a list of numbers")
    return [float(number) for number in numbers]


def _parse_constant(value: Any) -> Any:
    numbers = _parse_numbers(value)
    return numbers if isinstance(value, list) else numbers[0]


def _parse_range(value: Any) -> Any:
    pair = 2
    if not isinstance(value, list) or len(value) != pair or not all(map(_is_number, value)):
        raise fault(f"found {_found(value)}; expected two numbers, such as [0, 255]")
    low, high = value
    if not low < high:
        raise fault(f"found [{low}, {high}]; expected the lower number first")
    return (float(low), float(high))


def _parse_shape(value: Any) -> Any:
    whole = isinstance(value, list) and all(type(size) is int and size > 0 for size in value)
    if not whole:
        raise fault(f"found {_found(value)}; expected sizes above 0, such as [1, 224, 224, 3]")
    return value


def _check_std(numbers: list[float]) -> list[float]:
    if not all(number > 0 for number in numbers):
        raise fault(f"found {_found(numbers)}; expected numbers above 0")
    return numbers


def _found(value: Any) -> str:
    """Return a value as messages name it, a short list with its elements: "[0, 'x']"."""
    is_short = isinstance(value, list) and 0 < len(value) <= 8  # noqa: PLR2004  # fits a line
    plain = is_short and all(isinstance(one, int | float | str) for one in value)
    return str(value) if plain else format_value(value)


Range = Annotated[
    tuple[float, float],
    BeforeValidator(_parse_range),
    WithJsonSchema(
        {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
    ),
]
Numbers = Annotated[list[float], BeforeValidator(_parse_numbers), WithJsonSchema(_NUMBER_OR_LIST)]
Constant = Annotated[Any, BeforeValidator(_parse_constant), WithJsonSchema(_NUMBER_OR_LIST)]
Sizes = Annotated[
    list[int],
    BeforeValidator(_parse_shape),
    WithJsonSchema({"type": "array", "items": {"type": "integer", "minimum": 1}}),
]


class InputSection(Section):
    """What an input is; what is left out is found where the source says it."""

    range: Range | None = None
    """Least and greatest value, such as `[0, 1]`: of a pixel as the model takes it, of a sample
    of sound, of a number of a table. Of a picture, 0 to 255 become this range."""

    mean: Numbers | None = None
    """In place of `range`: value = (pixel - mean) / std, where a pixel is 0 to 255. A number, or
    one for each channel in the order of `color`. Left out beside `std`, 0."""

    std: Annotated[Numbers, AfterValidator(_check_std)] | None = None
    """As `mean`. Left out beside it, 1."""

    color: Color | None = None
    """Order of the channels of a picture: `rgb`, `bgr`, `gray` or `rgba`."""

    layout: Layout | None = None
    """Order of the axes of a picture: `nhwc` has its channels last, `nchw` in front."""

    resize: Resize | None = None
    """How a picture is brought to the input's size: `stretch` changes its aspect, `crop` cuts
    its longer side, `letterbox` fills its shorter one with black."""

    sample_rate: Annotated[int, Field(gt=0)] | None = None
    """Samples of sound in a second."""

    shape: Sizes | None = None
    """A shape that the model runs with, where its signature leaves sizes open."""

    vocabulary: Annotated[int, Field(gt=0)] | None = None
    """Number of ids: they are 0 to below it."""

    characters: Characters | None = None
    """Characters of the texts that it takes: `ascii` where TensorFlow.js reads others wrongly, as
    it does behind ops that split texts into bytes."""

    state: Text | None = None
    """Output that returns the value of this input for the next run."""

    constant: Constant | None = None
    """The value that it always has: a number for all its elements, or all elements in order."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse facts that contradict one another."""
        normalized = [name for name in ("mean", "std") if getattr(self, name) is not None]
        if self.range is not None and normalized:
            raise fault(f"found both 'range' and {normalized[0]!r}; expected one of them")
        lengths = {len(numbers) for numbers in (self.mean, self.std) if numbers} - {1}
        if len(lengths) > 1:
            raise fault(
                f"found {len(self.mean or ())} and {len(self.std or ())} numbers in "
                "'mean' and 'std'; expected a number for each channel in both"
            )
        if self.color and lengths - {CHANNELS_OF_COLOR[self.color]}:
            raise fault(_describe_channels(self.color, lengths))
        others = [
            name for name in sorted(self.model_fields_set) if name not in ("constant", "shape")
        ]
        if self.constant is not None and others:
            raise fault(f"found 'constant' and {others[0]!r}; a constant has no other facts")
        return self


def _describe_channels(color: str, lengths: Iterable[int]) -> str:
    return (
        f"found {', '.join(map(str, lengths))} numbers in 'mean' or 'std'; expected "
        f"{CHANNELS_OF_COLOR[color]}, the channels of {color}"
    )
