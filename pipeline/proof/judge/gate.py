"""Gate: how far an output may be from its reference, and whether it is nearer.

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
from pipeline.proof.judge.fidelity import UNSCALED_ERROR, Fidelity
from pipeline.proof.judge.task_figures import TaskFigure

# Rounding grows with the magnitude of a value and not with the range of the output: 84 units in
# the last place of a float32, a sum of some thousand terms.
FLOAT_RTOL = 1e-5

# From here on a percentage is read without decimals.
_WHOLE_PERCENT = 10


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


# The shares are those of 100 boxes: one of two that overlap by nearly as much as suppression
# allows may stay for the other.
MANIFEST = "the manifest's tolerance"
"""Source of a limit that the manifest states."""

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


def judge_values(
    fidelity: Fidelity, limit: Limit, numbers: Sequence[int] | None = None
) -> str | None:
    """Return why an output does not pass value by value, else None: "1 of 9 values are NaN".

    Args:
        fidelity: Its figures, with mismatches counted by `limit`.
        limit: The limit of the output.
        numbers: The number of each vector in messages; None for its position.
    """
    for number, kind in ((fidelity.num_nan, "NaN"), (fidelity.num_infinite, "infinite")):
        if number:
            share = f"{number:,} of {fidelity.num_values:,} values"
            return f"{share} are {kind}{_place(fidelity, numbers)}"
    if fidelity.mismatches:
        return _describe_mismatches(fidelity, limit, numbers)
    if fault := _judge_mean_squares(fidelity, limit, numbers):
        return fault
    ratio, least = fidelity.snr_db, limit.min_snr_db
    if ratio is not None and least is not None and ratio < least:
        return (
            f"the signal-to-noise ratio is {ratio:.1f} dB; expected at least {least:g} "
            f"({limit.source})"
        )
    return None


def _judge_mean_squares(
    fidelity: Fidelity, limit: Limit, numbers: Sequence[int] | None
) -> str | None:
    """Return why the errors are too large on the whole, though none is alone, else None."""
    if limit.rms_errors is None:
        return None
    scale = fidelity.scale or 0.0
    share = limit.rms_share * scale or UNSCALED_ERROR
    for vector, (found, most) in enumerate(zip(fidelity.rms_errors, limit.rms_errors, strict=True)):
        if found > most + share:
            return (
                f"the root mean square error on vector {_number(vector, numbers)} is "
                f"{_share(found, scale)}; expected at most {_share(most + share, scale)} "
                f"({limit.source})"
            )
    return None


def judge_discrete(
    fidelity: Fidelity, limit: Limit, numbers: Sequence[int] | None = None
) -> str | None:
    """Return why whole numbers, booleans or strings do not pass, else None.

    For instance "3 of 10 values differ, the worst at [0, 2] of vector 0 …".

    Rounding or a threshold may move a value on the edge to either side. So the limit holds for
    the share of values that differ.
    """
    share = fidelity.mismatches / fidelity.num_values if fidelity.num_values else 0.0
    allowed = DEFAULTS["float32"].relative if limit.errors is not None else limit.relative
    allowed = allowed or 0.0
    if share <= allowed:
        return None
    return (
        f"{fidelity.mismatches:,} of {fidelity.num_values:,} values differ, the worst"
        f"{_place(fidelity, numbers)}; expected at most {_percent(allowed)} ({limit.source})"
    )


def judge_agreement(agreement: float, limit: Limit, *, noun: str) -> str | None:
    """Return why an output does not pass as a set, else None: "0.9 of the boxes agree; …".

    Args:
        agreement: Share that agrees.
        limit: The limit of the output.
        noun: The word for the parts of the set: "boxes".
    """
    if agreement >= limit.agreement:
        return None
    return (
        f"{agreement:.4g} of the {noun} agree; expected at least {limit.agreement:g} "
        f"({limit.source})"
    )


def _describe_mismatches(fidelity: Fidelity, limit: Limit, numbers: Sequence[int] | None) -> str:
    beyond = f"{fidelity.mismatches:,} of {fidelity.num_values:,} values differ"
    if fidelity.max_abs_error is None:
        return f"{beyond}{_place(fidelity, numbers)}"
    scale = fidelity.scale or 0.0
    error, vector = _worst_error(fidelity)
    share = f" is {_percent(error / scale)} of the range" if scale else ""
    allowed = limit.allowed(scale) if limit.errors is None else limit.allowed_each(scale, 0)[vector]
    expected = _percent(allowed / scale) if scale else f"{allowed:.2g}"
    note = ""
    if limit.lacks_reason(scale):
        note = f"; the manifest's max_absolute_error {limit.absolute:g} needs a 'reason' above 1 %"
    return (
        f"{beyond}, the worst{_place(fidelity, numbers)}: {error:.2g}{share}; "
        f"expected at most {expected} ({limit.source}){note}"
    )


def _worst_error(fidelity: Fidelity) -> tuple[float, int]:
    """Return the error of the value farthest beyond its limit, and its vector."""
    worst = fidelity.worst
    assert worst is not None
    assert not isinstance(worst.expected, str)
    assert not isinstance(worst.found, str)
    return abs(worst.found - worst.expected), worst.vector


def _share(error: float, scale: float) -> str:
    return f"{_percent(error / scale)} of the range" if scale else f"{error:.2g}"


def _number(vector: int, numbers: Sequence[int] | None) -> int:
    return vector if numbers is None else numbers[vector]


def _place(fidelity: Fidelity, numbers: Sequence[int] | None) -> str:
    worst = fidelity.worst
    if worst is None:
        return ""
    expected, found = (
        repr(value) if isinstance(value, str) else f"{value:.6g}"
        for value in (worst.expected, worst.found)
    )
    where = f" at {list(worst.position)}" if worst.position else ""
    vector = _number(worst.vector, numbers)
    return f"{where} of vector {vector}, {found} where the source has {expected}"


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:,.0f} %" if percent >= _WHOLE_PERCENT else f"{percent:.2g} %"
