"""Gate: limits of dtypes and of the manifest, and what passes them."""

import numpy as np
import pytest

from pipeline.manifest.tolerance import OutputTolerance, Tolerance
from pipeline.proof.judge.fidelity import compare, measure_scale
from pipeline.proof.judge.gate import judge_agreement, judge_discrete, judge_values
from pipeline.proof.judge.value_limits import DEFAULTS, Limit, loosest_dtype, resolve_limit

RAMP = np.linspace(0, 10, 101, dtype=np.float64)


def judge(error: float, limit: Limit, *, at: int = 50) -> str | None:
    found = RAMP.copy()
    found[at] += error
    allowed = limit.allowed(measure_scale([RAMP]))
    return judge_values(compare([RAMP], [found], atol=allowed, rtol=limit.rtol), limit)


@pytest.mark.parametrize(
    ("dtype", "passes", "fails"),
    [
        ("float32", 0.0180, 0.0202),
        ("float16", 0.0499, 0.0502),
        ("uint16", 0.0499, 0.0502),
        ("uint8", 0.0999, 0.1002),
    ],
)
def test_default_limits(dtype: str, passes: float, fails: float) -> None:
    # At the place of 0, where rtol adds nothing.
    assert judge(passes, DEFAULTS[dtype], at=0) is None
    assert judge(fails, DEFAULTS[dtype], at=0) is not None


def test_float32_has_a_limit_of_noise_that_finds_small_errors_everywhere() -> None:
    limit = DEFAULTS["float32"]
    good, bad = RAMP * (1 + 3.1e-4), RAMP * (1 + 3.2e-4)
    allowed = limit.allowed(10.0)

    assert judge_values(compare([RAMP], [good], atol=allowed, rtol=0), limit) is None
    fault = judge_values(compare([RAMP], [bad], atol=allowed, rtol=0), limit)
    assert fault == (
        "the signal-to-noise ratio is 69.9 dB; expected at least 70 (the limit of float32)"
    )


def test_defaults_loosen_from_dtype_to_dtype_and_none_needs_a_reason() -> None:
    limits = [limit.relative for limit in DEFAULTS.values()]
    assert list(DEFAULTS) == ["float32", "uint16", "float16", "uint8"]
    assert all(limit is not None and limit <= 0.01 for limit in limits)
    assert limits == sorted(limits, key=lambda limit: limit or 0)


def test_the_message_says_where_how_much_and_by_which_limit() -> None:
    assert judge(0.25, DEFAULTS["float16"]) == (
        "1 of 101 values differ, the worst at [50] of vector 0, 5.25 where the source has 5: "
        "0.25 is 2.5 % of the range; expected at most 0.5 % (the limit of float16)"
    )


def test_nan_and_infinity_pass_no_limit() -> None:
    generous = Limit(relative=1e9, agreement=0.0, source="none", reason="all goes")
    assert judge(float("nan"), generous) == (
        "1 of 101 values are NaN at [50] of vector 0, nan where the source has 5"
    )
    assert "1 of 101 values are infinite" in str(judge(float("inf"), generous))


@pytest.mark.parametrize(
    ("weights", "base", "dtype"),
    [
        pytest.param({"float32": 9}, {"float32": 9}, "float32", id="base"),
        pytest.param({"float16": 9, "int32": 1}, {"float32": 9, "int32": 1}, "float16", id="one"),
        pytest.param({"uint8": 1, "float16": 8}, {"float32": 9}, "uint8", id="mix"),
        pytest.param({"uint16": 1, "float16": 8}, {"float32": 9}, "float16", id="mix of two bytes"),
        pytest.param({"float16": 9}, {"float16": 9}, "float32", id="as the source has it"),
        pytest.param({"float16": 9, "uint8": 2}, {"float32": 9, "uint8": 2}, "float16", id="some"),
    ],
)
def test_the_loosest_dtype_is_the_loosest_that_the_source_has_not(
    weights: dict[str, int], base: dict[str, int], dtype: str
) -> None:
    assert loosest_dtype(weights, base) == dtype


