"""The step `card`: gathers the catalog's entry of a model, with its files."""

import json
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel

from pipeline.catalog.known_sets import label_sets
from pipeline.catalog.types import CatalogFile, CatalogModel, CatalogVariant, ModelIdentity
from pipeline.disk.canonical import format_json
from pipeline.engine.local_files import ListedFiles, LocalFiles
from pipeline.engine.step import Step, Work
from pipeline.errors import DiskError
from pipeline.fetch.address.beside import find_beside
from pipeline.manifest.model import Model
from pipeline.records.browser_verdicts import BrowserVerdicts
from pipeline.records.contract import Contracts
from pipeline.records.model_card import StatedCard
from pipeline.records.reading import Decode, Points
from pipeline.records.record import Part, SparsePart
from pipeline.records.roles import RoleMap
from pipeline.records.signature import Signature
from pipeline.records.source import ConvertedSource, FetchedSource
from pipeline.records.variant import VariantRecord
from pipeline.records.verdicts import VariantVerdict, Verdicts
from pipeline.steps import texts
from pipeline.steps.card_background import describe_background, state_card
from pipeline.steps.card_texts import add_content, add_tokenizer, find_fetched, read_outputs
from pipeline.steps.variant import BASE

VECTOR_FILES = ("vectors.json", "vectors.bin")

P = TypeVar("P", bound=Part)


class CardParameters(SparsePart):
    """The parameters of `card`."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset(
        {"labels", "points", "decode", "tokenizer", "card", "family"}
    )

    identity: ModelIdentity
    publish_base: bool
    variants: tuple[str, ...]
    """Names of its variants, the base first."""
    labels: dict[str, str | list[str]] | None = None
    """Names of classes, a known set, a file or its address by role or output; "" for those of all
    outputs."""
    points: Points | None = None
    decode: Decode | None = None
    card: StatedCard | None = None
    """What is stated of its background; None for nothing."""
    family: str | None = None
    """Name of the models with which it shares shards; None if it shares none."""
    tokenizer: str | None = None
    """Path or address of a tokenizer.json."""


def run(work: Work[CardParameters]) -> None:
    """Gather the catalog's entry of a model: `card.json` and the files it lists."""
    from pipeline.catalog.card import CARD_FILE, CardParts, build_card
    from pipeline.catalog.results import find_results
    from pipeline.disk.json_file import write_json

    proof = Verdicts.load(work.inputs["verify"])
    converted = ConvertedSource.load(work.inputs["convert"])
    signature = Signature.load(work.inputs["signature"])
    verdicts = BrowserVerdicts.load(work.inputs["browser"]).add_to(proof.variants)
    variants = [_add_variant(work, name, verdicts.get(name)) for name in work.parameters.variants]
    card = build_card(
        work.parameters.identity,
        CardParts(
            fetched=FetchedSource.load(work.inputs["fetch"]),
            converted=converted,
            signature=signature,
            contracts=Contracts.load(work.inputs["reference"]),
            roles=RoleMap.load(work.inputs["map"]),
            proofs=proof.proofs,
            vectors=_add_vectors(work),
            variants=variants,
        ),
    )
    card = add_tokenizer(work, read_outputs(work, card, converted))
    card = card.model_copy(update={"results": find_results(card), **_find_background(work, card)})
    write_json(work.folder / CARD_FILE, card.to_json())


STEP = Step(
    name="card",
    version=7,
    parameters=CardParameters,
    run=run,
    needs=(
        *("fetch", "convert", "signature", "reference", "map", "verify", "browser"),
        f"variant:{BASE}",
    ),
    accepts=("variant",),
    tools=frozenset({"markdown-it-py", "tfjs-zoo"}),
    stays=True,
    shared=False,
)


def parameters(model: Model) -> CardParameters:
    """Return the parameters of `card` for a model."""
    return CardParameters(
        identity=identify(model),
        publish_base=model.publish_base,
        variants=(BASE, *(variant.name for variant in model.variants)),
        labels=_find_labels(model),
        points=_state(Points, model.points),
        decode=_state(Decode, model.decode),
        tokenizer=_resolve(model.tokenizer, model),
        family=model.family,
        card=state_card(model),
    )


def _resolve(given: Any, model: Model) -> Any:
    """Return the address of a file in place of "#path"; anything else as it is."""
    return find_beside(given, model.source) if texts.is_text(given) else given


def _find_labels(model: Model) -> dict[str, str | list[str]] | None:
    if model.labels is None:
        return None
    return {place: _resolve(names, model) for place, names in _by_place(model.labels).items()}


