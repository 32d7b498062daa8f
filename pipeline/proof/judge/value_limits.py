"""Limits of values: how far an output may be from its reference.

A model whose noise floor was measured has a limit of its own (`measured_limit`). Beside it stand
the default limits, which follow the dtype that weights are stored in. They were measured on 23 real
models (photographs, music, text as inputs) in TensorFlow.js 4.22 on wasm, against TensorFlow or,
where the source is a TensorFlow.js model, its cpu backend. The limit of a dtype is where what its
arithmetic explains ends.

- float32: at most 0.2 % of the range and at least 70 dB. Of 58 outputs 49 were within 0.006 % and
  50 above 95 dB. The rest: sums that cancel before a logarithm (basic-pitch: 0.08 %, 75 dB) and
  edges of masks, where a steep sigmoid stretches the last bits of a few pixels (blazepose:
  0.16 %, 89 dB). The ratio finds what no single value shows: of 516 weights scaled by 1.01, one
  at a time in five models, the range alone finds 245, both together 404.
- float16 and uint16: at most 0.5 %. A float16 has 11 bits, so that a weight is off by up to
  0.05 %; uint16 has more where no outlier stretches its range, and less where one does. Eight of
  11 models as float16 and five of nine as uint16 are within 0.2 %. Posenet (3 to 4 %), blazeface
  as uint16 (3 %) and basic-pitch (39 % and 19 %: its filters reach down to the subnormals of
  float16) stand apart.
- uint8: at most 1 %. A step is 1/255 of a weight's range, a few per cent of a typical weight. Two
  of 19 models stay within it, a third but for one value. The others lie between 1.4 % and
  worthless (selfie: noise of twenty times the signal), with no gap to tell which still serve.

No default is above 1 %, the limit beyond which a manifest has to give a reason: so whoever lets
more pass has said why. It opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.manifest.tolerance import REASON_NEEDED_ABOVE, OutputTolerance, Tolerance
from pipeline.proof.judge.fidelity import UNSCALED_ERROR
from pipeline.proof.judge.task_figures import TaskFigure

# Rounding grows with the magnitude of a value and not with the range of the output: 84 units in
# the last place of a float32, a sum of some thousand terms.
FLOAT_RTOL = 1e-5


@dataclass(frozen=True, kw_only=True)
class Limit:
    """How far an output may be from its reference.

    Attributes:
        relative: Largest error as a fraction of the reference's range; None where only
            `absolute` holds.
        absolute: Largest error in the output's own unit, or None.
        rtol: Error that is allowed beside these, as a fraction of the value's magnitude.
        min_snr_db: Smallest signal-to-noise ratio, or None.
        agreement: Smallest share of boxes, rows or values that agree, where values jump.
        source: Where it is from, as in "the limit of float16".
        reason: Why it is above 1 %, or None.
        errors: Largest error on each vector, in the output's own unit, beside the share of the
            range in `relative`; None where all vectors have the same limit.
        rms_errors: Largest root mean square error on each vector, likewise; None for any.
        rms_share: Added to each of `rms_errors`, as a fraction of the range.
        figure: The figure of the task that decides before the values, or None.
    """

    relative: float | None
    absolute: float | None = None
    rtol: float = 0.0
    min_snr_db: float | None = None
    agreement: float
    source: str
    reason: str | None = None
    errors: Sequence[float] | None = None
    rms_errors: Sequence[float] | None = None
    rms_share: float = 0.0
    figure: TaskFigure | None = None

    def by_task(self, error: float | None) -> "Limit":
        """Return the limit of values beside the figure of the task, which decides.

        Args:
            error: Largest error, as a fraction of the range; None for any.
        """
        assert self.figure is not None
        least = f"at least {self.figure.least:g}"
        return replace(
            self,
            relative=1.0 if error is None else error,
            min_snr_db=None,
            source="the limit beside the figure of its task",
            reason=f"the figure of its task decides: {self.figure.words.format(least)}",
        )

    def allowed_each(self, scale: float, num_vectors: int) -> list[float]:
        """Return the largest error on each vector, in the output's unit."""
        if self.errors is None:
            return [self.allowed(scale)] * num_vectors
        share = (self.relative or 0.0) * scale or UNSCALED_ERROR
        return [error + share for error in self.errors]

    def allowed(self, scale: float) -> float:
        """Return the largest error for a reference of some range, in the output's unit.

        Of limits that differ between vectors it is the largest.
        Above 1 % of the range it holds only with a reason; without, 1 % holds.
        """
        if self.errors is not None:
            return max(self.allowed_each(scale, len(self.errors)), default=0.0)
        if not scale:
            return UNSCALED_ERROR if self.absolute is None else self.absolute
        limits = [] if self.relative is None else [self.relative * scale]
        if self.absolute is not None:
            limits.append(self.absolute)
        allowed = min(limits)
        return allowed if self.reason else min(allowed, REASON_NEEDED_ABOVE * scale)

    def lacks_reason(self, scale: float) -> bool:
        """Return whether it is above 1 % of a range without a reason."""
        return (
            self.absolute is not None
            and self.reason is None
            and min(self.absolute, (self.relative or 1.0) * scale) > REASON_NEEDED_ABOVE * scale > 0
        )


