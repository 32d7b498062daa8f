"""Verdicts: what the runs of a model's variants in TensorFlow.js say of each.

The classes of checks and figures are those of the catalog, which repeats them as they stand.
"""

from typing import Any, ClassVar, Literal

from pydantic import Field

from pipeline.records.record import CamelPart, Part, Record, SparsePart
from pipeline.records.signature import Proof

Agreement = Literal["equal", "close"]
"""How near an offered variant is to its source: as far as arithmetic explains, or within limits."""


class CatalogTolerance(CamelPart):
    """How far an output may be from its source."""

    max_rel_error: float | None
    """As a fraction of the range of the source's output."""
    max_abs_error: float | None
    """In the output's own unit."""
    min_agreement: float
    """Smallest share of boxes, rows or choices that agree, where it is judged as a set."""
    explained_rel_error: float | None = None
    """Largest error that float arithmetic explains, as a fraction of the range, on the vector where
    it explains most; null where that was not measured."""
    source: str | None = None
    """Where it is from, such as "the limit of float16" or "the manifest's tolerance"."""
    reason: str | None
    """Why more than 1 % is right."""


class CatalogWorst(CamelPart):
    """The value of an output that is farthest from its source."""

    vector: int
    """Number of the test vector."""
    position: list[int]
    """Index of the value in the output; empty for a scalar."""


class CatalogFigures(CamelPart):
    """How far an output is from its source, over all test vectors.

    A figure is null where it says nothing: of text, for instance, the error.
    """

    gate: str
    """What decides: `values`, or as a set `boxes`, `rows`, `choice`, `keypoints`."""
    max_abs_error: float | None = None
    """Largest error, in the output's own unit."""
    max_rel_error: float | None = None
    """The same as a fraction of the range of the source's output."""
    mismatches_per_million: float | None = None
    """Values that differ by more than the limit, of a million."""
    worst: CatalogWorst | None = None
    """The value with the largest error; null where all are equal."""
    cosine: float | None = None
    """Cosine of the angle between both outputs as vectors: 1 if they are proportional."""
    snr_db: float | None = None
    """Signal-to-noise ratio in decibels; null where there is no noise."""
    equal_rate: float | None = None
    """Share of the values that are equal to the last bit."""
    nan: int | None = None
    """Number of values that are NaN, and not so in the source."""
    infinite: int | None = None
    """Number of values that are infinite, and not so in the source."""
    metrics: dict[str, float | int | None]
    """Figures of the task, such as matched boxes or top-1 agreement."""
    tolerance: CatalogTolerance
    """What it had to keep."""


class CatalogCheck(CamelPart):
    """A variant in TensorFlow.js on one backend."""

    status: Literal["ok", "failed", "unsupported", "untried"]
    """`failed`: it dies, or returns what the source does not; `unsupported`: an op is missing;
    `untried`: it was not run."""
    agreement: Literal["equal", "close", "wrong"] | None = None
    """`equal`: as far from the source as arithmetic explains; `close`: farther, within what its
    task and the manifest allow; `wrong`: beyond it; null where it returned nothing."""
    reason: str | None
    """Why it is not `ok`."""
    notes: list[str] = Field(default_factory=list)
    """Sentences on vectors that do not decide, and on limits."""
    tfjs: str | None
    """Version of TensorFlow.js that ran it."""
    missing_ops: list[str]
    """Ops of the graph that the backend lacks."""
    requires: dict[str, Any]
    """What a page must set for it to run, such as flags of TensorFlow.js."""
    unproved: dict[str, str]
    """Outputs that prove nothing, each with the reason: random, or constant on every vector."""
    outputs: dict[str, CatalogFigures]
    """Figures of each output by name."""


class VariantVerdict(SparsePart):
    """What becomes of a variant."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"advice"})

    status: Literal["ok", "withheld", "failed"]
    """Only `ok` is published."""
    reason: str | None
    """Why it is not `ok`."""
    agreement: Agreement | None = None
    """Of the backends that prove it, the best agreement; None unless `ok`."""
    advice: str | None = None
    """What passes in place of a variant that is withheld, or probably would."""
    checks: dict[str, CatalogCheck]
    """By backend."""


class NameProof(Part):
    """Whether the values of an output prove its name."""

    proof: Proof | None
    reason: str | None
    """Why values prove nothing."""


class Verdicts(Record):
    """What `verify` finds."""

    FILE: ClassVar[str] = "verify.json"

    variants: dict[str, VariantVerdict]
    """By variant, the base first."""
    proofs: dict[str, NameProof]
    """By output; empty where the source has the names on its tensors."""
