"""Variants compared: which errors, sizes and backends are regressions."""

from typing import Any

import pytest
from loader_zoo import check
from site_zoo import figures, model, variant

from pipeline.diff.difference_text import describe_size
from pipeline.diff.variant_changes import compare_variants

Json = dict[str, Any]


def compare(before: Json, after: Json) -> dict[str, tuple[str, ...]]:
    """Return what each change of a variant means, by its text."""
    sides = [model(variants=[side]) for side in (before, after)]
    (difference,) = compare_variants(*sides, absent=frozenset())
    return {change.text: change.marks for change in difference.changes}


def measured(error: float) -> Json:
    """Return a variant with this error; 0.002 is its limit."""
    return variant(checks={"wasm": check(outputs={"y": figures(error)})})


@pytest.mark.parametrize(
    ("before", "after", "marks"),
    [
        pytest.param(1e-3, 1.4e-3, (), id="less than half as large again"),
        pytest.param(1e-3, 1.6e-3, ("regression",), id="more than that"),
        pytest.param(1.6e-3, 1e-3, ("improvement",), id="the opposite"),
        pytest.param(1e-7, 1e-4, (), id="noise: a twentieth of the limit"),
        pytest.param(1e-7, 2.1e-4, ("regression",), id="above noise"),
    ],
)
def test_an_error_that_grew_is_a_regression(
    before: float, after: float, marks: tuple[str, ...]
) -> None:
    (found,) = compare(measured(before), measured(after)).values()

    assert found == marks


def test_an_error_that_reads_the_same_is_none() -> None:
    assert compare(measured(1e-8), measured(2e-8)) == {}


def sized(size: int) -> Json:
    """Return a variant of a size."""
    files = [{"path": f"models/one/{size}/model.json", "bytes": size, "sha256": f"{size:064}"}]
    return variant(size=size, files=files)


@pytest.mark.parametrize(
    ("before", "after", "marks"),
    [(1000, 1100, ()), (1000, 1101, ("regression",)), (1101, 1000, ("improvement",))],
)
def test_a_size_that_grew_by_a_tenth_is_a_regression(
    before: int, after: int, marks: tuple[str, ...]
) -> None:
    changes = compare(sized(before), sized(after))

    assert changes.pop("variant float32: other graph") == ()
    assert list(changes.values()) == [marks]


def test_a_backend_that_runs_it_no_more_is_a_regression() -> None:
    good = {name: check(outputs={"y": figures(1e-4)}) for name in ("wasm", "cpu")}
    bad = {**good, "cpu": check("unsupported", reason="lacks Foo")}
    there, gone = variant(checks=good), variant(checks=bad)

    text = "variant float32: on cpu ok → unsupported: lacks Foo"
    assert compare(there, gone) == {text: ("regression",)}
    assert list(compare(gone, there).values()) == [("improvement",)]


@pytest.mark.parametrize(
    ("before", "after", "marks"),
    [
        ("equal", "close", ("regression",)),
        ("close", "equal", ("improvement",)),
        (None, "close", ()),
        ("close", None, ()),
        ("close", "close", None),
    ],
)
def test_a_variant_that_is_only_close_now_is_a_regression(
    before: str | None, after: str | None, marks: tuple[str, ...] | None
) -> None:
    changes = compare(variant(agreement=before), variant(agreement=after))
    text = f"variant float32: {before or 'ok'} → {after or 'ok'}"

    assert changes == ({} if marks is None else {text: marks})


def test_a_backend_that_was_not_tried_is_no_regression() -> None:
    good = check(outputs={"y": figures(1e-4)}, agreement="equal")
    untried = check("untried", reason="there is no browser")
    there, gone = (variant(checks={"wasm": good, "webgl": one}) for one in (good, untried))

    assert compare(there, gone) == {
        "variant float32: on webgl equal → not tried: there is no browser": ()
    }
    assert compare(gone, there) == {"variant float32: on webgl not tried → equal": ()}


def test_a_flag_that_a_page_has_to_set_is_breaking() -> None:
    plain = check(outputs={"y": figures(1e-4)})
    flags = {**plain, "requires": {"KEEP_INTERMEDIATE_TENSORS": True}}
    without, needed = (variant(checks={"wasm": one}) for one in (plain, flags))

    assert list(compare(without, needed).values()) == [("breaking",)]
    assert list(compare(needed, without).values()) == [("improvement",)]


@pytest.mark.parametrize(
    ("status", "marks"),
    [
        ("skipped", ("breaking",)),
        ("withheld", ("breaking", "regression")),
        ("failed", ("breaking", "regression")),
    ],
)
def test_a_variant_that_was_published_and_is_not_breaks_code(
    status: str, marks: tuple[str, ...]
) -> None:
    changes = compare(variant(), variant(size=None, status=status, reason="why\nnot"))

    assert changes == {f"variant float32: {status}: why; was published": marks}


def test_the_table_says_which_variants_are_new_gone_and_withheld() -> None:
    plain, withheld = variant("uint8", 4096), variant("uint8", None)

    def size(before: list[Json], after: list[Json]) -> str:
        sides = [model(variants=[variant(), *side]) for side in (before, after)]
        *_, found = compare_variants(*sides, absent=frozenset())
        return describe_size(found)

    assert size([plain], []) == "4 KiB → gone"
    assert size([], [plain]) == "new, 4 KiB"
    assert size([plain], [withheld]) == "4 KiB → withheld"
    assert size([plain], [withheld | {"bytes": 4096}]) == "4 KiB → withheld"
    assert size([], [withheld]) == "new, withheld"
    assert size([withheld], []) == "withheld → gone"
