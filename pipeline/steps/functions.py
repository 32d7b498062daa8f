"""The functions of the steps: each reads its inputs' folders and writes one of its own.

They are the thin shell around the modules that do the work. A step that is to be added
is one function here and one line in `pipeline.steps.table`.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.catalog.card import (
    alias_model_json,
    build_card,
    missing_variant_entry,
    model_folder,
    variant_entry,
    variant_folder,
)
from pipeline.catalog.document import (
    CATALOG_FILE,
    SCHEMA_FILE,
    build_catalog,
    format_schema,
)
from pipeline.catalog.entries import model_entry
from pipeline.disk.canonical import format_json
from pipeline.disk.files import digest_file, link_or_copy
from pipeline.disk.json_file import read_json, write_json
from pipeline.engine.step import StepSkipped, Work
from pipeline.errors import DiskError
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.fetch import fetch_source
from pipeline.formats.convert import check_formats, convert_source, load_metadata
from pipeline.formats.detect import detect_format
from pipeline.formats.format import GRAPH, LAYERS
from pipeline.formats.loading import load_layers_model
from pipeline.proof.inputs.input_hints import read_hints
from pipeline.proof.vector_files import load_vectors
from pipeline.roles.infer import infer_roles
from pipeline.tfjs.model.layers_ops import read_topology
from pipeline.tfjs.model.metadata import add_metadata, choose_output_names
from pipeline.tfjs.model.model_json import format_model_json, load_model_json
from pipeline.tfjs.model.signature import read_signature
from pipeline.tfjs.quantize.variant_files import VariantNotSmaller, write_variant
from pipeline.tfjs.rewrite.rewrite import rewrite_graph


def fetch(work: Work) -> None:
    """Fetch a source: `files/` with the model, `source.json` with what was fetched."""
    files = work.folder / "files"
    files.mkdir()
    fetched = fetch_source(
        parse_source(work.parameters["source"], hub=work.parameters.get("hub", False)),
        root=work.root,
        folder=files,
        cache=work.cache,
        sha256=work.parameters["sha256"],
        progress=work.progress,
        refresh=work.refresh,
        timeout_seconds=work.budget.limits.timeout_seconds,
    )
    if fetched.note:
        work.tell(fetched.note)
    record = {"entry": fetched.entry, "uri": fetched.uri, "sha256": fetched.sha256}
    write_json(work.folder / "source.json", record)


def convert(work: Work) -> None:
    """Make the base: `model.json` with its shards, `source.json` with what the source says."""
    fetched = read_json(work.inputs["fetch"] / "source.json")
    path = work.inputs["fetch"] / "files" / fetched["entry"]
    source_format = detect_format(
        path,
        asked=work.parameters["input_format"],
        name=fetched["uri"],
        output_format=work.parameters["output_format"],
    )
    output_format = check_formats(work.parameters, source_format)
    metadata = load_metadata(work.parameters["metadata"], work.root)
    record = convert_source(work, path, source_format=source_format, output_format=output_format)
    if output_format == LAYERS:
        record["loaded"] = load_layers_model(work, source_format=source_format)
    base = work.folder / "model.json"
    # A layers model always returns its outputs in order.
    named = record["outputs"] if output_format == GRAPH else None
    names = choose_output_names(named, asked=work.parameters["use_structured_outputs_names"])
    described = add_metadata(load_model_json(base), metadata, output_names=names)
    content, rewritten = rewrite_graph(described.content)
    repairs = [*record["repairs"], *rewritten]
    for repair in repairs:
        work.note(repair)
    base.write_bytes(format_model_json(replace(described, content=content)))
    write_json(work.folder / "source.json", {**record, "repairs": repairs})


def signature(work: Work) -> None:
    """Read the signature of the base, named as in the source: `signature.json`."""
    base = work.inputs["convert"]
    model_json = load_model_json(base / "model.json")
    write_json(
        work.folder / "signature.json", read_signature(model_json, read_json(base / "source.json"))
    )


def map_outputs(work: Work) -> None:
    """Tie roles to outputs, as stated and as their values show: `map.json`."""
    model_json = load_model_json(work.inputs["convert"] / "model.json")
    vectors = load_vectors(work.inputs["reference"]).vectors
    findings = infer_roles(
        signature=read_json(work.inputs["signature"] / "signature.json"),
        topology=read_topology(model_json.content),
        task=work.parameters["task"],
        outputs=[vector.outputs for vector in vectors],
        manifest_map=work.parameters["map"],
        inputs=[vector.inputs for vector in vectors],
    )
    write_json(work.folder / "map.json", findings.to_json())


def variant(work: Work) -> None:
    """Make a variant of the base: `model.json`, its shards, and `variant.json`."""
    work.uses("numpy")
    try:
        record = write_variant(
            base=work.inputs["convert"],
            signature=read_json(work.inputs["signature"] / "signature.json"),
            name=work.parameters["name"],
            quantize=work.parameters["quantize"],
            shard_size_bytes=work.parameters["weight_shard_size_bytes"],
            folder=work.folder,
        )
    except VariantNotSmaller as error:
        raise StepSkipped(str(error)) from None
    write_json(work.folder / "variant.json", record)


def card(work: Work) -> None:
    """Gather all that the zoo offers of a model: `card.json` and the files it lists."""
    proof = read_json(work.inputs["verify"] / "verify.json")
    verdicts = proof["variants"]
    entries = [_add_variant(work, name, verdicts.get(name)) for name in work.parameters["variants"]]
    source = read_json(work.inputs["fetch"] / "source.json")
    base = work.inputs["convert"]
    converted = read_json(base / "source.json")
    signature = read_json(work.inputs["signature"] / "signature.json")
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
        signature=signature,
        hints=read_hints(load_model_json(base / "model.json"), base, signature),
        mapping=read_json(work.inputs["map"] / "map.json"),
        repairs=converted["repairs"],
        proofs=proof["proofs"],
        vectors=_add_vectors(work),
        variants=entries,
    )
    write_json(work.folder / "card.json", content)


def _add_variant(work: Work, name: str, verdict: Mapping[str, Any] | None) -> dict[str, Any]:
    """Link a variant's files into the card's folder and return its entry."""
    key = f"variant:{name}"
    outcome = work.outcomes.get(key)
    if outcome is None:
        raise DiskError(f"{key}: its result could not be kept", hint="make room on the disk")
    if outcome.status != "ok" or verdict is None:
        return missing_variant_entry(name, outcome.status, outcome.reason)
    made = work.inputs[key]
    record = read_json(made / "variant.json")
    checks = verdict["checks"]
    if verdict["status"] != "ok":
        return missing_variant_entry(
            record["name"], verdict["status"], verdict["reason"], checks=checks
        )
    if name == "base" and not work.parameters["publish_base"]:
        reason = "the manifest says publish_base: false"
        return missing_variant_entry(record["name"], "skipped", reason, checks=checks)
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
    return variant_entry(work.model, record, files, checks=checks)


def _add_vectors(work: Work) -> list[dict[str, Any]]:
    """Link the test vectors into the card's folder and list them as the catalog does."""
    made, outcome = work.inputs["reference"], work.outcomes["reference"]
    outputs = {path: outcome.outputs[path] for path in VECTOR_FILES}
    folder = variant_folder("vectors", outputs)
    assert work.model is not None
    files = []
    for path, sha256 in outputs.items():
        link_or_copy(made / path, work.folder / folder / path)
        size = (made / path).stat().st_size
        name = f"{model_folder(work.model)}/{folder}/{path}"
        files.append({"path": name, "bytes": size, "sha256": sha256})
    return files


