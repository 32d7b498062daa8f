"""The background of a model in its card: who made it, of what, its model card, times on devices."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.catalog.types import CatalogFile, CatalogModel
from pipeline.fetch.address.beside import find_beside
from pipeline.manifest.model import Model
from pipeline.records.model_card import Background, StatedCard
from pipeline.steps import texts

PAGE_FILE, TEXT_FILE = "model-card.html", "model-card.md"

AddFile = Callable[[str, str, bytes], CatalogFile]
"""Writes a file into the card's folder: the name of its folder there, its name, its content."""


def state_card(model: Model) -> StatedCard | None:
    """Return what the manifest states of a model's background; None where it states nothing."""
    background = Background(
        authors=list(model.authors) or None,
        paper=model.paper,
        citation=model.citation,
        training_data=model.training_data,
        limits=model.limits,
    )
    if not (background.says_something or model.card or model.timings):
        return None
    file = model.card
    if file is not None and texts.is_text(file):
        file = find_beside(file, model.source)
    return StatedCard(background=background, file=file, times=model.timings)


def describe_background(
    stated: StatedCard | None,
    card: CatalogModel,
    *,
    root: Path,
    markdown: Path | None,
    add: AddFile,
) -> dict[str, Any]:
    """Return the fields of a catalog's entry that tell a model's background.

    Args:
        stated: What the manifest states of it.
        card: The entry.
        root: Folder of the manifest.
        markdown: The file of its model card; None without one.
        add: Writes a file of the card.

    Raises:
        ManifestError: The model card or the times cannot be read.
    """
    from pipeline.catalog.device_times import read_device_times

    about = card.source.about
    background = stated.background if stated else Background()
    if background.authors is None and about is not None and about.author:
        background = background.model_copy(update={"authors": [about.author]})
    files: list[CatalogFile] = []
    if stated is not None and stated.file is not None and markdown is not None:
        background, files = _add_card(stated.file, markdown, card, background, add)
    times = read_device_times(stated.times, root, card.name) if stated else []
    offered = {variant.name for variant in card.variants if variant.status == "ok"}
    return {
        "background": background if background.says_something else None,
        "devices": [time for time in times if time.variant in offered] or None,
        "card_files": files,
    }


def _add_card(
    given: str, markdown: Path, card: CatalogModel, background: Background, add: AddFile
) -> tuple[Background, list[CatalogFile]]:
    """Write a model card as a page and as text; return what its head states, and its files."""
    from pipeline.catalog.card_text import read_card
    from pipeline.site.card_page import render_card

    text = read_card(given, markdown)
    page = add("card", PAGE_FILE, render_card(card.title or card.name, text.body).encode())
    update: dict[str, Any] = {"page": page.path}
    if background.training_data is None and text.datasets:
        update["training_data"] = ", ".join(text.datasets)
    files = [page, add("card", TEXT_FILE, text.whole.encode())]
    return background.model_copy(update=update), files
