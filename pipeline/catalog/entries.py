"""Entries: what the catalog says of each model now, from its card or the lack of one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.catalog.document import failed_entry, stale_entry
from pipeline.disk.json_file import load_json, read_json
from pipeline.engine.outcome import Outcome
from pipeline.errors import DamagedFileError


def model_entry(
    card: Path, outcome: Outcome | None, identity: Mapping[str, Any], *, uri: str
) -> dict[str, Any]:
    """Return the catalog's entry of a model.

    Args:
        card: Folder of its last good card; it need not be there.
        outcome: How its card ended; None where it has not run.
        identity: What the manifest says of it now.
        uri: Its source, without credentials.
    """
    if outcome is not None and outcome.status == "ok":
        return read_json(card / "card.json")
    reason = outcome.reason if outcome is not None else "it was not built"
    try:
        last_good = read_json(card / "card.json")
    except (FileNotFoundError, DamagedFileError):
        return failed_entry(identity, uri=uri, reason=reason)
    since = read_since(card.with_name("card.since.json"))
    if since is None:
        return failed_entry(identity, uri=uri, reason=reason)
    return stale_entry({**last_good, **identity}, reason=reason, since=since)


def read_since(file: Path) -> str | None:
    """Read since when a step is not ok, in UTC; None where that is not known."""
    wire = load_json(file)
    since = wire.value.get("since") if wire and isinstance(wire.value, dict) else None
    return since if isinstance(since, str) else None
