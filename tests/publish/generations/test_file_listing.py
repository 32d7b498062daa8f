"""Published catalogs, as publishing reads them."""

from typing import Any

from pipeline.catalog.types import CatalogFile, CatalogModel, CatalogTokenizer
from pipeline.publish.generations.file_listing import ListedModel

_SHA256 = "0" * 64


def _is_files(annotation: object) -> bool:
    return CatalogFile in getattr(annotation, "__args__", ()) or annotation is CatalogFile


def test_every_file_of_a_model_is_listed() -> None:
    """A file that publishing does not see would be removed from the published zoo."""
    kept: dict[str, Any] = {"name": "m", "status": "ok", "modelPath": None, "variants": []}
    fields = CatalogModel.model_fields
    lists = [name for name, field in fields.items() if _is_files(field.annotation)]
    files = {name: CatalogFile(path=f"m/{name}", bytes=1, sha256=_SHA256) for name in lists}
    tokenizer = CatalogTokenizer(path="m/t", bytes=1, sha256=_SHA256, ids="ids")
    made: dict[str, Any] = {name: [file] for name, file in files.items()}
    entry = CatalogModel.model_construct(tokenizer=tokenizer, variants=[], **made)
    stated: dict[str, Any] = {
        fields[name].alias or name: [{"path": file.path, "bytes": 1, "sha256": _SHA256}]
        for name, file in files.items()
    }
    stated["tokenizer"] = {"path": "m/t", "bytes": 1, "sha256": _SHA256}

    listed = ListedModel.model_validate({**kept, **stated})

    assert {"vectors", "label_files", "card_files"} <= set(lists)
    assert {file.path for file in listed.files()} == {file.path for file in entry.shared_files}
