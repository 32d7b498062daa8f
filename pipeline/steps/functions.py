"""The functions of the steps: each reads its inputs' folders and writes one of its own.

They are the thin shell around the modules that do the work. A step that is to be added
is one function here and one line in `pipeline.steps.table`.
"""

import json
from pathlib import Path
from typing import Any

from pipeline.canonical import format_json
from pipeline.card import (
    alias_model_json,
    build_card,
    missing_variant_entry,
    model_folder,
    variant_entry,
    variant_folder,
)
from pipeline.catalog import (
    CATALOG_FILE,
    SCHEMA_FILE,
    build_catalog,
    failed_entry,
    format_schema,
    stale_entry,
)
from pipeline.fetch.fetch import fetch_source
from pipeline.fetch.source import parse_source
from pipeline.files import digest_file, link_or_copy
from pipeline.formats import check_formats, convert_source, detect_format, load_metadata
from pipeline.mapping import resolve_map
from pipeline.signature import read_signature
from pipeline.steps.step import StepSkipped, Work
from pipeline.tfjs.metadata import add_metadata, choose_output_names
from pipeline.tfjs.model_json import format_model_json, load_model_json
from pipeline.tfjs.variant import VariantNotSmaller, write_variant


def fetch(work: Work) -> None:
    """Fetch a source: `files/` with the model, `source.json` with what was fetched."""
    files = work.folder / "files"
    files.mkdir()
    fetched = fetch_source(
        parse_source(work.parameters["source"]),
        root=work.root,
        folder=files,
        cache=work.cache,
        sha256=work.parameters["sha256"],
        progress=work.progress,
        refresh=work.refresh,
    )
    if fetched.note:
        work.note(fetched.note)
    record = {"entry": fetched.entry, "uri": fetched.uri, "sha256": fetched.sha256}
    _write(work.folder / "source.json", record)


def convert(work: Work) -> None:
    """Make the base: `model.json` with its shards, `source.json` with what the source says."""
    fetched = _read(work.inputs["fetch"] / "source.json")
    path = work.inputs["fetch"] / "files" / fetched["entry"]
    source_format = detect_format(path, asked=work.parameters["input_format"])
    check_formats(work.parameters, source_format)
    metadata = load_metadata(work.parameters["metadata"], work.root)
    record = convert_source(work, path, source_format)
    base = work.folder / "model.json"
    names = choose_output_names(
        record["outputs"], asked=work.parameters["use_structured_outputs_names"]
    )
    described = add_metadata(load_model_json(base), metadata, output_names=names)
    base.write_bytes(format_model_json(described))
    _write(work.folder / "source.json", record)


def signature(work: Work) -> None:
    """Read the signature of the base, named as in the source: `signature.json`."""
    base = work.inputs["convert"]
    model_json = load_model_json(base / "model.json")
    _write(work.folder / "signature.json", read_signature(model_json, _read(base / "source.json")))


def map_outputs(work: Work) -> None:
    """Tie roles to outputs: `map.json`."""
    tensors = _read(work.inputs["signature"] / "signature.json")
    _write(work.folder / "map.json", resolve_map(tensors, work.parameters["map"]))


def variant(work: Work) -> None:
    """Make a variant of the base: `model.json`, its shards, and `variant.json`."""
    work.uses("numpy")
    try:
        record = write_variant(
            base=work.inputs["convert"],
            signature=_read(work.inputs["signature"] / "signature.json"),
            name=work.parameters["name"],
            quantize=work.parameters["quantize"],
            shard_size_bytes=work.parameters["weight_shard_size_bytes"],
            folder=work.folder,
        )
    except VariantNotSmaller as error:
        raise StepSkipped(str(error)) from None
    _write(work.folder / "variant.json", record)


def card(work: Work) -> None:
    """Gather all that the zoo offers of a model: `card.json` and the files it lists."""
    entries = [_add_variant(work, name) for name in work.parameters["variants"]]
    source = _read(work.inputs["fetch"] / "source.json")
    converted = _read(work.inputs["convert"] / "source.json")
    content = build_card(
        work.parameters["identity"],
        source={
            "uri": source["uri"],
            "sha256": source["sha256"],
            "format": converted["format"],
            "tagSets": converted["tags"],
            "signatureKey": converted["signature_key"],
            "signatures": converted["signatures"],
        },
        signature=_read(work.inputs["signature"] / "signature.json"),
        mapping=_read(work.inputs["map"] / "map.json"),
        variants=entries,
    )
    _write(work.folder / "card.json", content)