def catalog(work: Work) -> None:
    """Assemble `models.json`, and list every file of dist/ in `projection.json`."""
    work.uses("tensorflow", "tensorflowjs", "tfjs", "tfjs-zoo")
    models = work.parameters["models"]
    entries = [
        model_entry(
            work.inputs[f"card:{name}"],
            work.outcomes.get(f"card:{name}"),
            models[name]["identity"],
            uri=models[name]["uri"],
        )
        for name in sorted(models)
    ]
    content = build_catalog(entries, zoo=work.parameters["zoo"], toolchain=work.tools)
    write_json(work.folder / CATALOG_FILE, content)
    (work.folder / SCHEMA_FILE).write_bytes(format_schema())
    projection = [
        *(file for entry in entries for file in _projected_model(work, entry)),
        *(_projected(work.folder / name, name, f"catalog/{name}") for name in _CATALOG_FILES),
    ]
    write_json(work.folder / "projection.json", projection)


VECTOR_FILES = ("vectors.json", "vectors.bin")
_CATALOG_FILES = (CATALOG_FILE, SCHEMA_FILE)


def _projected_model(work: Work, entry: dict[str, Any]) -> list[dict[str, Any]]:
    """List the files of dist/ that belong to a model: its variants' and their aliases."""
    name = entry["name"]
    card_folder = work.inputs[f"card:{name}"]
    files = []
    listed = [*entry["vectors"], *(file for made in entry["variants"] for file in made["files"])]
    for file in listed:
        inside = file["path"].removeprefix(f"{model_folder(name)}/")
        files.append({**file, "source": f"build/{name}/card/{inside}"})
    for made in entry["variants"]:
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
