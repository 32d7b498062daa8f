"""The catalog and its cards: entries of models, and the schema that describes them."""

import json
from typing import Any

import pytest
from pydantic import ValidationError
from signatures import Port, signature_of

from pipeline.catalog.card import (
    CardParts,
    alias_model_json,
    build_card,
    failed_model,
    missing_variant,
    published_variant,
    stale_model,
    variant_folder,
    with_labels,
)
from pipeline.catalog.document import build_catalog, format_schema
from pipeline.catalog.types import Catalog, CatalogFile, CatalogModel, CatalogZoo, ModelIdentity
from pipeline.manifest.model import CATALOG_KEYS
from pipeline.records.contract import Contracts, InputContract
from pipeline.records.roles import RoleMap
from pipeline.records.source import About, ConvertedSource, FetchedSource, Labels
from pipeline.records.variant import VariantRecord
from pipeline.records.verdicts import CatalogCheck, NameProof

FILES = [CatalogFile(path="model.json", bytes=10, sha256="a" * 64)]
LABELS = CatalogFile(path="models/one/labels-1/labels.json", bytes=9, sha256="d" * 64)
RECORD = VariantRecord(name="float32", weights={"float32": 2}, kept_float32=[], bytes=10)
SIGNATURE = signature_of(
    [Port(name="x", shape=(None, 4))],
    [Port(name="boxes", tensor="Identity:0", shape=(None, 4))],
)
ROLES = RoleMap(
    map={"boxes": "Identity:0"},
    roles={"Identity:0": ("boxes",)},
    source={"boxes": "inferred"},
    evidence={"boxes": ("it is behind non-maximum suppression",)},
    conventions={"boxes": {"order": "yxyx"}},
    abstained={},
    usable=True,
)
CHECK = CatalogCheck(
    status="ok", reason=None, tfjs="4.22.0", missing_ops=[], requires={}, unproved={}, outputs={}
)


def identity(**extra: Any) -> ModelIdentity:
    """Return what a manifest says of a model."""
    stated = ModelIdentity(
        name="one",
        title=None,
        description=None,
        task=None,
        tags=[],
        license=None,
        license_url=None,
        homepage=None,
    )
    return stated.with_extra(extra)


def card(*, judged_as: str | None = None, **extra: Any) -> CatalogModel:
    """Return the card of a model with one good variant and one that was skipped."""
    return build_card(
        identity(**extra),
        CardParts(
            fetched=FetchedSource(entry="model.json", uri="npm:a@1.0.0#b", sha256="b" * 64),
            converted=ConvertedSource(
                format="tfjs_graph_model",
                output_format="tfjs_graph_model",
                repairs=["Cast to bool replaced (1 in this graph)"],
                about=About(title="Boxes", author="Somebody", license="MIT"),
            ),
            signature=SIGNATURE,
            contracts=Contracts(
                inputs={"x": InputContract(range=(-1.0, 1.0))},
                provisional=None,
                judged_as=judged_as,
            ),
            roles=ROLES,
            proofs={"boxes": NameProof(proof="value", reason=None)},
            vectors=[
                CatalogFile(path="models/one/vectors-1/vectors.bin", bytes=3, sha256="c" * 64)
            ],
            variants=[
                published_variant("one", RECORD, FILES, checks={"wasm": CHECK}, agreement="equal"),
                missing_variant("uint8", "skipped", "too small"),
            ],
        ),
    )


def test_a_card_offers_its_base_and_says_what_is_missing() -> None:
    made = card(minScore=0.5)
    folder = variant_folder("float32", {"model.json": "a" * 64})

    assert made.variants[0].agreement == "equal"
    assert made.model_path == f"models/one/{folder}/model.json"
    assert (made.outputs[0].role, made.outputs[0].proof) == ("boxes", "value")
    assert (made.inputs[0].range, made.inputs[0].shape) == ((-1.0, 1.0), [-1, 4])
    assert made.to_json()["minScore"] == 0.5
    assert (made.variants[1].files, made.variants[1].reason) == ([], "too small")