def test_the_closest_tolerance_of_the_manifest_holds() -> None:
    model = Tolerance(
        max_relative_error=0.004, outputs={"note": OutputTolerance(max_absolute_error=0.5)}
    )
    variant = Tolerance(max_relative_error=0.02, reason="only ranks matter")

    assert resolve_limit("uint8", "note", [None, None]) is DEFAULTS["uint8"]
    assert resolve_limit("uint8", "onset", [None, model]).relative == 0.004
    note = resolve_limit("uint8", "note", [None, model])
    assert (note.relative, note.absolute) == (None, 0.5)
    of_variant = resolve_limit("uint8", "note", [variant, model])
    assert (of_variant.relative, of_variant.reason) == (0.02, "only ranks matter")
    # It holds exactly: nothing is added for rounding.
    assert (of_variant.rtol, of_variant.min_snr_db) == (0.0, None)


def test_a_tolerance_for_one_output_leaves_the_others_their_default() -> None:
    tolerance = Tolerance(outputs={"note": OutputTolerance(max_relative_error=0.001)})

    assert resolve_limit("uint8", "onset", [tolerance]) is DEFAULTS["uint8"]
    assert resolve_limit("uint8", "note", [tolerance]).relative == 0.001


def test_the_smaller_of_two_limits_holds() -> None:
    limit = resolve_limit(
        "float32", "x", [Tolerance(max_relative_error=0.005, max_absolute_error=0.02)]
    )

    assert limit.allowed(10.0) == 0.02
    assert limit.allowed(1.0) == 0.005


def test_an_absolute_tolerance_above_one_percent_needs_a_reason() -> None:
    bare = resolve_limit("uint8", "x", [Tolerance(max_absolute_error=2.0)])
    given = resolve_limit("uint8", "x", [Tolerance(max_absolute_error=2.0, reason="pixels")])

    assert bare.allowed(10.0) == pytest.approx(0.1)
    assert given.allowed(10.0) == 2.0
    assert judge(1.9, given) is None
    assert str(judge(0.2, bare)).endswith(
        "the manifest's max_absolute_error 2 needs a 'reason' above 1 %"
    )
    # Where it is within 1 % of the range it needs none.
    assert bare.allowed(1000.0) == 2.0


def test_a_reference_of_zeros_allows_a_rounding() -> None:
    zeros = np.zeros(5, np.float32)
    limit = DEFAULTS["float32"]
    assert limit.allowed(measure_scale([zeros])) == 1e-6
    noise = compare([zeros], [zeros + np.float32(1e-7)], atol=limit.allowed(0.0), rtol=0.0)
    assert judge_values(noise, limit) is None
    wrong = compare([zeros], [zeros + np.float32(1e-3)], atol=limit.allowed(0.0), rtol=0.0)
    assert judge_values(wrong, limit) == (
        "5 of 5 values differ, the worst at [0] of vector 0, 0.001 where the source has 0: "
        "0.001; expected at most 1e-06 (the limit of float32)"
    )


def test_of_whole_numbers_a_share_may_differ() -> None:
    reference = np.arange(1000, dtype=np.int32)
    for wrong, passes in ((0, True), (2, True), (3, False)):
        found = reference.copy()
        found[:wrong] += 500
        figures = compare([reference], [found], atol=0.0, rtol=0.0)
        assert (judge_discrete(figures, DEFAULTS["float32"]) is None) == passes


def test_an_agreement_is_enough_or_not() -> None:
    assert judge_agreement(0.99, DEFAULTS["float32"], noun="boxes") is None
    assert judge_agreement(0.9899, DEFAULTS["float32"], noun="boxes") == (
        "0.9899 of the boxes agree; expected at least 0.99 (the limit of float32)"
    )


def test_the_manifest_may_say_what_share_of_a_set_has_to_agree() -> None:
    share = Tolerance(min_agreement=0.97)
    both = Tolerance(min_agreement=0.5, max_relative_error=0.002, reason="crowds")

    only = resolve_limit("uint8", "boxes", [share])
    assert (only.agreement, only.relative) == (0.97, DEFAULTS["uint8"].relative)
    limit = resolve_limit("uint8", "boxes", [both])
    assert (limit.agreement, limit.relative, limit.reason) == (0.5, 0.002, "crowds")
    assert judge_agreement(0.96, only, noun="boxes") is not None
    assert judge_agreement(0.97, only, noun="boxes") is None
    with pytest.raises(ValueError, match=r"min_agreement 0\.5 is below 0\.9"):
        Tolerance(min_agreement=0.5)