MANIFEST = "the manifest's tolerance"
"""Source of a limit that the manifest states."""

# The shares are those of 100 boxes: one of two that overlap by nearly as much as suppression
# allows may stay for the other.
DEFAULTS: Mapping[str, Limit] = {
    "float32": Limit(
        relative=2e-3,
        rtol=FLOAT_RTOL,
        min_snr_db=70.0,
        agreement=0.99,
        source="the limit of float32",
    ),
    "uint16": Limit(relative=5e-3, rtol=FLOAT_RTOL, agreement=0.95, source="the limit of uint16"),
    "float16": Limit(relative=5e-3, rtol=FLOAT_RTOL, agreement=0.95, source="the limit of float16"),
    "uint8": Limit(relative=1e-2, rtol=FLOAT_RTOL, agreement=0.9, source="the limit of uint8"),
}
"""The limit of each dtype, from tight to loose."""


def loosest_dtype(weights: Mapping[str, int], base: Mapping[str, int]) -> str:
    """Return the loosest dtype that a variant stores weights in and its base does not.

    Weights that the base has quantized are quantized in the source too: they lose nothing.

    Args:
        weights: Number of the variant's weights in each dtype.
        base: The same of the base.
    """
    lost = [dtype for dtype in DEFAULTS if weights.get(dtype, 0) > base.get(dtype, 0)]
    return lost[-1] if lost else "float32"


def resolve_limit(dtype: str, output: str, tolerances: Sequence[Tolerance | None]) -> Limit:
    """Return the limit of an output.

    Args:
        dtype: Decides the limit if the manifest states none: a key of `DEFAULTS`.
        output: Name of the output.
        tolerances: Tolerances of the manifest, the closest first: of the variant, of the model.
            The first that exists replaces the others; its entry for the output replaces its
            entry for all outputs.
    """
    default = DEFAULTS[dtype]
    stated = next((one for one in tolerances if one is not None), None)
    if stated is None:
        return default
    section: OutputTolerance = stated.outputs.get(output, stated)
    relative, absolute = section.max_relative_error, section.max_absolute_error
    agreement = section.min_agreement
    if relative is None and absolute is None and agreement is None:
        return default
    limit = default
    if relative is not None or absolute is not None:
        # An error that the manifest states holds exactly.
        limit = replace(default, relative=relative, absolute=absolute, rtol=0.0, min_snr_db=None)
    return replace(
        limit,
        agreement=default.agreement if agreement is None else agreement,
        source=MANIFEST,
        reason=section.reason,
    )


def limit_to_step(limit: Limit, step: float) -> Limit:
    """Return the limit of an output that has whole steps: one step, and no more.

    The source has no finer values, and its own kernels differ by steps from each other.

    Args:
        limit: The default limit of the output.
        step: Difference of two neighbouring values, in the output's unit.
    """
    return replace(
        limit,
        relative=None,
        # The step itself is a float32, and so is the difference of two values.
        absolute=step * (1 + FLOAT_RTOL),
        rtol=0.0,
        min_snr_db=None,
        source="one step of the output's scale",
        reason="the source has whole steps of this size",
    )
