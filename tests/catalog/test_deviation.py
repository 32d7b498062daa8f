"""How far a variant is off, as one number."""

from typing import Any

import pytest
from loader_zoo import check, tensor
from site_zoo import LIMIT, figures, model, variant

from pipeline.catalog.deviation import deciding_backend, sort_backends, worst_deviation
from pipeline.catalog.types import CatalogOutput, CatalogVariant
from pipeline.records.verdicts import CatalogCheck

Y = CatalogOutput.model_validate(tensor(0, "y", [-1, 4]))
WHOLE = CatalogOutput.model_validate(tensor(1, "n", [1], dtype="int32"))


def measure(**outputs: Any) -> Any:
    """Return the deviation that speaks for a check of some figures."""
    return worst_deviation(CatalogCheck.model_validate(check(outputs=outputs)), [Y, WHOLE])


def test_a_raw_output_is_off_by_its_largest_error() -> None:
    found = measure(y=figures(5e-4))

    assert (found.output, found.share, found.limit) == ("y", 5e-4, 2e-3)
    assert found.what == "of the range"
    assert found.strain == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("gate", "what"),
    [("boxes", "boxes"), ("rows", "rows"), ("choice", "values"), ("keypoints", "keypoints")],
)
def test_a_set_is_off_by_what_disagrees(gate: str, what: str) -> None:
    found = measure(y=figures(0.9, gate=gate, metrics={"agreement": 0.98}))

    assert (found.share, found.limit, found.what) == (0.02, 0.01, f"of the {what}")


def test_the_output_nearest_to_its_limit_speaks() -> None:
    wide = {**LIMIT, "maxRelError": 0.5, "reason": "noise"}

    assert measure(y=figures(0.1, tolerance=wide), z=figures(1e-3)).output == "z"


def test_a_whole_number_is_right_or_wrong() -> None:
    found = measure(n=figures(0.7, mismatchesPerMillion=1000.0))

    assert (found.share, found.what) == (1e-3, "of the values")


@pytest.mark.parametrize(("error", "limit"), [(0.0, None), (0.1, 0.1)])
def test_steps_of_a_quantized_output_are_a_share_of_its_range(
    error: float, limit: float | None
) -> None:
    # figures() says that an error of 1 is a tenth of the range.
    found = measure(n=figures(error, tolerance={**LIMIT, "maxRelError": None, "maxAbsError": 1}))

    assert (found.share, found.limit, found.what) == (error, limit, "of the range")


def test_a_limit_in_the_unit_of_the_output_becomes_a_share() -> None:
    found = measure(y=figures(5e-4, tolerance={**LIMIT, "maxRelError": None, "maxAbsError": 0.02}))

    # figures() says that an error of 1 is a tenth of the range.
    assert found.limit == pytest.approx(2e-3)


def test_what_rounding_explains_is_the_limit_of_what_is_equal() -> None:
    explained = {**LIMIT, "explainedRelError": 1e-5}

    for agreement, limit in (("equal", 1e-5), ("close", LIMIT["maxRelError"])):
        made = check(outputs={"y": figures(2e-6, tolerance=explained)}, agreement=agreement)
        found = worst_deviation(CatalogCheck.model_validate(made), ())
        assert found is not None
        assert found.limit == limit


def test_nothing_measured_is_no_deviation() -> None:
    assert measure(y=figures(None)) is None
    assert measure() is None


def test_the_backend_that_gets_the_base_right_speaks() -> None:
    good, bad = check(outputs={"y": figures(0.0)}), check("failed", outputs={"y": figures(0.9)})
    base = CatalogVariant.model_validate(variant(checks={"wasm": bad, "cpu": good}))
    withheld = CatalogVariant.model_validate(
        variant("uint8", None, checks={"wasm": bad, "cpu": bad})
    )
    unsupported = CatalogVariant.model_validate(variant(checks={"wasm": check("unsupported")}))

    assert deciding_backend(base, base) == "cpu"
    assert deciding_backend(withheld, base) == "cpu"
    assert deciding_backend(unsupported, base) is None


def test_backends_have_an_order_and_unknown_ones_come_last() -> None:
    assert sort_backends(["webnn", "webgpu", "cpu", "wasm"]) == ["wasm", "cpu", "webgpu", "webnn"]
    assert model().variants[0].checks.keys() == {"wasm"}
