"""Gate: whether an output is as near to its reference as its limit asks. It opens no file."""

from collections.abc import Sequence

from pipeline.proof.judge.fidelity import UNSCALED_ERROR, Fidelity
from pipeline.proof.judge.value_limits import DEFAULTS, Limit

# From here on a percentage is read without decimals.
_WHOLE_PERCENT = 10


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