def _add_variant(work: Work, name: str) -> dict[str, Any]:
    """Link a variant's files into the card's folder and return its entry."""
    key = f"variant:{name}"
    outcome = work.outcomes[key]
    if outcome.status != "ok":
        return missing_variant_entry(name, outcome.status, outcome.reason)
    made = work.inputs[key]
    record = _read(made / "variant.json")
    if name == "base" and not work.parameters["publish_base"]:
        reason = "the manifest says publish_base: false"
        return missing_variant_entry(record["name"], "skipped", reason)
    model_json = json.loads((made / "model.json").read_bytes())
    shards = (path for group in model_json["weightsManifest"] for path in group["paths"])
    paths = ["model.json", *shards]
    files = [
        {"path": path, "bytes": (made / path).stat().st_size, "sha256": outcome.outputs[path]}
        for path in paths
    ]
    folder = variant_folder(record["name"], {path: outcome.outputs[path] for path in paths})
    for path in paths:
        link_or_copy(made / path, work.folder / folder / path)
    alias = work.folder / record["name"] / "model.json"
    alias.parent.mkdir()
    alias.write_bytes(format_json(alias_model_json(model_json, folder), sort_keys=False))
    assert work.model is not None
    return variant_entry(work.model, record, files)


def catalog(work: Work) -> None:
    """Assemble `models.json`, and list every file of dist/ in `projection.json`."""
    work.uses("tensorflow", "tensorflowjs", "tfjs-zoo")
    models = work.parameters["models"]
    entries = [_catalog_entry(work, name, models[name]) for name in sorted(models)]
    content = build_catalog(entries, zoo=work.parameters["zoo"], toolchain=work.tools)
    _write(work.folder / CATALOG_FILE, content)
    (work.folder / SCHEMA_FILE).write_bytes(format_schema())
    projection = [
        *(file for entry in entries for file in _projected_model(work, entry)),
        *(_projected(work.folder / name, name, f"catalog/{name}") for name in _CATALOG_FILES),
    ]
    _write(work.folder / "projection.json", projection)


_CATALOG_FILES = (CATALOG_FILE, SCHEMA_FILE)


def _catalog_entry(work: Work, name: str, model: dict[str, Any]) -> dict[str, Any]:
    key = f"card:{name}"
    outcome, folder = work.outcomes.get(key), work.inputs[key]
    reason = outcome.reason if outcome else "it was not built"
    if outcome is None or outcome.status != "ok":
        try:
            last_good = _read(folder / "card.json")
            since = _read(folder.with_name("card.since.json"))["since"]
        except FileNotFoundError:
            return failed_entry(model["identity"], uri=model["uri"], reason=reason)
        return stale_entry(last_good, reason=reason, since=since)
    return _read(folder / "card.json")


def _projected_model(work: Work, entry: dict[str, Any]) -> list[dict[str, Any]]:
    """List the files of dist/ that belong to a model: its variants' and their aliases."""
    name = entry["name"]
    card_folder = work.inputs[f"card:{name}"]
    files = []
    for made in entry["variants"]:
        for file in made["files"]:
            inside = file["path"].removeprefix(f"{model_folder(name)}/")
            files.append({**file, "source": f"build/{name}/card/{inside}"})
        if made["files"]:
            alias = f"{made['name']}/model.json"
            path = f"{model_folder(name)}/{alias}"
            files.append(_projected(card_folder / alias, path, f"build/{name}/card/{alias}"))
    return files


def _projected(path: Path, target: str, source: str) -> dict[str, Any]:
    return {
        "path": target,
        "source": source,
        "bytes": path.stat().st_size,
        "sha256": digest_file(path),
    }


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


def _write(path: Path, content: Any) -> None:
    path.write_bytes(format_json(content))
