"""Labels and tokenizer of a card: the part of `card` that reads files with names and texts."""

import hashlib
from pathlib import Path
from typing import Any

from pipeline.catalog.types import CatalogFile, CatalogModel
from pipeline.disk.canonical import format_json
from pipeline.engine.step import Work
from pipeline.errors import ManifestError
from pipeline.records.roles import RoleMap
from pipeline.records.source import ConvertedSource, Labels
from pipeline.records.texts import FetchedTexts
from pipeline.steps import texts

LABELS_FILE = "labels.json"
TOKENIZER_FILE = "tokenizer.json"


def read_outputs(work: Work[Any], card: CatalogModel, converted: ConvertedSource) -> CatalogModel:
    """Return the card with what the manifest states of its outputs, and labels written as files."""
    from pipeline.catalog.card import with_labels
    from pipeline.catalog.label_files import read_names
    from pipeline.catalog.reading import check_decode, check_points, read_labels

    stated, roles = work.parameters, RoleMap.load(work.inputs["map"])
    decode, points = stated.decode, stated.points
    if decode is not None:
        decode = check_decode(decode, card.outputs, card.inputs, points)
    if points is not None:
        points = check_points(points, roles)
    files = find_fetched(work)
    names = {
        place: read_names(given, work.root, files) for place, given in (stated.labels or {}).items()
    }
    read = read_labels(names, card.outputs, roles, decode)
    _check_classes(work, read, card, roles)
    labels = {**(converted.labels or {}), **read}
    card = card.model_copy(update={"decode": decode, "points": points})
    published = {output: _add_labels(work, known) for output, known in labels.items()}
    return with_labels(card, labels, published)


def _check_classes(
    work: Work[Any], labels: dict[str, Labels], card: CatalogModel, roles: RoleMap
) -> None:
    """Compare labels of numbered classes with the classes that the source returned."""
    import numpy as np

    from pipeline.catalog.reading import check_classes, find_classes
    from pipeline.proof.vector_files import load_vectors

    found = find_classes(card.outputs, roles)
    if found is None or found[0].name not in labels:
        return
    name, places = found[0].name, found[1]
    for vector in load_vectors(work.inputs["reference"]).vectors:
        values = vector.outputs[name].reshape(-1)[places]
        if values.dtype.kind in "fiu":
            known = values[np.isfinite(values)]
            check_classes(name, labels[name], [int(one) for one in np.rint(known)])


def find_fetched(work: Work[Any]) -> dict[str, Path]:
    """Return the files that the step `texts` has fetched, by address."""
    folder = work.inputs.get(texts.NAME)
    if folder is None:
        return {}
    return {address: folder / path for address, path in FetchedTexts.load(folder).files.items()}


def _add_labels(work: Work[Any], labels: Labels) -> CatalogFile:
    """Write names of classes into the card's folder; equal ones are one file."""
    return add_content(work, "labels", LABELS_FILE, format_json(labels.names, sort_keys=False))


def add_tokenizer(work: Work[Any], card: CatalogModel) -> CatalogModel:
    """Return the card with its tokenizer, whose file lies in the card's folder, if it has one."""
    from pipeline.catalog.tokenizers import MAX_BYTES, check_tokenizer, find_token_inputs
    from pipeline.catalog.types import CatalogTokenizer

    given = work.parameters.tokenizer
    if given is None:
        return card
    path = find_fetched(work).get(given, work.root / given)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ManifestError(f"tokenizer: {given}: more than 64 MiB; expected a tokenizer.json")
        content = path.read_bytes()
    except OSError as error:
        raise ManifestError(f"tokenizer: {given}: {error.strerror}") from None
    check_tokenizer(content, given)
    inputs = find_token_inputs(card.inputs)
    file = add_content(work, "tokenizer", TOKENIZER_FILE, content)
    tokenizer = CatalogTokenizer.model_validate({**file.to_json(), **inputs})
    return card.model_copy(update={"tokenizer": tokenizer})


def add_content(work: Work[Any], name: str, file: str, content: bytes) -> CatalogFile:
    """Write a file into a folder of the card that is named by the content."""
    from pipeline.catalog.card import model_folder, variant_folder

    sha256 = hashlib.sha256(content).hexdigest()
    folder = variant_folder(name, {file: sha256})
    path = work.folder / folder / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    assert work.model is not None
    return CatalogFile(
        path=f"{model_folder(work.model)}/{folder}/{file}", bytes=len(content), sha256=sha256
    )
