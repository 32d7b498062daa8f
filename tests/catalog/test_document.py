"""The catalog and its cards: entries of models, and the schema that describes them."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.catalog.card import (
    alias_model_json,
    build_card,
    missing_variant_entry,
    variant_entry,
    variant_folder,
)
from pipeline.catalog.document import build_catalog, failed_entry, format_schema, stale_entry
from pipeline.catalog.types import Catalog, CatalogModel
from pipeline.manifest.model import CATALOG_KEYS

FILES = [{"path": "model.json", "bytes": 10, "sha256": "a" * 64}]
RECORD = {"name": "float32", "weights": {"float32": 2}, "keptFloat32": []}
TENSOR = {"id": 0, "dtype": "float32", "jsDtype": "float32", "shape": [-1, 4]}
SIGNATURE: dict[str, Any] = {
    "format": "graph-model",
    "inputs": [{**TENSOR, "name": "x", "tensor": "x:0"}],
    "outputs": [{**TENSOR, "name": "boxes", "tensor": "Identity:0", "proof": "structure"}],
    "requiresAsync": False,
    "parameters": 8,
    "ops": {"MatMul": 1},
}
CHECK: dict[str, Any] = {
    "status": "ok",
    "reason": None,
    "tfjs": "4.22.0",
    "missingOps": [],
    "requires": {},
    "unproved": {},
    "outputs": {},
}
SOURCE = {
    "uri": "npm:a@1.0.0#b",
    "sha256": "b" * 64,
    "format": "tfjs_graph_model",
    "tagSets": None,
    "signatureKey": None,
    "signatures": None,
}


def identity(**extra: Any) -> dict[str, Any]:
    """Return what a manifest says of a model."""
    return {
        **extra,
        "name": "one",
        "title": None,
        "description": None,
        "task": None,
        "tags": [],
        "license": None,
        "licenseUrl": None,
        "homepage": None,
    }


def card(**extra: Any) -> dict[str, Any]:
    """Return the card of a model with one good variant and one that was skipped."""
    return build_card(
        identity(**extra),
        source=SOURCE,
        signature=SIGNATURE,
        hints={SIGNATURE["inputs"][0]["name"]: {"low": -1.0, "high": 1.0}},
        mapping={
            "map": {"boxes": "Identity:0"},
            "roles": {"Identity:0": "boxes"},
            "source": {"boxes": "inferred"},
            "evidence": {"boxes": ["it is behind non-maximum suppression"]},
            "conventions": {"boxes": {"order": "yxyx"}},
            "abstained": {},
            "usable": True,
        },
        repairs=["Cast to bool replaced (1 in this graph)"],
        proofs={"boxes": {"proof": "value", "reason": None}},
        vectors=[{"path": "models/one/vectors-1/vectors.bin", "bytes": 3, "sha256": "c" * 64}],
        variants=[
            variant_entry("one", RECORD, FILES, checks={"wasm": CHECK}),
            missing_variant_entry("uint8", "skipped", "too small"),
        ],
    )


def test_a_card_offers_its_base_and_says_what_is_missing() -> None:
    made = card(minScore=0.5)
    folder = variant_folder("float32", {"model.json": "a" * 64})

    assert made["modelPath"] == f"models/one/{folder}/model.json"
    assert made["outputs"][0]["role"] == "boxes"
    assert made["outputs"][0]["proof"] == "value"
    assert made["inputs"][0]["range"] == [-1.0, 1.0]
    assert made["minScore"] == 0.5
    assert made["variants"][1]["files"] == []
    assert made["variants"][1]["reason"] == "too small"


def test_a_folder_is_named_by_its_content() -> None:
    one = variant_folder("uint8", {"model.json": "a" * 64})

    assert one.startswith("uint8-")
    assert one != variant_folder("uint8", {"model.json": "b" * 64})
    assert one == variant_folder("uint8", {"model.json": "a" * 64})


def test_all_kinds_of_entry_fit_the_types() -> None:
    entries = [
        card(),
        stale_entry(card(), reason="broken", since="2026-01-01T00:00:00Z"),
        failed_entry(identity(), uri="file:x", reason="broken"),
    ]
    for number, entry in enumerate(entries):
        entry["name"] = f"model-{number}"
    zoo = {"name": "Zoo", "description": None, "homepage": None}
    catalog = build_catalog(reversed(entries), zoo=zoo, toolchain={"tensorflow": "2.19.0"})

    Catalog.model_validate(catalog)
    assert [model["name"] for model in catalog["models"]] == ["model-0", "model-1", "model-2"]


def test_an_entry_that_lacks_a_key_is_refused() -> None:
    broken = {key: value for key, value in card().items() if key != "ops"}

    with pytest.raises(ValidationError, match="ops"):
        CatalogModel.model_validate(broken)


def test_extra_may_not_shadow_a_key_of_the_catalog() -> None:
    fields = {field.alias for field in CatalogModel.model_fields.values()}

    assert fields <= CATALOG_KEYS


def test_the_schema_describes_every_field() -> None:
    schema = json.loads(format_schema())
    described = [
        "description" in prop or "$ref" in prop
        for definition in schema["$defs"].values()
        for prop in definition["properties"].values()
    ]

    assert described
    assert all(described)


def test_an_alias_reaches_into_the_folder_beside_it() -> None:
    made = alias_model_json(
        {"weightsManifest": [{"paths": ["a.bin", "b.bin"], "weights": []}]}, "uint8-1234"
    )

    assert made["weightsManifest"][0]["paths"] == ["../uint8-1234/a.bin", "../uint8-1234/b.bin"]
