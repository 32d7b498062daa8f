"""Words for verdicts."""

from typing import Any

import pytest
from loader_zoo import check
from site_zoo import model, variant

from pipeline.catalog.types import CatalogVariant
from pipeline.catalog.verdict_words import check_word, count_verdicts, variant_word
from pipeline.records.verdicts import CatalogCheck


@pytest.mark.parametrize(
    ("status", "agreement", "word"),
    [
        ("ok", "equal", "equal"),
        ("ok", "close", "close"),
        ("ok", None, "ok"),
        ("failed", "wrong", "wrong"),
        ("failed", None, "fails"),
        ("unsupported", None, "unsupported"),
        ("untried", None, "not tried"),
    ],
)
def test_a_check_has_a_word(status: str, agreement: str | None, word: str) -> None:
    made = CatalogCheck.model_validate(check(status, agreement=agreement))

    assert check_word(made) == word


def test_a_backend_without_a_check_was_not_tried() -> None:
    assert check_word(None) == "not tried"


@pytest.mark.parametrize(
    ("size", "others", "word"),
    [
        (1, {"agreement": "equal"}, "equal"),
        (1, {"agreement": "close"}, "close"),
        (1, {}, "ok"),
        (None, {}, "withheld"),
        (None, {"status": "skipped"}, "skipped"),
    ],
)
def test_a_variant_has_a_word(size: int | None, others: dict[str, Any], word: str) -> None:
    assert variant_word(CatalogVariant.model_validate(variant(size=size, **others))) == word


def test_verdicts_are_counted() -> None:
    equal, close = (variant(agreement=word) for word in ("equal", "close"))
    models = [
        model(name="a", variants=[equal, close, variant("uint8", None)], provisional="why"),
        model(name="b", variants=[equal, variant("uint8", None, status="skipped")]),
        model(name="c", variants=[], provisional="it failed"),
    ]
    found = count_verdicts(models)

    assert found.describe_variants() == "2 equal, 1 close, 1 withheld"
    assert found.describe_variants("close") == "1 close"
    assert found.describe_provisional() == "1 model (a)"


def test_where_nothing_was_judged_nothing_is_told() -> None:
    found = count_verdicts([model(variants=[variant()])])

    assert found.describe_variants() == found.describe_provisional() == ""
