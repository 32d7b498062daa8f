"""Cards: the catalog's entry of one model, and the set of files that it publishes.

A card's folder is all that a zoo needs to offer the model: `card.json`, a folder for each
variant named by its content, and an alias for each. So the last good card is the last
good model, whatever becomes of the steps before it. The functions here open no file.
"""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.catalog.types import (
    CatalogFile,
    CatalogInput,
    CatalogLabels,
    CatalogModel,
    CatalogOutput,
    CatalogRole,
    CatalogSource,
    CatalogVariant,
    ModelIdentity,
    VariantStatus,
)
from pipeline.disk.canonical import digest_json
from pipeline.records.contract import Contracts
from pipeline.records.roles import SEPARATOR, RoleMap
from pipeline.records.shape import format_sizes
from pipeline.records.signature import Signature
from pipeline.records.source import Conversion, ConvertedSource, FetchedSource, Labels
from pipeline.records.variant import VariantRecord
from pipeline.records.verdicts import Agreement, CatalogCheck, NameProof

CARD_FILE = "card.json"
# Enough that two contents of one variant do not meet by chance: 1 in 4 billion.
DIGEST_DIGITS = 8


@dataclass(frozen=True, kw_only=True)
class CardParts:
    """All that a card gathers.

    Attributes:
        fetched: Where the model comes from.
        converted: What its source states.
        signature: Inputs, outputs and facts of the graph.
        contracts: What its inputs are.
        roles: Roles of its outputs.
        proofs: How values prove the name of an output, by name.
        vectors: The published files of the test vectors.
        variants: Its variants, the base first.
    """

    fetched: FetchedSource
    converted: ConvertedSource
    signature: Signature
    contracts: Contracts
    roles: RoleMap
    proofs: Mapping[str, NameProof]
    vectors: Sequence[CatalogFile]
    variants: Sequence[CatalogVariant]


def variant_folder(name: str, outputs: Mapping[str, str]) -> str:
    """Name the folder of a variant by its content: "float16-3f2a9c1b".

    Args:
        name: Name of the variant.
        outputs: SHA-256 of each of its files, by path.
    """
    return f"{name}-{digest_json(dict(outputs))[:DIGEST_DIGITS]}"


def model_folder(model: str) -> str:
    """Return the folder of a model's files, relative to the catalog: "models/handtrack"."""
    return f"models/{model}"


def published_variant(
    model: str,
    record: VariantRecord,
    files: Sequence[CatalogFile],
    *,
    checks: Mapping[str, CatalogCheck],
    agreement: Agreement | None = None,
) -> CatalogVariant:
    """Return the catalog's entry of a variant that is published.

    Args:
        model: Name of the model.
        record: How the variant is stored.
        files: Its files, paths relative to its folder; those that it shares lie elsewhere.
        checks: What each backend of TensorFlow.js made of it.
        agreement: How near it is to its source on the best backend.
    """
    outputs = {file.path: file.sha256 for file in files}
    folder = f"{model_folder(model)}/{variant_folder(record.name, outputs)}"
    return CatalogVariant(
        name=record.name,
        status="ok",
        reason=None,
        agreement=agreement,
        model_path=f"{folder}/model.json",
        bytes=sum(file.bytes for file in files),
        gzip_bytes=record.gzip_bytes,
        brotli_bytes=record.brotli_bytes,
        recipe=record.recipe,
        files=[
            file.model_copy(update={"path": posixpath.normpath(f"{folder}/{file.path}")})
            for file in files
        ],
        weights=record.weights,
        kept_float32=record.kept_float32,
        checks=dict(checks),
    )


def missing_variant(
    name: str,
    status: VariantStatus,
    reason: str | None,
    *,
    checks: Mapping[str, CatalogCheck] | None = None,
    advice: str | None = None,
) -> CatalogVariant:
    """Return the catalog's entry of a variant that is not published."""
    return CatalogVariant(
        name=name,
        status=status,
        reason=reason,
        advice=advice,
        model_path=None,
        bytes=None,
        files=[],
        weights={},
        kept_float32=[],
        checks=dict(checks or {}),
    )


def build_card(identity: ModelIdentity, parts: CardParts) -> CatalogModel:
    """Return the catalog's entry of a model that succeeded.

    Args:
        identity: What the manifest says of it.
        parts: What the steps made of it.
    """
    published = [variant for variant in parts.variants if variant.status == "ok"]
    signature, roles = parts.signature, parts.roles
    model = CatalogModel(
        **identity.with_about(parts.converted.about).stated,
        status="ok",
        reason=None,
        stale_since=None,
        source=_source(parts),
        format=signature.format,
        requires_async=signature.requires_async,
        parameters=signature.parameters,
        ops=signature.ops,
        model_path=published[0].model_path if published else None,
        map=roles.map,
        roles=_roles(roles),
        unassigned=roles.abstained,
        usable=roles.usable,
        inputs=_inputs(signature, parts.converted, parts.contracts),
        outputs=_outputs(parts),
        repairs=parts.converted.repairs,
        provisional=parts.contracts.provisional,
        vectors=list(parts.vectors),
        variants=list(parts.variants),
    )
    return model.with_extra(identity.model_extra or {})


