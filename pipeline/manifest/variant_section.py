"""Variants of a model, whose weights are stored in a smaller dtype. It opens no file."""

from typing import Annotated, Any, Self, get_args

from pydantic import StringConstraints, model_validator

from pipeline.manifest.fault import closest, format_value
from pipeline.manifest.fields import VARIANT_PATTERN, Dtype, Section, Weights, fault
from pipeline.manifest.tolerance import Tolerance
from pipeline.text.suggest import did_you_mean

DTYPES: tuple[str, ...] = get_args(Dtype)
RESERVED_NAMES = ("base", "float32", "original")


class Variant(Section):
    """A smaller copy of a model: `float16`, `uint8`, `uint16`, or a mix with a name."""

    name: Annotated[str, StringConstraints(pattern=VARIANT_PATTERN, max_length=100)]
    """Name in the catalog, folder and task.

    `float16`, `uint8` and `uint16` alone mean all weights in that dtype; another name needs at
    least one `quantize_…`. `base`, `float32` and `original` name what is always there.
    """

    quantize_float16: Weights = ()
    """Weights stored as float16: `true` for all that no pattern of another dtype takes, or
    patterns of the converter such as `conv*/weights` (`*` matches any text, `/` too)."""

    quantize_uint8: Weights = ()
    """Weights stored as uint8 with a scale and a minimum; as `quantize_float16`."""

    quantize_uint16: Weights = ()
    """Weights stored as uint16 with a scale and a minimum; as `quantize_float16`."""

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

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        """Turn `float16` into a mapping; a variant named like a dtype quantizes all weights."""
        if isinstance(value, str) and value in DTYPES:
            return {"name": value, f"quantize_{value}": True}
        if isinstance(value, str) and value in RESERVED_NAMES:
            raise fault(f"{value!r} is always there and is not listed")
        if not isinstance(value, dict):
            raise fault(_no_variant(value))
        name = value.get("name")
        flags = [key for key in value if isinstance(key, str) and key.startswith("quantize_")]
        if not flags and isinstance(name, str) and name in DTYPES:
            return value | {f"quantize_{name}": True}
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse names that mislead, and mixes that the converter refuses."""
        if self.name in RESERVED_NAMES:
            raise fault(f"{self.name!r} is always there; expected another name")
        if not self.quantize:
            raise fault(
                f"{self.name!r} quantizes nothing; expected quantize_float16, "
                "quantize_uint8 or quantize_uint16"
            )
        if self.name in DTYPES and set(self.quantize) != {self.name}:
            raise fault(
                f"the name {self.name!r} says that no weight is quantized otherwise; "
                "expected another name"
            )
        if message := describe_conflict(self.quantize):
            raise fault(message)
        return self


def describe_conflict(quantize: dict[str, tuple[str, ...]]) -> str | None:
    """Return the fault of two dtypes that take the same weights, or None.

    "quantize_float16 and quantize_uint8 both take all weights" is one. The converter refuses it
    too.
    """
    seen: dict[str, str] = {}
    for dtype, patterns in quantize.items():
        for pattern in patterns:
            other = seen.setdefault(pattern, dtype)
            if other != dtype:
                weights = "all weights" if pattern == "*" else f"the weights {pattern!r}"
                return f"quantize_{other} and quantize_{dtype} both take {weights}"
    return None


def _no_variant(value: Any) -> str:
    found = repr(value) if isinstance(value, str) else format_value(value)
    close = closest(value, DTYPES) if isinstance(value, str) else None
    # "int8" is as near to uint8 as a slip, but whoever writes it may want signed integers.
    meant = did_you_mean([close] if close and close != "uint8" else [])
    return f"{found} is no variant; expected float16, uint8, uint16 or a mapping{meant}"
