"""What people say of a model: who made it, of what, what it is not for, its times on devices."""

from typing import ClassVar

from pydantic import Field

from pipeline.records.record import CamelPart, Part, SparsePart


class Background(CamelPart, SparsePart):
    """Who made a model, of what, and what it is not for; fields that nobody states are left out."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset(
        {"authors", "paper", "citation", "trainingData", "limits", "page"}
    )

    authors: list[str] | None = None
    """Those who made it, as they wish to be named."""
    paper: str | None = None
    """Where the paper that describes it can be read."""
    citation: str | None = None
    """How to cite it, in BibTeX or in words."""
    training_data: str | None = None
    """The data that it learned from."""
    limits: str | None = None
    """What it is not for, and where it is known to fail."""
    page: str | None = None
    """Its model card as a page, relative to the catalog."""

    @property
    def says_something(self) -> bool:
        """Whether any field is stated."""
        return self != Background()


class StatedCard(Part):
    """What the manifest states for a model's background."""

    background: Background
    file: str | None = None
    """The model card in Markdown: a path relative to the manifest, or a source."""
    times: tuple[str, ...] = ()
    """Files with times on devices, relative to the manifest."""


class DeviceTime(CamelPart):
    """The time of a variant on a device, as its publisher measured it with the self-test."""

    device: str
    """The device and its browser, in words."""
    tfjs: str | None
    """Version of TensorFlow.js."""
    variant: str
    """Name of the variant."""
    backend: str
    """Backend of TensorFlow.js."""
    load_ms: float = Field(ge=0)
    """Milliseconds to load it from files that are there already."""
    first_ms: float = Field(ge=0)
    """Milliseconds of the first run, which compiles it."""
    run_ms: float | None = Field(default=None, ge=0)
    """Milliseconds of a later run, the median; null where there was none."""
