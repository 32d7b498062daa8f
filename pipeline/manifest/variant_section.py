"""Variants of a model, whose weights are stored in a smaller dtype. It opens no file."""

from typing import Annotated, Any, Self, get_args

from pydantic import StringConstraints, model_validator

from pipeline.manifest.fault import closest, format_value
from pipeline.manifest.fields import VARIANT_PATTERN, Dtype, Seconds, Section, Weights, fault
from pipeline.manifest.tolerance import Tolerance
from pipeline.text.suggest import did_you_mean

DTYPES: tuple[str, ...] = get_args(Dtype)
MIN_BLOCK = 8
SMALLEST = "smallest"
SEARCH_SECONDS = 300.0
RESERVED_NAMES = ("base", "float32", "original")


class Block(Section):
    """Weights in uint8 with a scale for each block of their values: `32`, or a mapping."""

    size: int
    """Number of values that share a scale, about: 8 at least, below which float16 is no larger."""

    weights: Weights = ("*",)
    """Which weights: `true` for all, or patterns."""

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        if type(value) is not int:
            raise fault(f"found {format_value(value)}; expected a number of values, such as 32")
        return {"size": value}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.size < MIN_BLOCK:
            raise fault(f"found {self.size}; expected at least {MIN_BLOCK} values in a block")
        if not self.weights:
            raise fault("it takes no weights; leave it out")
        return self


