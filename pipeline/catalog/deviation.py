"""Deviation: how far a variant is from its source, as one number that can be drawn. Pure.

A raw output deviates by its largest error, as a share of the range of the source's output. One
that is judged as a set deviates by the share of boxes, rows or values that disagree. The output
that comes nearest to its limit, or is farthest beyond it, speaks for the variant.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.catalog.types import CatalogOutput, CatalogVariant
from pipeline.records.verdicts import CatalogCheck, CatalogFigures

_VALUES = "values"
# What agrees, by the gate that counts it.
_SETS: Mapping[str, str] = {
    "boxes": "boxes",
    "rows": "rows",
    "choice": "values",
    "keypoints": "keypoints",
}
BACKENDS = ("wasm", "cpu", "webgl", "webgpu")
"""All backends of TensorFlow.js; that which runs every variant speaks first."""
_MILLION = 1e6


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """How far an output is from its source.

    Attributes:
        output: Its name.
        share: From 0, none, to 1 and more.
        limit: Largest share that passes; None where no number says so.
        what: Of what it is a share: "of the range", "of the boxes".
    """

    output: str
    share: float
    limit: float | None
    what: str

    @property
    def strain(self) -> float:
        """How much of the limit is taken; more than 1 is beyond it."""
        if self.limit:
            return self.share / self.limit
        return float("inf") if self.share else 0.0


def sort_backends(names: Sequence[str]) -> list[str]:
    """Return backends in the order in which they are shown."""
    return sorted(names, key=lambda name: (name not in BACKENDS, (*BACKENDS, name).index(name)))


def deciding_backend(variant: CatalogVariant, base: CatalogVariant) -> str | None:
    """Return the backend whose figures speak for a variant; None where none ran it.

    One that proves it, else one that gets the base right: another says nothing of the variant.
    """
    ran = [name for name in sort_backends(list(variant.checks)) if variant.checks[name].outputs]
    proving = [name for name in ran if variant.checks[name].status == "ok"]
    right = [name for name in ran if name in base.checks and base.checks[name].status == "ok"]
    return next(iter([*proving, *right, *ran]), None)


def worst_deviation(check: CatalogCheck, outputs: Sequence[CatalogOutput]) -> Deviation | None:
    """Return the deviation that speaks for a check; None where nothing was measured.

    Args:
        check: A variant on a backend.
        outputs: The outputs of the model.
    """
    discrete = {output.name for output in outputs if output.js_dtype != "float32"}
    found = [
        deviation
        for name, figures in check.outputs.items()
        for deviation in measure_deviation(
            name, figures, discrete=name in discrete, is_equal=check.agreement == "equal"
        )
    ]
    return max(found, key=lambda one: (one.strain, one.share), default=None)


def measure_deviation(
    name: str, figures: CatalogFigures, *, discrete: bool, is_equal: bool = False
) -> Iterator[Deviation]:
    """Yield how far an output is off; nothing where no number says so.

    Args:
        name: Of the output.
        figures: What was measured.
        discrete: Whether its values are whole numbers, booleans or strings, which are equal or not
            unless the tolerance is in their own unit: steps of a quantized output.
        is_equal: Whether rounding explains all that the variant is off: then its limit is that.
    """
    tolerance = figures.tolerance
    if figures.gate != _VALUES:
        agreement = figures.metrics.get("agreement")
        if agreement is not None:
            noun = _SETS.get(figures.gate, "values")
            limit = _complement(tolerance.min_agreement)
            yield Deviation(
                output=name, share=_complement(agreement), limit=limit, what=f"of the {noun}"
            )
    elif discrete and tolerance.max_abs_error is None:
        differing = figures.mismatches_per_million
        if differing is not None:
            limit = tolerance.max_rel_error or 0.0
            yield Deviation(
                output=name, share=differing / _MILLION, limit=limit, what="of the values"
            )
    elif figures.max_rel_error is not None:
        share = figures.max_rel_error
        limits = [] if tolerance.max_rel_error is None else [tolerance.max_rel_error]
        if is_equal and tolerance.explained_rel_error is not None:
            # Both figures are rounded.
            limits.append(max(share, tolerance.explained_rel_error))
        error = figures.max_abs_error
        if tolerance.max_abs_error is not None and error:
            # The error in both units tells the range.
            limits.append(tolerance.max_abs_error * share / error)
        yield Deviation(
            output=name, share=share, limit=min(limits, default=None), what="of the range"
        )


def _complement(share: float) -> float:
    """Return what a share lacks of 1, without the noise of binary fractions."""
    return float(f"{1 - share:.12g}")
