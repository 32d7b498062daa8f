"""Entries: what the catalog says of each model now, from its card or the lack of one."""

from pathlib import Path

from pipeline.catalog.card import CARD_FILE, failed_model, stale_model
from pipeline.catalog.completion import parse_model
from pipeline.catalog.types import CatalogModel, ModelIdentity
from pipeline.disk.json_file import load_json, read_json
from pipeline.engine.outcome import Outcome
from pipeline.errors import DamagedFileError


def model_entry(
    card: Path, outcome: Outcome | None, identity: ModelIdentity, *, uri: str
) -> CatalogModel:
    """Return the catalog's entry of a model.

    Args:
        card: Folder of its last good card; it need not be there.
        outcome: How its card ended; None where it has not run.
        identity: What the manifest says of it now.
        uri: Its source, without credentials.

    Raises:
        DamagedFileError: The card is not what was written.
        OSError: It cannot be read.
    """
    if outcome is not None and outcome.status == "ok":
        return load_card(card)
    reason = outcome.reason if outcome is not None else "it was not built"
    since = read_since(card.with_name("card.since.json"))
    try:
        last_good = load_card(card)
    except (FileNotFoundError, DamagedFileError):
        last_good = None
    if last_good is None or since is None:
        return failed_model(identity, uri=uri, reason=reason)
    return stale_model(last_good, identity, reason=reason, since=since)


def load_card(folder: Path) -> CatalogModel:
    """Read a card; one of an older version has its missing fields empty.

    Raises:
        DamagedFileError: It is not what was written.
        OSError: It cannot be read.
    """
    return parse_model(read_json(folder / CARD_FILE), CARD_FILE, error=DamagedFileError)


def read_since(file: Path) -> str | None:
    """Read since when a step is not ok, in UTC; None where that is not known."""
    wire = load_json(file)
    since = wire.value.get("since") if wire and isinstance(wire.value, dict) else None
    return since if isinstance(since, str) else None