class Variant(Section):
    """A smaller copy of a model: `float16`, `uint8`, `uint16`, `smallest`, or a mix with a name."""

    name: Annotated[str, StringConstraints(pattern=VARIANT_PATTERN, max_length=100)]
    """Name in the catalog, folder and task.

    `float16`, `uint8` and `uint16` alone mean all weights in that dtype, and `smallest` alone the
    smallest mix that passes; another name needs at least one `quantize_…`, or `smallest: true`.
    `base`, `float32` and `original` name what is always there.
    """

    smallest: bool = False
    """Search the form of each weight, so that the variant has the fewest bytes with which it still
    passes as `equal` or `close`; the catalog has what was found, as fields that can stand here in
    place of it. See docs/variants.md."""

    seconds: Seconds | None = None
    """Longest time of the search. Left out, 300; the smallest found by then is taken."""

    quantize_float16: Weights = ()
    """Weights stored as float16: `true` for all that no pattern of another dtype takes, or
    patterns of the converter such as `conv*/weights` (`*` matches any text, `/` too)."""

    quantize_uint8: Weights = ()
    """Weights stored as uint8 with a scale and a minimum; as `quantize_float16`."""

    quantize_uint16: Weights = ()
    """Weights stored as uint16 with a scale and a minimum; as `quantize_float16`."""

    per_channel: Weights = ()
    """Weights of `quantize_uint8` that get a scale for each output channel, in place of one for
    all values: `true` for all of them, or patterns. Nearly as small, and far more exact. Weights
    without channels, such as a bias, stay as they are, or are float16 where `quantize_float16`
    takes them too. For graph models; see docs/variants.md."""

    block: Block | None = None
    """As `per_channel`, with a scale for each block of about so many values of a channel: `32`,
    or `{size: 32, weights: "embedding*"}`; it leaves the weights that `per_channel` names. More
    exact, and slower: the backend wasm prepares these weights anew in each run."""

    four_bits: Weights = ()
    """Weights of `per_channel` or `block` that are stored in 4 bits, two numbers in a byte: `true`
    for all of them, or patterns. For large tables and for models that bear it; slower, because the
    graph takes the numbers apart in each run."""

    keep: Weights = ()
    """Weights that stay as in the base, whatever the other fields take: patterns."""

    calibrate: bool = False
    """Round the weights of `per_channel` and `block` so that the outputs of their ops stay, on
    inputs that are made for it (GPTQ). Far more exact at the same size and speed; it takes seconds
    to minutes, once. See docs/variants.md."""

    tolerance: Tolerance | None = None
    """How far this variant may be from the source, in place of the model's tolerance."""

    @property
    def quantize(self) -> dict[str, tuple[str, ...]]:
        """Patterns of weights by dtype; `("*",)` takes all weights that no other pattern takes."""
        weights = {
            "float16": self.quantize_float16,
            "uint8": self.quantize_uint8,
            "uint16": self.quantize_uint16,
        }
        return {dtype: patterns for dtype, patterns in weights.items() if patterns}

    @property
    def is_scaled(self) -> bool:
        """Whether weights have scales per channel or per block."""
        return bool(self.per_channel or self.block)

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        """Turn `float16` into a mapping; a variant named like a dtype quantizes all weights."""
        if isinstance(value, str) and value in DTYPES:
            return {"name": value, f"quantize_{value}": True}
        if value == SMALLEST:
            return {"name": value, "smallest": True}
        if isinstance(value, str) and value in RESERVED_NAMES:
            raise fault(f"{value!r} is always there and is not listed")
        if not isinstance(value, dict):
            raise fault(_no_variant(value))
        name = value.get("name")
        flags = [key for key in value if isinstance(key, str) and key.startswith("quantize_")]
        is_plain = not flags and not value.get("smallest")
        if is_plain and isinstance(name, str) and name in DTYPES:
            return value | {f"quantize_{name}": True}
        if not flags and name == SMALLEST:
            return {"smallest": True} | value
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse names that mislead, and mixes that the converter refuses."""
        if self.name in RESERVED_NAMES:
            raise fault(f"{self.name!r} is always there; expected another name")
        if message := self._describe_search():
            raise fault(message)
        if not self.quantize and not self.smallest:
            raise fault(
                f"{self.name!r} quantizes nothing; expected quantize_float16, "
                "quantize_uint8, quantize_uint16 or smallest"
            )
        mixed = set(self.quantize) != {self.name} or self.is_scaled or self.keep
        if self.name in DTYPES and mixed:
            raise fault(
                f"the name {self.name!r} says that no weight is quantized otherwise; "
                "expected another name"
            )
        if message := describe_conflict(self.quantize, scaled=self.is_scaled):
            raise fault(message)
        if "*" in self.keep:
            raise fault("keep takes all weights; expected patterns of some")
        if message := self._describe_scales():
            raise fault(message)
        return self

    def _describe_search(self) -> str | None:
        """Return the fault of smallest and seconds, or None."""
        if self.seconds is not None and not self.smallest:
            return "seconds limits a search; expected smallest: true beside it"
        if self.smallest and (self.quantize or self.is_scaled or self.keep):
            return "smallest finds the form of every weight; expected no quantize_…, no keep"
        return None

    def _describe_scales(self) -> str | None:
        """Return the fault of per_channel, block and calibrate, or None."""
        fields = [field for field in ("per_channel", "block") if getattr(self, field)]
        if fields and not self.quantize_uint8:
            return f"{fields[0]} is for weights in uint8; expected quantize_uint8 beside it"
        if self.four_bits and not fields:
            return "four_bits is for weights with scales; expected per_channel or block beside it"
        if self.calibrate and not fields:
            return "calibrate is for weights with scales; expected per_channel or block beside it"
        in_blocks = self.block.weights if self.block else ()
        return _find_twice({"per_channel": self.per_channel, "block": in_blocks})


def describe_conflict(quantize: dict[str, tuple[str, ...]], *, scaled: bool = False) -> str | None:
    """Return the fault of two dtypes that take the same weights, or None.

    "quantize_float16 and quantize_uint8 both take all weights" is one. The converter refuses it
    too. With scales per channel another dtype may take the weights of uint8, too: it is for those
    without channels.

    Args:
        quantize: Patterns by dtype.
        scaled: Whether weights in uint8 have scales per channel.
    """
    return _find_twice(
        {
            f"quantize_{dtype}": patterns
            for dtype, patterns in quantize.items()
            if not (scaled and dtype == "uint8")
        }
    )


def _find_twice(fields: dict[str, tuple[str, ...]]) -> str | None:
    """Return the fault of two fields with the same pattern, or None."""
    seen: dict[str, str] = {}
    for field, patterns in fields.items():
        for pattern in patterns:
            other = seen.setdefault(pattern, field)
            if other != field:
                weights = "all weights" if pattern == "*" else f"the weights {pattern!r}"
                return f"{other} and {field} both take {weights}"
    return None


def _no_variant(value: Any) -> str:
    found = repr(value) if isinstance(value, str) else format_value(value)
    close = closest(value, (*DTYPES, SMALLEST)) if isinstance(value, str) else None
    # "int8" is as near to uint8 as a slip, but whoever writes it may want signed integers.
    meant = did_you_mean([close] if close and close != "uint8" else [])
    return f"{found} is no variant; expected float16, uint8, uint16, smallest or a mapping{meant}"
