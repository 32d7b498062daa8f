"""Fidelity: how far one output is from its reference, value by value, over several vectors.

For values a of TensorFlow.js and r of the reference:

- max absolute error: max |a - r|.
- max relative error: the same divided by the range of the reference, max r - min r over all
  vectors. Normalized by the range rather than by |r| it does not explode where r is near 0
  (the "normalized" errors of the sciences divide by the range too).
- mismatches: values with |a - r| > atol + rtol * |r|, as in numpy.isclose.
- root mean square error: sqrt(mean (a - r)²), of each vector.
- cosine: r·a / (|r| |a|), all vectors as one.
- signal-to-noise ratio in dB: 10 log10(sum r² / sum (a - r)²), as SQNR is defined for quantizers.

Equal infinities at equal positions agree: a mask of -inf has a meaning. So do two NaN: the source
has no better answer there, and neither has a right model. Any other infinity or NaN is counted.
None of them enters the other figures. This module opens no file.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.proof.judge.figures import round_figure, round_share
from pipeline.tfjs.model.blocks import blocks

Array = npt.NDArray[Any]

# The range of few values underestimates the range of the output: 16 values spread evenly at
# random cover 15/17 of it. Their range then includes 0, as quantizers do.
FEW_VALUES = 16

# Error that is allowed in float32 if the reference is 0 everywhere, which leaves no scale.
UNSCALED_ERROR = 1e-6

# Values in a block: the float64 arrays take a few megabytes, whatever the size of the output.
_BLOCK = 1 << 18


@dataclass(frozen=True, kw_only=True)
class Worst:
    """The value of an output that is farthest from its reference.

    Attributes:
        vector: Index of the vector.
        position: Index of the value in the output's tensor; empty for a scalar.
        expected: Value of the reference, as text for a string.
        found: Value of TensorFlow.js.
    """

    vector: int
    position: tuple[int, ...]
    expected: float | str
    found: float | str


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """Figures of one output.

    Attributes:
        num_values: Values compared, over all vectors.
        num_equal: Values that are equal (infinities and NaN too).
        mismatches: Values beyond the limit, with every NaN and every infinity that is not equal.
        num_nan: Positions where one value is NaN and the other is not.
        num_infinite: Positions where one value is infinite and the other is not the same infinity.
        max_abs_error: In the output's unit; None for strings.
        max_rel_error: As a fraction of `scale`; None if that is 0 or unknown.
        scale: Range of the reference, see `measure_scale`; None for strings.
        cosine: None if either output is all zeros, and for strings.
        snr_db: None without an error or a signal, and for strings.
        rms_errors: Root mean square error on each vector, in the output's unit; empty for strings.
        worst: The value farthest beyond its limit; None if all values are equal.
    """

    num_values: int
    num_equal: int
    mismatches: int
    num_nan: int = 0
    num_infinite: int = 0
    max_abs_error: float | None = None
    max_rel_error: float | None = None
    scale: float | None = None
    cosine: float | None = None
    snr_db: float | None = None
    rms_errors: tuple[float, ...] = ()
    worst: Worst | None = None

    @property
    def mismatches_per_million(self) -> float:
        """Share of values beyond the limit, in millionths."""
        return 1e6 * self.mismatches / self.num_values if self.num_values else 0.0

    @property
    def equal_rate(self) -> float:
        """Share of values that are equal; 1 without values."""
        return self.num_equal / self.num_values if self.num_values else 1.0

    def to_json(self) -> dict[str, Any]:
        """Return the figures in the catalog's form: two significant digits."""
        worst = self.worst and {"vector": self.worst.vector, "position": list(self.worst.position)}
        return {
            "maxAbsError": round_figure(self.max_abs_error),
            "maxRelError": round_figure(self.max_rel_error),
            "mismatchesPerMillion": round_figure(self.mismatches_per_million),
            "worst": worst,
            "cosine": round_share(self.cosine),
            "snrDb": round_figure(self.snr_db),
            "equalRate": round_share(self.equal_rate),
            "nan": self.num_nan,
            "infinite": self.num_infinite,
        }


def compare(
    reference: Sequence[Array],
    found: Sequence[Array],
    *,
    atol: float | Sequence[float],
    rtol: float,
) -> Fidelity:
    """Compare an output with its reference.

    Args:
        reference: The reference's values on each vector: numbers, bool or strings (dtype object).
        found: The values of TensorFlow.js, in equal shapes.
        atol: Error that is no mismatch, in the output's unit; one for all vectors, or one for each.
        rtol: Error that is no mismatch, as a fraction of the reference's magnitude, value by value.
    """
    if any(array.dtype.kind in "OSU" for array in (*reference, *found)):
        return _compare_exact(reference, found)
    allowed = [atol] * len(reference) if isinstance(atol, float | int) else list(atol)
    sums = _Sums(allowed=allowed, rtol=rtol)
    pairs = zip(map(_as_real, reference), map(_as_real, found), strict=True)
    for vector, (expected, actual) in enumerate(pairs):
        if expected.shape != actual.shape:
            raise ValueError(f"shapes {expected.shape} and {actual.shape}")
        sums.start_vector()
        for block in blocks(expected.size, length=_BLOCK):
            at = (vector, block.start, expected.shape)
            sums.add(expected.reshape(-1)[block], actual.reshape(-1)[block], at)
    return sums.finish(measure_scale(reference))