def _by_place(labels: Any) -> dict[str, Any]:
    return labels if isinstance(labels, dict) else {"": labels}


def _state(record: type[P], section: BaseModel | None) -> P | None:
    return None if section is None else record.model_validate(section.model_dump(mode="json"))


def local_files(model: Model, root: Path) -> LocalFiles | None:
    """Return the files of labels, tokenizer, card and timings that lie beside the manifest."""
    named = _by_place(model.labels)
    paths = {
        f"labels {names}": names
        for names in named.values()
        if isinstance(names, str) and not texts.is_text(names) and names not in label_sets()
    }
    paths |= {f"timings {path}": path for path in model.timings}
    if model.card is not None and not texts.is_text(model.card):
        paths["card"] = model.card
    if model.tokenizer is not None and not texts.is_text(model.tokenizer):
        paths[f"tokenizer {model.tokenizer}"] = model.tokenizer
    return ListedFiles(paths=paths, root=root) if paths else None


def identify(model: Model) -> ModelIdentity:
    """Return the facts of the manifest on a model that a catalog repeats unchanged."""
    identity = ModelIdentity(
        name=model.name,
        title=model.title,
        description=model.description,
        task=model.task,
        tags=list(model.tags),
        license=model.license,
        license_url=model.license_url,
        homepage=model.homepage,
    )
    return identity.with_extra(model.extra)


def _add_variant(
    work: Work[CardParameters], name: str, verdict: VariantVerdict | None
) -> CatalogVariant:
    """Link a variant's files into the card's folder and return its entry."""
    from pipeline.catalog.card import alias_model_json, missing_variant, published_variant
    from pipeline.steps.card_shards import place_variant

    key = f"variant:{name}"
    outcome = work.outcomes.get(key)
    if outcome is None:
        raise DiskError(f"{key}: its result could not be kept", hint="make room on the disk")
    if outcome.status != "ok" or verdict is None:
        return missing_variant(name, outcome.status, outcome.reason)
    made = work.inputs[key]
    record = VariantRecord.load(made)
    if verdict.status != "ok":
        return missing_variant(
            record.name,
            verdict.status,
            verdict.reason,
            checks=verdict.checks,
            advice=verdict.advice,
        )
    if name == BASE and not work.parameters.publish_base:
        reason = "the manifest says publish_base: false"
        return missing_variant(record.name, "skipped", reason, checks=verdict.checks)
    model_json = json.loads((made / "model.json").read_bytes())
    placed = place_variant(
        made,
        work.folder,
        name=record.name,
        model_json=model_json,
        digests=outcome.outputs,
        family=work.parameters.family,
    )
    alias = work.folder / record.name / "model.json"
    alias.parent.mkdir()
    seen = alias_model_json(placed.model_json, placed.folder)
    alias.write_bytes(format_json(seen, sort_keys=False))
    assert work.model is not None
    return published_variant(
        work.model, record, placed.files, checks=verdict.checks, agreement=verdict.agreement
    )


def _add_vectors(work: Work[CardParameters]) -> list[CatalogFile]:
    """Link the test vectors into the card's folder and list them in the catalog's form."""
    from pipeline.catalog.card import model_folder, variant_folder
    from pipeline.disk.files import link_or_copy

    made, outcome = work.inputs["reference"], work.outcomes["reference"]
    files = [_file(made, path, outcome.outputs[path]) for path in VECTOR_FILES]
    folder = variant_folder("vectors", {file.path: file.sha256 for file in files})
    assert work.model is not None
    for file in files:
        link_or_copy(made / file.path, work.folder / folder / file.path)
    prefix = f"{model_folder(work.model)}/{folder}"
    return [file.model_copy(update={"path": f"{prefix}/{file.path}"}) for file in files]


def _find_background(work: Work[CardParameters], card: CatalogModel) -> dict[str, Any]:
    """Return what is known of a model's background; its model card is written as files."""
    stated = work.parameters.card
    markdown = None
    if stated is not None and stated.file is not None:
        work.uses(*STEP.tools)
        markdown = find_fetched(work).get(stated.file, work.root / stated.file)
    add = partial(add_content, work)
    return describe_background(stated, card, root=work.root, markdown=markdown, add=add)


def _file(folder: Path, path: str, sha256: str) -> CatalogFile:
    return CatalogFile(path=path, bytes=(folder / path).stat().st_size, sha256=sha256)