def _source(parts: CardParts) -> CatalogSource:
    fetched, converted = parts.fetched, parts.converted
    return CatalogSource(
        uri=fetched.uri,
        sha256=fetched.sha256,
        format=converted.format,
        about=converted.about,
        judged_as=parts.contracts.judged_as,
        tag_sets=converted.tags,
        signature_key=converted.signature_key,
        signatures=None
        if converted.signatures is None
        else {key: stated.to_json() for key, stated in converted.signatures.items()},
    )


def _roles(roles: RoleMap) -> dict[str, CatalogRole]:
    return {
        role: CatalogRole(
            tensor=tensor,
            source=roles.source[role],
            evidence=list(roles.evidence[role]),
            conventions=roles.conventions.get(role, {}),
        )
        for role, tensor in roles.map.items()
    }


def _inputs(
    signature: Signature, converted: Conversion, contracts: Contracts
) -> list[CatalogInput]:
    scales, state = converted.scales or {}, converted.state or {}
    return [
        CatalogInput(
            id=tensor.id,
            name=tensor.name,
            tensor=tensor.tensor,
            dtype=tensor.dtype,
            complex_dtype=tensor.complex_dtype,
            js_dtype=tensor.js_dtype,
            shape=format_sizes(tensor.shape),
            quantization=scales.get(tensor.name),
            initial=state.get(tensor.name),
            **dict(contracts.inputs[tensor.name]),
        )
        for tensor in signature.inputs
    ]


def _outputs(parts: CardParts) -> list[CatalogOutput]:
    scales, proofs = parts.converted.scales or {}, parts.proofs
    roles = parts.roles.roles
    return [
        CatalogOutput(
            id=tensor.id,
            name=tensor.name,
            tensor=tensor.tensor,
            dtype=tensor.dtype,
            complex_dtype=tensor.complex_dtype,
            js_dtype=tensor.js_dtype,
            shape=format_sizes(tensor.shape),
            role=SEPARATOR.join(roles.get(tensor.tensor, ())) or None,
            proof=proofs[tensor.name].proof if tensor.name in proofs else tensor.proof,
            quantization=scales.get(tensor.name),
        )
        for tensor in parts.signature.outputs
    ]


def with_labels(
    card: CatalogModel, labels: Mapping[str, Labels], files: Mapping[str, CatalogFile]
) -> CatalogModel:
    """Return a card whose outputs refer to files with the names of their classes.

    Args:
        card: The card.
        labels: The names, by output.
        files: The published files that have them, by output.
    """
    outputs = [
        output.model_copy(update={"labels": _refer(labels[output.name], files[output.name])})
        if output.name in files
        else output
        for output in card.outputs
    ]
    listed = {file.path: file for file in files.values()}
    known = {"outputs": outputs, "label_files": [listed[path] for path in sorted(listed)]}
    return card.model_copy(update=known)


def _refer(labels: Labels, file: CatalogFile) -> CatalogLabels:
    return CatalogLabels(of=labels.of, count=len(labels.names), path=file.path)


def failed_model(identity: ModelIdentity, *, uri: str, reason: str | None) -> CatalogModel:
    """Return the entry of a model of which nothing can be offered.

    Args:
        identity: What the manifest says of it.
        uri: Its source, without credentials.
        reason: What went wrong.
    """
    source = CatalogSource(
        uri=uri, format=None, sha256=None, tag_sets=None, signature_key=None, signatures=None
    )
    model = CatalogModel(
        **identity.stated,
        status="failed",
        reason=reason,
        stale_since=None,
        source=source,
        format=None,
        requires_async=None,
        parameters=None,
        ops={},
        model_path=None,
        map={},
        roles={},
        unassigned={},
        usable=None,
        inputs=[],
        outputs=[],
        repairs=[],
        vectors=[],
        variants=[],
    )
    return model.with_extra(identity.model_extra or {})


def stale_model(
    card: CatalogModel, identity: ModelIdentity, *, reason: str | None, since: str
) -> CatalogModel:
    """Return the entry of a model of which an earlier result is offered.

    Args:
        card: The entry as it was when the model last succeeded.
        identity: What the manifest says of it now.
        reason: What went wrong since.
        since: When it first did, in UTC.
    """
    identity = identity.with_about(card.source.about)
    changed = {**identity.stated, "status": "stale", "reason": reason, "stale_since": since}
    return card.model_copy(update=changed).with_extra(identity.model_extra or {})


def alias_model_json(model_json: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """Return a variant's model.json as seen from a folder beside the variant's own.

    Args:
        model_json: Content of the published file.
        folder: Name of the folder that it and its shards lie in.
    """
    groups = [
        {**group, "paths": [posixpath.normpath(f"../{folder}/{path}") for path in group["paths"]]}
        for group in model_json["weightsManifest"]
    ]
    return {**model_json, "weightsManifest": groups}
