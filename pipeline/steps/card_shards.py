"""Places the files of a variant in a card's folder; models of one family share their shards.

The variant's own shards lie beside its model.json, in a folder that is named by content. Models
that `signatures` made of one source have equal weights in shards of their own: each such shard has
the name of its content, in a folder that all models of the family refer to.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.catalog.card import model_folder, variant_folder
from pipeline.catalog.types import CatalogFile
from pipeline.disk.canonical import format_json
from pipeline.disk.files import link_or_copy

_ENTRY = "model.json"
# Shards of many models lie in one folder, so more digits than a variant's folder has.
_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class PlacedVariant:
    """The files of a variant.

    Attributes:
        folder: Its folder in that of the model: "float16-3f2a9c1b".
        files: model.json first, then its shards; paths relative to its folder.
        model_json: The content of its model.json.
    """

    folder: str
    files: list[CatalogFile]
    model_json: Mapping[str, Any]


def place_variant(  # noqa: PLR0913  # a variant, and where it goes
    made: Path,
    card: Path,
    *,
    name: str,
    model_json: Mapping[str, Any],
    digests: Mapping[str, str],
    family: str | None,
) -> PlacedVariant:
    """Bring the files of a variant into the folder of a card.

    Args:
        made: Folder of the variant.
        card: Folder of the card, which holds a model's files as `models/NAME` will.
        name: Name of the variant.
        model_json: The content of its model.json.
        digests: SHA-256 of its files, by path.
        family: Name of the models with which it shares shards; None if it shares none.
    """
    paths = [path for group in model_json["weightsManifest"] for path in group["paths"]]
    places = {path: path if family is None else _share(digests[path], family) for path in paths}
    content = (made / _ENTRY).read_bytes()
    if family is not None:
        model_json = _with_places(model_json, places)
        content = format_json(model_json, indent=None, sort_keys=False)
    entry = CatalogFile(path=_ENTRY, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    by_place = {places[path]: path for path in paths}
    shards = [
        CatalogFile(path=place, bytes=(made / path).stat().st_size, sha256=digests[path])
        for place, path in by_place.items()
    ]
    files = [entry, *shards]
    folder = variant_folder(name, {file.path: file.sha256 for file in files})
    (card / folder).mkdir()
    if family is None:
        link_or_copy(made / _ENTRY, card / folder / _ENTRY)
    else:
        (card / folder / _ENTRY).write_bytes(content)
    for place, path in by_place.items():
        inside = place.removeprefix("../../")
        target = card / folder / place if family is None else card / model_folder(inside)
        if not target.exists():  # another variant may have put it there
            link_or_copy(made / path, target)
    return PlacedVariant(folder=folder, files=files, model_json=model_json)


def _share(sha256: str, family: str) -> str:
    """Return the place of a shard by its content, as seen from a variant's folder."""
    return f"../../{family}/weights/{sha256[:_DIGITS]}.bin"


def _with_places(model_json: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, Any]:
    groups = [
        {**group, "paths": [places[path] for path in group["paths"]]}
        for group in model_json["weightsManifest"]
    ]
    return {**model_json, "weightsManifest": groups}
