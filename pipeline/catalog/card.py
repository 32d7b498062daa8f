"""Cards: the catalog's entry of one model, and the set of files that it publishes.

A card's folder is all that a zoo needs to offer the model: `card.json`, a folder for each
variant named by its content, and an alias for each. So the last good card is the last
good model, whatever becomes of the steps before it. The functions here open no file.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.catalog.types import CatalogModel
from pipeline.disk.canonical import digest_json

# Enough that two contents of one variant do not meet by chance: 1 in 4 billion.
DIGEST_DIGITS = 8


def variant_folder(name: str, outputs: Mapping[str, str]) -> str:
    """Name the folder of a variant by its content, e.g. "float16-3f2a9c1b".

    Args:
        name: Name of the variant.
        outputs: SHA-256 of each of its files, by path.
    """
    return f"{name}-{digest_json(dict(outputs))[:DIGEST_DIGITS]}"


def model_folder(model: str) -> str:
    """Return the folder of a model's files, relative to the catalog."""
    return f"models/{model}"


def variant_entry(
    model: str,
    record: Mapping[str, Any],
    files: Sequence[Mapping[str, Any]],
    *,
    checks: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the catalog's entry of a variant that was made.

    Args:
        model: Name of the model.
        record: The variant's own record: name, weights, keptFloat32.
        files: `path`, `bytes` and `sha256` of each file, paths relative to its folder.
        checks: What each backend of TensorFlow.js made of it.
    """
    outputs = {file["path"]: file["sha256"] for file in files}
    folder = f"{model_folder(model)}/{variant_folder(record['name'], outputs)}"
    return {
        "name": record["name"],
        "status": "ok",
        "reason": None,
        "modelPath": f"{folder}/model.json",
        "bytes": sum(file["bytes"] for file in files),
        "files": [{**file, "path": f"{folder}/{file['path']}"} for file in files],
        "weights": record["weights"],
        "keptFloat32": record["keptFloat32"],
        "checks": dict(checks),
    }


def missing_variant_entry(
    name: str, status: str, reason: str | None, *, checks: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the catalog's entry of a variant that is not published."""
    return {
        "name": name,
        "status": status,
        "reason": reason,
        "modelPath": None,
        "bytes": None,
        "files": [],
        "weights": {},
        "keptFloat32": [],
        "checks": dict(checks or {}),
    }


def build_card(  # noqa: PLR0913  # what the steps before it made
    identity: Mapping[str, Any],
    *,
    source: Mapping[str, Any],
    signature: Mapping[str, Any],
    hints: Mapping[str, Mapping[str, Any]],
    mapping: Mapping[str, Any],
    repairs: Sequence[str],
    proofs: Mapping[str, Mapping[str, Any]],
    vectors: Sequence[Mapping[str, Any]],
    variants: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the catalog's entry of a model that succeeded.

    Args:
        identity: What the manifest says of it: name, title, licence, the keys of `extra`.
        source: `uri` and `sha256` of what was fetched, its `format` and what else it offers.
        signature: Inputs, outputs and facts of the graph (signature.json).
        hints: What the graph says of each input, by name; see `pipeline.proof.inputs.input_hints`.
        mapping: Roles, their evidence and conventions (map.json).
        repairs: What was changed in the graph, in sentences.
        proofs: How values prove the name of an output, by name (verify.json).
        vectors: The published files of the test vectors.
        variants: The entries of its variants, the base first.
    """
    published = [variant for variant in variants if variant["status"] == "ok"]
    roles = mapping["roles"]
    entry = {
        **identity,
        "status": "ok",
        "reason": None,
        "staleSince": None,
        "source": dict(source),
        "format": signature["format"],
        "requiresAsync": signature["requiresAsync"],
        "parameters": signature["parameters"],
        "ops": signature["ops"],
        "modelPath": published[0]["modelPath"] if published else None,
        "map": mapping["map"],
        "roles": {
            role: {
                "tensor": tensor,
                "source": mapping["source"][role],
                "evidence": mapping["evidence"][role],
                "conventions": mapping["conventions"].get(role, {}),
            }
            for role, tensor in mapping["map"].items()
        },
        "unassigned": mapping["abstained"],
        "usable": mapping["usable"],
        "inputs": [
            {**entry, "range": _pixel_range(hints.get(entry["name"], {}))}
            for entry in signature["inputs"]
        ],
        "outputs": [
            {
                **output,
                "role": roles.get(output["tensor"]),
                "proof": proofs.get(output["name"], output)["proof"],
            }
            for output in signature["outputs"]
        ],
        "repairs": list(repairs),
        "vectors": list(vectors),
        "variants": list(variants),
    }
    checked: dict[str, Any] = CatalogModel.model_validate(entry).model_dump(by_alias=True)
    return checked


def _pixel_range(hint: Mapping[str, Any]) -> list[float] | None:
    return [hint["low"], hint["high"]] if "low" in hint else None


def alias_model_json(model_json: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """Return a variant's model.json as seen from a folder beside the variant's own.

    Args:
        model_json: Content of the published file.
        folder: Name of the folder that it and its shards lie in.
    """
    groups = [
        {**group, "paths": [f"../{folder}/{path}" for path in group["paths"]]}
        for group in model_json["weightsManifest"]
    ]
    return {**model_json, "weightsManifest": groups}