def measure_scale(reference: Sequence[Array]) -> float:
    """Return the range of a reference, by which errors are divided.

    That is max - min over the finite values of all vectors. The range of fewer than `FEW_VALUES`
    values includes 0. If all values are equal, it is their magnitude. Booleans have the range 1.
    It is 0 if all values are 0 or none is finite.
    """
    if any(array.dtype == np.bool_ for array in reference):
        return 1.0
    low, high, num_values = math.inf, -math.inf, 0
    for array in map(_as_real, reference):
        for block in blocks(array.size, length=_BLOCK):
            values = array.reshape(-1)[block]
            finite = values[np.isfinite(values)]
            num_values += finite.size
            if finite.size:
                low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if not num_values:
        return 0.0
    if num_values < FEW_VALUES or low == high:
        low, high = min(low, 0.0), max(high, 0.0)
    return high - low


@dataclass(kw_only=True)
class _Sums:
    """The sums and extremes that grow block by block."""

    allowed: Sequence[float]
    rtol: float
    num_values: int = 0
    num_equal: int = 0
    mismatches: int = 0
    num_nan: int = 0
    num_infinite: int = 0
    max_abs_error: float = 0.0
    products: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("rr", "aa", "ra", "ee"), 0.0)
    )
    squares: list[tuple[float, int]] = field(default_factory=list)
    worst: Worst | None = None
    _worst_share: float = 0.0

    def start_vector(self) -> None:
        """Begin the next vector."""
        self.squares.append((0.0, 0))

    def add(self, expected: Array, actual: Array, at: tuple[int, int, tuple[int, ...]]) -> None:
        """Add a block of values; `at` is its vector, its start and the whole shape."""
        r, a = expected.astype(np.float64), actual.astype(np.float64)
        nan = np.isnan(r) ^ np.isnan(a)
        equal = (r == a) | (np.isnan(r) & np.isnan(a))
        infinite = (np.isinf(r) | np.isinf(a)) & ~equal & ~nan
        allowed = self.allowed[at[0]]
        self.num_values += r.size
        self.num_equal += int(equal.sum())
        self.num_nan += int(nan.sum())
        self.num_infinite += int(infinite.sum())
        finite = np.isfinite(r) & np.isfinite(a)
        if not finite.all():
            r, a = np.where(finite, r, 0.0), np.where(finite, a, 0.0)
        error = np.abs(a - r)
        beyond = error > allowed + self.rtol * np.abs(r)
        self.mismatches += int((beyond | nan | infinite).sum())
        for name, product in (("rr", r @ r), ("aa", a @ a), ("ra", r @ a), ("ee", error @ error)):
            self.products[name] += float(product)
        squares, num_values = self.squares[-1]
        self.squares[-1] = (squares + float(error @ error), num_values + r.size)
        if error.size:
            self.max_abs_error = max(self.max_abs_error, float(error.max()))
            if all(self.allowed):
                error /= allowed
            # A NaN is worse than an infinity, and an infinity is worse than any number.
            error[infinite], error[nan] = np.finfo(np.float64).max, np.inf
            self._keep_worst(error, (expected, actual), at)

    def _keep_worst(
        self, error: Array, values: tuple[Array, Array], at: tuple[int, int, tuple[int, ...]]
    ) -> None:
        index = int(error.argmax())
        if error[index] <= self._worst_share:
            return
        self._worst_share = float(error[index])
        vector, start, shape = at
        self.worst = Worst(
            vector=vector,
            position=tuple(int(i) for i in np.unravel_index(start + index, shape)),
            expected=float(values[0][index]),
            found=float(values[1][index]),
        )

    def finish(self, scale: float) -> Fidelity:
        """Return the figures of all blocks added."""
        rr, aa, ra, ee = (self.products[name] for name in ("rr", "aa", "ra", "ee"))
        relative = self.max_abs_error / scale if scale else None
        return Fidelity(
            num_values=self.num_values,
            num_equal=self.num_equal,
            mismatches=self.mismatches,
            num_nan=self.num_nan,
            num_infinite=self.num_infinite,
            max_abs_error=self.max_abs_error,
            max_rel_error=relative if self.max_abs_error else 0.0,
            scale=scale,
            # The square root of each sum: their product may leave the range of a float64.
            cosine=ra / math.sqrt(rr) / math.sqrt(aa) if rr and aa else None,
            snr_db=10 * math.log10(rr / ee) if rr and ee else None,
            rms_errors=tuple(math.sqrt(total / n) if n else 0.0 for total, n in self.squares),
            worst=self.worst,
        )


def _compare_exact(reference: Sequence[Array], found: Sequence[Array]) -> Fidelity:
    num_values = num_equal = 0
    worst = None
    for vector, (expected, actual) in enumerate(zip(reference, found, strict=True)):
        if expected.shape != actual.shape:
            raise ValueError(f"shapes {expected.shape} and {actual.shape}")
        num_values += expected.size
        for index, (r, a) in enumerate(zip(expected.flat, actual.flat, strict=True)):
            if as_text(r) == as_text(a):
                num_equal += 1
            elif worst is None:
                position = tuple(int(i) for i in np.unravel_index(index, expected.shape))
                texts = {"expected": as_text(r), "found": as_text(a)}
                worst = Worst(vector=vector, position=position, **texts)
    return Fidelity(
        num_values=num_values,
        num_equal=num_equal,
        mismatches=num_values - num_equal,
        worst=worst,
    )


def as_text(value: Any) -> str:
    """Return a string tensor's value as text; a byte outside UTF-8 becomes its code."""
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


def _as_real(array: Array) -> Array:
    """Return complex values as pairs of real and imaginary part on one more axis."""
    if array.dtype.kind != "c":
        return array
    return np.stack([array.real, array.imag], axis=-1)
