"""Comparing two real builds of a zoo: what is new, gone, changed, and what it means."""

import pytest
from changed_zoos import HOSTILE, ChangedZoo, build_twice, found, told

from pipeline.diff.catalog_reader import nothing_published
from pipeline.diff.compare import compare_catalogs

pytestmark = pytest.mark.network  # TensorFlow.js, once


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> ChangedZoo:
    """Return a zoo that was built, changed, and built again."""
    return build_twice(tmp_path_factory.getbasetemp())


def test_a_zoo_is_what_it_was_where_nothing_changed(changed: ChangedZoo) -> None:
    difference = compare_catalogs(changed.after, changed.after)

    assert difference.models == []
    assert difference.unchanged == 10


def test_every_model_that_changed_is_found_and_no_other(changed: ChangedZoo) -> None:
    difference = changed.compare()

    assert {model.name: model.fate for model in difference.models} == {
        "broken": "changed",
        "fewer": "changed",
        "gone": "gone",
        "new": "new",
        "renamed": "changed",
        "role": "changed",
        "shape": "changed",
        "source": "changed",
        "strict": "changed",
        "title": "changed",
    }
    assert difference.unchanged == 1
    assert not difference.is_first


def test_names_roles_and_shapes_are_breaking(changed: ChangedZoo) -> None:
    difference = changed.compare()

    breaking = ("breaking",)
    assert told(found(difference, "renamed"))["output Identity: is called logits now"] == breaking
    assert told(found(difference, "role"))["role scores: Identity:0 → Identity_1:0"] == breaking
    shape = told(found(difference, "shape"))
    assert shape["output Identity: shape [?, 512] → [?, 640]"] == breaking
    assert told(found(difference, "gone")) == {"gone": breaking}
    assert told(found(difference, "fewer")) == {
        "variant float16: gone": breaking,
        "license: none → MIT": (),
    }


def test_a_variant_that_is_withheld_now_is_both(changed: ChangedZoo) -> None:
    model = found(changed.compare(), "strict")

    (variant,) = (one for one in model.variants if one.fate)
    assert variant.name == "uint8"
    assert variant.before is not None
    assert variant.after is not None
    assert (variant.before.status, variant.after.status) == ("ok", "withheld")
    assert variant.before.bytes is not None
    assert variant.after.bytes is None
    assert variant.after.deviation is not None
    assert variant.after.deviation.strain > 1
    (change,) = variant.changes
    assert change.marks == ("breaking", "regression")
    assert "was published" in change.text


def test_a_variant_that_passes_now_is_an_improvement(changed: ChangedZoo) -> None:
    back = compare_catalogs(changed.after, changed.before)

    assert list(told(found(back, "strict")).values()) == [("improvement",)]
    assert told(found(back, "broken"))["works again"] == ("improvement",)


def test_other_weights_of_the_same_form_break_nothing(changed: ChangedZoo) -> None:
    model = found(changed.compare(), "source")

    assert model.marks == []
    assert {"variant float32: other weights", "variant uint16: other weights"} <= {*told(model)}


def test_sizes_and_errors_are_told_before_and_after(changed: ChangedZoo) -> None:
    model = found(changed.compare(), "shape")

    for variant in model.variants:
        assert variant.before is not None
        assert variant.after is not None
        assert variant.before.bytes is not None
        assert variant.after.bytes is not None
        assert variant.after.bytes > 1.1 * variant.before.bytes
        assert variant.before.deviation is not None
        assert variant.after.deviation is not None
    text = next(text for text, marks in told(model).items() if marks == ("regression",))
    assert text.startswith("variant float32: 19 KiB → ")


def test_a_model_that_failed_is_a_regression_and_its_outputs_are_not_gone(
    changed: ChangedZoo,
) -> None:
    model = found(changed.compare(), "broken")

    assert (model.before, model.after) == ("ok", "stale")
    assert list(told(model).values()) == [("regression",)]


def test_what_the_manifest_says_is_told_without_a_mark(changed: ChangedZoo) -> None:
    model = found(changed.compare(), "title")

    assert told(model) == {f"title: none → {HOSTILE}": ()}


def test_all_is_new_where_nothing_was_published(changed: ChangedZoo) -> None:
    difference = compare_catalogs(nothing_published("s3://b/z"), changed.before)

    assert difference.is_first
    assert {model.fate for model in difference.models} == {"new"}
    assert not any(model.marks for model in difference.models)
    assert {variant.fate for variant in found(difference, "strict").variants} == {"new"}
