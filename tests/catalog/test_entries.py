"""Entries: what the catalog says of a model whose card is there, old, damaged or missing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from catalog_entries import failed_entry
from site_zoo import entry

from pipeline.catalog.entries import model_entry
from pipeline.catalog.types import CatalogModel, ModelIdentity
from pipeline.engine.outcome import Outcome
from pipeline.errors import DamagedFileError

OK = Outcome(status="ok")
FAILED = Outcome(status="failed", reason="no route to host")
CARD = CatalogModel.model_validate(entry(title="Old", minScore=0.5)).to_json()
SINCE = "2026-01-31T00:00:00Z"
NOW = ModelIdentity(
    name="one",
    title="New",
    description=None,
    task=None,
    tags=[],
    license=None,
    license_url=None,
    homepage=None,
)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Return the folder of a card that was made, and of which a later build failed."""
    folder = tmp_path / "card"
    folder.mkdir()
    (folder / "card.json").write_text(json.dumps(CARD))
    (tmp_path / "card.since.json").write_text(json.dumps({"since": SINCE}))
    return folder


def listed(card: Path, outcome: Outcome | None) -> CatalogModel:
    """Return the entry of the model."""
    return model_entry(card, outcome, NOW, uri="m.pb")


def test_a_card_that_was_made_stands_in_the_catalog_as_it_is(card: Path) -> None:
    assert listed(card, OK).to_json() == CARD


def test_a_model_that_fails_now_is_offered_as_it_was_last(card: Path) -> None:
    stale = listed(card, FAILED)

    assert (stale.status, stale.reason, stale.stale_since) == ("stale", "no route to host", SINCE)
    assert (stale.title, stale.variants) == ("New", listed(card, OK).variants)


def lose_card(card: Path) -> None:
    (card / "card.json").unlink()


def damage_card(card: Path) -> None:
    (card / "card.json").write_text('{"name": "one"')


def lose_time(card: Path) -> None:
    card.with_name("card.since.json").unlink()


def damage_time(card: Path) -> None:
    card.with_name("card.since.json").write_text('{"since": 3}')


@pytest.mark.parametrize("change", [lose_card, damage_card, lose_time, damage_time])
def test_a_model_that_fails_and_has_no_whole_card_offers_nothing(
    card: Path, change: Callable[[Path], None]
) -> None:
    change(card)

    failed = failed_entry({"name": "one", "title": "New"}, uri="m.pb", reason="no route to host")
    assert listed(card, FAILED).to_json() == failed


def test_a_model_that_was_not_built_says_so(tmp_path: Path) -> None:
    assert listed(tmp_path / "card", None).reason == "it was not built"


def test_a_card_that_was_damaged_after_it_was_made_is_an_error(card: Path) -> None:
    damage_card(card)

    with pytest.raises(DamagedFileError, match=r"card\.json"):
        listed(card, OK)
