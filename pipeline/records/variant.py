"""The record of a variant: how its weights are stored."""

from typing import Any, ClassVar

from pipeline.records.record import CamelPart, Record, SparsePart


class KeptWeight(CamelPart):
    """A weight that a quantized variant holds as the base does."""

    weight: str
    """Its name in the weight manifest."""
    reason: str
    """Why it could not be quantized."""


class VariantRecord(CamelPart, SparsePart, Record):
    """What `variant` writes beside the model that it makes."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"brotliBytes", "gzipBytes", "recipe"})

    FILE: ClassVar[str] = "variant.json"

    name: str
    """Name in the catalog: `float32` or `original` for the base, else as in the manifest."""
    weights: dict[str, int]
    """Number of weights stored in each data type."""
    kept_float32: list[KeptWeight]
    """Weights that were not quantized although asked for."""
    bytes: int
    """Size of its model.json and shards."""
    gzip_bytes: int | None = None
    """The same as they travel, compressed with gzip, of large models an estimate; left out before
    it is measured."""
    brotli_bytes: int | None = None
    """Likewise with Brotli."""
    recipe: dict[str, Any] | None = None
    """Of a variant whose forms were searched, the same as fields of models.yaml."""