def test_a_card_says_in_which_form_its_source_was_judged() -> None:
    judged = card(judged_as="its float form; up to 3% of the range away").to_json()["source"]

    assert judged["judgedAs"] == "its float form; up to 3% of the range away"
    assert "judgedAs" not in card().to_json()["source"]


def test_what_the_source_says_of_itself_stands_where_the_manifest_is_silent() -> None:
    made = card()
    stale = stale_model(made, identity(), reason="broken", since="2026-01-01T00:00:00Z")
    asked = identity().model_copy(update={"license": "Apache-2.0"})

    assert (made.title, made.license, made.description) == ("Boxes", "MIT", None)
    assert made.to_json()["source"]["about"]["author"] == "Somebody"
    assert (stale.title, stale.license) == ("Boxes", "MIT")
    assert asked.with_about(made.source.about).license == "Apache-2.0"


def test_labels_of_an_output_are_a_file() -> None:
    labels = Labels(of="values", names=["cat", "dog"])
    labelled = with_labels(card(), {"boxes": labels}, {"boxes": LABELS})
    made = labelled.to_json()

    assert made["outputs"][0]["labels"] == {"of": "values", "count": 2, "path": LABELS.path}
    assert made["labelFiles"] == [LABELS.to_json()]
    assert {file.path for file in labelled.shared_files} >= {LABELS.path}


def test_a_folder_is_named_by_its_content() -> None:
    one = variant_folder("uint8", {"model.json": "a" * 64})

    assert one.startswith("uint8-")
    assert one != variant_folder("uint8", {"model.json": "b" * 64})
    assert one == variant_folder("uint8", {"model.json": "a" * 64})


def test_a_model_that_fails_now_is_offered_as_it_was_under_what_the_manifest_says_now() -> None:
    made = card(minScore=0.5)
    now = identity(minScore=0.7).model_copy(update={"title": "New"})
    stale = stale_model(made, now, reason="broken", since="2026-01-01T00:00:00Z")

    assert stale.to_json() == {
        **made.to_json(),
        "title": "New",
        "minScore": 0.7,
        "status": "stale",
        "reason": "broken",
        "staleSince": "2026-01-01T00:00:00Z",
    }
    assert made.to_json() == card(minScore=0.5).to_json()


def test_all_kinds_of_entry_are_sorted_and_fit_the_types() -> None:
    entries = [
        card(),
        stale_model(card(), identity(), reason="broken", since="2026-01-01T00:00:00Z"),
        failed_model(identity(owner="me"), uri="file:x", reason="broken"),
    ]
    named = [
        entry.model_copy(update={"name": f"model-{number}"}) for number, entry in enumerate(entries)
    ]
    zoo = CatalogZoo(name="Zoo", description=None, homepage=None)
    catalog = build_catalog(reversed(named), zoo=zoo, toolchain={"tensorflow": "2.19.0"})

    assert [model.name for model in catalog.models] == ["model-0", "model-1", "model-2"]
    assert Catalog.model_validate(catalog.to_json()) == catalog


def test_an_entry_that_lacks_a_key_is_refused() -> None:
    broken = {key: value for key, value in card().to_json().items() if key != "ops"}

    with pytest.raises(ValidationError, match="ops"):
        CatalogModel.model_validate(broken)


def test_extra_may_not_shadow_a_key_of_the_catalog() -> None:
    fields = {field.alias for field in CatalogModel.model_fields.values()}

    assert fields <= CATALOG_KEYS


def test_the_schema_lists_every_figure_of_an_output() -> None:
    figures = json.loads(format_schema())["$defs"]["CatalogFigures"]

    assert figures["additionalProperties"] is False
    assert {"cosine", "maxRelError", "snrDb", "worst"} < figures["properties"].keys()


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
