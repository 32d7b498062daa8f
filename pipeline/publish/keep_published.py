"""Carrying over: a model that failed this time goes on being offered as it was published.

A build offers the last good result of a model that fails, from `.zoo/`. Where that is lost (a
fresh machine, a cache that expired) it cannot; what is published still can. The functions
here open no file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.catalog.document import failed_entry, stale_entry
from pipeline.publish.dist_contents import alias_files, listed_files
from pipeline.publish.generation import PublishedFile

_NOT_IDENTITY = frozenset(failed_entry({}, uri="", reason=None))


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What the published zoo goes on offering.

    Attributes:
        catalog: The new catalog with the entries of those models.
        files: Their files by path, which are in the place already.
        kept: Why each of those models failed this time, by name.
        lost: Models that failed and whose published files are gone, each with one of them.
    """

    catalog: Mapping[str, Any]
    files: Mapping[str, PublishedFile]
    kept: Mapping[str, str]
    lost: Mapping[str, str]


def carry_over(
    catalog: Mapping[str, Any],
    published: Mapping[str, Any] | None,
    *,
    present: Mapping[str, int],
    recorded: Mapping[str, PublishedFile],
    now: str,
) -> Carried:
    """Return the catalog with published entries in place of those that failed.

    Args:
        catalog: As it was built.
        published: As it is published; None where nothing is.
        present: Size of each file in the place, by path.
        recorded: What is known of the files there, by path.
        now: In UTC, since when a model is stale that was not before.
    """
    before = {entry["name"]: entry for entry in published["models"]} if published else {}
    entries: list[Mapping[str, Any]] = []
    files: dict[str, PublishedFile] = {}
    kept: dict[str, str] = {}
    lost: dict[str, str] = {}
    for entry in catalog["models"]:
        was = before.get(entry["name"])
        if entry["status"] != "failed" or was is None or not was["modelPath"]:
            entries.append(entry)
            continue
        needed = listed_files([was])
        gone = [path for path, file in needed.items() if present.get(path) != file.bytes]
        if gone:
            lost[entry["name"]] = gone[0]
            entries.append(entry)
            continue
        aliases = {path: recorded[path] for path in alias_files(was) if path in recorded}
        files |= needed | aliases
        kept[entry["name"]] = entry["reason"] or "it failed"
        entries.append(_merge(entry, was, now))
    return Carried(catalog={**catalog, "models": entries}, files=files, kept=kept, lost=lost)


def _merge(failed: Mapping[str, Any], was: Mapping[str, Any], now: str) -> dict[str, Any]:
    """Return a published entry with what the manifest says now, and why it is stale."""
    identity = {key: value for key, value in failed.items() if key not in _NOT_IDENTITY}
    merged = {**failed, **was, **identity}
    return stale_entry(merged, reason=failed["reason"], since=was.get("staleSince") or now)
