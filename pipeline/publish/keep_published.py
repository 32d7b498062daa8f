"""Models that failed in this build and stay in the zoo as they were published before.

A build offers the last good result of a model that fails, from `.zoo/`. Where that result is
lost (a fresh machine, a cache that expired), the published files of the model are still in the
target, and the catalog goes on listing them. It opens no file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.catalog.types import RESULT_KEYS
from pipeline.publish.dist_contents import alias_files, listed_files
from pipeline.publish.generations.file_listing import PublishedCatalog
from pipeline.publish.generations.generation import PublishedFile


@dataclass(frozen=True, kw_only=True)
class KeptModels:
    """The models that failed and were published before.

    Attributes:
        catalog: The new catalog with the published entries of the models in `kept`.
        files: The files of these models by path; the target has them already.
        kept: Why each of these models failed this time, by name.
        lost: Models that failed and whose published files are gone: one missing file by name.
    """

    catalog: PublishedCatalog
    files: Mapping[str, PublishedFile]
    kept: Mapping[str, str]
    lost: Mapping[str, str]


def keep_published(
    catalog: PublishedCatalog,
    published: PublishedCatalog | None,
    *,
    present: Mapping[str, int],
    recorded: Mapping[str, PublishedFile],
    now: str,
) -> KeptModels:
    """Return the catalog with the published entries of models that failed.

    Args:
        catalog: The catalog that was built.
        published: The published catalog; None where nothing is published.
        present: Size of each file in the target, by path.
        recorded: The files in the target as they were published, by path.
        now: The time in UTC: a model that was not stale before is stale since then.
    """
    if published is None or all(model.status != "failed" for model in catalog.models):
        return KeptModels(catalog=catalog, files={}, kept={}, lost={})
    earlier = {model.name: (model, entry) for model, entry in published.pairs()}
    entries: list[Mapping[str, Any]] = []
    files: dict[str, PublishedFile] = {}
    kept: dict[str, str] = {}
    lost: dict[str, str] = {}
    for model, entry in catalog.pairs():
        entries.append(entry)
        was, published_entry = earlier.get(model.name, (None, {}))
        if model.status != "failed" or was is None or not was.model_path:
            continue
        needed = listed_files([was])
        gone = [path for path, file in needed.items() if present.get(path) != file.bytes]
        if gone:
            lost[model.name] = gone[0]
            continue
        aliases = {path: recorded[path] for path in alias_files(was) if path in recorded}
        files |= needed | aliases
        kept[model.name] = model.reason or "it failed"
        entries[-1] = _merge(entry, published_entry, now)
    merged = catalog.with_entries(entries) if kept else catalog
    return KeptModels(catalog=merged, files=files, kept=kept, lost=lost)


def _merge(failed: Mapping[str, Any], was: Mapping[str, Any], now: str) -> dict[str, Any]:
    """Return a published entry as stale, with the identity that the manifest states now."""
    identity = {key: value for key, value in failed.items() if key not in RESULT_KEYS}
    since = was.get("staleSince") or now
    stale = {"status": "stale", "reason": failed["reason"], "staleSince": since}
    return {**failed, **was, **identity, **stale}
