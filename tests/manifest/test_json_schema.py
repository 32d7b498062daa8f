"""The JSON Schema for editors: that of the types, and true to what the loader takes."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from paths import ROOT

from pipeline.catalog.types import CatalogModel
from pipeline.disk.canonical import format_json
from pipeline.errors import ManifestError
from pipeline.manifest.json_schema import SCHEMA_FILE, manifest_schema
from pipeline.manifest.load import parse_manifest
from pipeline.manifest.model import CATALOG_KEYS, Defaults, Model
from pipeline.manifest.yaml.yaml_reader import read_yaml

DATA = ROOT / "tests/data/manifest"


def errors_of(text: str) -> list[str]:
    """Return what the schema finds wrong in a manifest."""
    root = read_yaml(text).root
    value: Any = root.value if root else None
    found = Draft202012Validator(manifest_schema()).iter_errors(value)
    return [error.message for error in found]


def test_committed_schema_is_the_generated_one() -> None:
    """After a change of the types: `python -m pipeline.manifest.json_schema`."""
    assert SCHEMA_FILE.read_bytes() == format_json(manifest_schema(), sort_keys=False)


def test_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(manifest_schema())


def test_good_manifest_fits() -> None:
    assert errors_of((DATA / "good.yaml").read_text()) == []


@pytest.mark.parametrize(
    ("store", "fits"),
    [("s3://b/z", True), ("{at: ../store, read_only: true}", True), ("3", False), ("{}", False)],
)
def test_a_store_is_its_place_or_a_mapping(store: str, fits: bool) -> None:
    text = f"zoo: {{store: {store}}}\nmodels: [{{name: a, source: b}}]\n"

    assert (errors_of(text) == []) == fits


@pytest.mark.parametrize("name", ["models.yaml", "pipeline/commands/models.yaml.template"])
def test_manifests_of_the_project_fit(name: str) -> None:
    text = (ROOT / name).read_text()

    assert errors_of(text) == []
    assert parse_manifest(text).models


def test_extra_cannot_shadow_a_key_of_the_catalog() -> None:
    keys = {field.alias or name for name, field in CatalogModel.model_fields.items()}

    assert keys <= CATALOG_KEYS


def test_every_field_has_its_reference() -> None:
    definitions = manifest_schema()["$defs"]

    assert set(definitions["Model"]["properties"]) == set(Model.model_fields)
    assert set(definitions["Defaults"]["properties"]) == set(Defaults.model_fields)
    for name in ("Model", "Defaults", "ZooSection", "Tolerance", "OutputTolerance"):
        for field in definitions[name]["properties"].values():
            assert field["description"].endswith((".", "`"))


@pytest.mark.parametrize(
    "model",
    [
        "{name: a}",
        "{name: A, source: b}",
        "{name: a, source: b, licence: MIT}",
        "{name: a, source: b, variants: [int8]}",
        "{name: a, source: b, variants: [{name: small}]}",
        "{name: a, source: b, variants: [{name: small, quantize_uint8: []}]}",
        '{name: a, source: b, quantize_uint8: "True"}',
        "{name: a, source: b, strip_debug_ops: 1}",
        "{name: a, source: b, input_format: keras2}",
        "{name: a, source: b, metadata: labels.json}",
        "{name: a, source: b, extra: {status: ok}}",
        "{name: a, source: b, weight_shard_size_bytes: 0}",
        "{name: a, source: b, map: {boxes: 1}}",
        "{name: a, source: b, tolerance: 0.1}",
    ],
)
def test_schema_and_loader_refuse_the_same(model: str) -> None:
    text = f"models: [{model}]"

    assert errors_of(text)
    with pytest.raises(ManifestError):
        parse_manifest(text)


@pytest.mark.parametrize(
    "text",
    [
        "models: []",
        "zoo: {}",
        "defaults: {name: a}\nmodels: [{name: a, source: b}]",
        "modules: [{name: a, source: b}]",
        "zoo: {output: /var}\nmodels: [{name: a, source: b}]",
    ],
)
def test_schema_and_loader_refuse_the_same_file(text: str) -> None:
    assert errors_of(text)
    with pytest.raises(ManifestError):
        parse_manifest(text)


@pytest.mark.parametrize(
    "model",
    [
        "{name: a, source: b, variants: [float16, {name: uint8}]}",
        "{name: a, source: b, variants: [{name: s, quantize_uint8: [x]}]}",
        "{name: a, source: b, quantize_uint8: false, quantize_float16: conv*}",
        "{name: a, source: b, metadata: 'a:b.json'}",
        "{name: a, source: b, saved_model_tags: ''}",
        "{name: a, source: b, test_inputs: a.npz}",
        "{name: a, source: b, map: {classes: null}, license: null}",
    ],
)
def test_schema_and_loader_accept_the_same(model: str) -> None:
    text = f"models: [{model}]\nx-notes: {{anything: 1}}"

    assert errors_of(text) == []
    assert parse_manifest(text).models
