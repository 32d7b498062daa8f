"""The recipe of a variant whose weights were searched: the form of each weight."""

from typing import ClassVar, Literal

from pydantic import Field

from pipeline.records.record import Part, Record


class RecipeForm(Part):
    """The form of a weight, as `pipeline.tfjs.quantize.forms` has it."""

    dtype: Literal["float16", "uint16", "uint8"]
    channels: tuple[int, ...] = ()
    """Axes along which scales differ; empty for one scale."""
    block: int | None = Field(default=None, gt=0)
    """Number of values of a channel that share a scale; None for all of them."""
    bits: Literal[4, 8] = 8
    """Bits of a stored number with channels."""


class TriedMix(Part):
    """A mix of forms that was tried, for a curve of size and error."""

    bytes: int = Field(ge=0)
    """Size of all its files, about."""
    share: float | None
    """Its largest error, as a share of the range or of the boxes; None if unmeasured."""
    strain: float | None
    """The same as a multiple of what is allowed; None where no number says so."""
    passes: bool


class Recipe(Record):
    """What `search` finds."""

    FILE: ClassVar[str] = "recipe.json"

    forms: dict[str, RecipeForm]
    """By weight; others stay as in the base. Empty if no mix passes."""
    fitted: tuple[str, ...] = ()
    """Weights with scales whose rounding is fitted to inputs."""
    reason: str | None
    """Why no mix passes, with what the nearest would have had; None if one does."""
    bytes: int | None = Field(ge=0)
    """Size of the variant's files, about."""
    share: float | None
    """Its largest error in TensorFlow, as a share; None if unmeasured."""
    what: str
    """Of what it is a share: "of the range"."""
    base_bytes: int = Field(ge=0)
    """Size of the base's files."""
    tried: tuple[TriedMix, ...]
    """The mixes that were tried, in order."""
    cut: bool
    """Whether time ran out before all mixes were tried."""

    @property
    def calibrate(self) -> bool:
        """Whether the rounding of any weight is fitted."""
        return bool(self.fitted)
