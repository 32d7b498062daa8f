"""The contract of an input in words: a row for each fact, with how it is known. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.catalog.media import lacks_range
from pipeline.catalog.phrases import format_shape
from pipeline.catalog.types import CatalogInput, CatalogModel
from pipeline.text.suggest import list_first

MANIFEST = "models.yaml"
NOBODY = "nobody states it"
_MOST = 8
_MINUS = "\N{MINUS SIGN}"

_COLORS = {
    "rgb": "red, green, blue",
    "bgr": "blue, green, red",
    "gray": "shades of grey",
    "rgba": "red, green, blue, alpha",
}
_LAYOUTS = {"nhwc": "channels last (NHWC)", "nchw": "channels first (NCHW)"}
_WAYS = {
    "stretch": "stretched to the size",
    "crop": "the middle is cut out",
    "letterbox": "whole, with black bars",
}


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A fact of an input.

    Attributes:
        name: For people: "range".
        value: In words: "0 to 1".
        evidence: How it is known, in a sentence; None where nobody says.
        known: Whether it is known.
    """

    name: str
    value: str
    evidence: str | None
    known: bool = True


def describe_contracts(model: CatalogModel) -> dict[str, Sequence[Fact]]:
    """Return the facts of each input of a model, by its name; an input without facts has none."""
    facts = {tensor.name: list(_describe(tensor)) for tensor in model.inputs}
    return {name: found for name, found in facts.items() if found}


def _describe(tensor: CatalogInput) -> Iterator[Fact]:
    if lacks_range(tensor):
        yield Fact(name="range", value=NOBODY, evidence=None, known=False)
    for attribute, name, words in _FACTS:
        value = getattr(tensor, attribute)
        if value is not None:
            key = CatalogInput.model_fields[attribute].alias or attribute
            known = _evidence(tensor.evidence.get(key))
            yield Fact(name=name, value=words(value), evidence=known)


def _evidence(text: str | None) -> str | None:
    return f"stated in {MANIFEST}" if text == MANIFEST else text


def _number(value: float) -> str:
    return f"{value:,.7g}".replace("-", _MINUS)


def _numbers(values: Sequence[float]) -> str:
    return list_first([_number(value) for value in values], _MOST)


def _between(values: Sequence[float]) -> str:
    return f"{_number(values[0])} to {_number(values[1])}"


def _constant(value: float | list[float]) -> str:
    return _numbers(value) if isinstance(value, list) else _number(value)


_FACTS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("range", "range", _between),
    ("mean", "mean", _numbers),
    ("std", "standard deviation", _numbers),
    ("color", "colours", _COLORS.__getitem__),
    ("layout", "layout", _LAYOUTS.__getitem__),
    ("resize", "resizing", _WAYS.__getitem__),
    ("sample_rate", "sample rate", lambda rate: f"{rate:,} Hz"),
    ("sizes", "open sizes", format_shape),
    ("vocabulary", "ids", lambda number: f"0 to {number - 1:,}"),
    ("words", "texts", lambda words: list_first([f"“{word}”" for word in words], _MOST)),
    ("characters", "characters", {"ascii": "those of ASCII"}.__getitem__),
    ("state", "state", lambda output: f"the output {output} of the run before"),
    ("initial", "state at first", _numbers),
    ("constant", "constant", _constant),
)
