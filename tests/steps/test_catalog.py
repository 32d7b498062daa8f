"""The step `catalog`: it reads the cards that changed, and makes what all cards would make."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from site_zoo import entry

from pipeline.catalog.entries import model_entry
from pipeline.catalog.types import CatalogModel
from pipeline.disk.canonical import format_json
from pipeline.disk.files import digest_file, write_atomic
from pipeline.engine.outcome import Outcome, write_outcome
from pipeline.engine.run_job import run_job
from pipeline.steps import catalog
from pipeline.steps.catalog import recall_verdicts
from pipeline.steps.graph import Graph, load_graph

NAMES = ("one", "two", "three")


def write_manifest(root: Path, names: tuple[str, ...] = NAMES, **fields: Any) -> Graph:
    """Return the graph of models of these names; the fields are those of `two`."""
    models = [
        {"name": name, "source": "npm:a@1.0.0#m.json", **(fields if name == "two" else {})}
        for name in names
    ]
    (root / "models.yaml").write_text(json.dumps({"models": models}))
    return load_graph(root)


def write_card(graph: Graph, name: str, **fields: Any) -> None:
    """Leave what the step `card` of a model leaves."""
    job = graph.jobs[f"card:{name}"]
    job.folder.mkdir(parents=True, exist_ok=True)
    card = entry(name, **{"variants": [], **fields})
    write_atomic(job.folder / "card.json", format_json(card))
    digest = digest_file(job.folder / "card.json")
    write_outcome(job.outcome_file, Outcome(status="ok", outputs={"card.json": digest}))


def fail_card(graph: Graph, name: str, *, since: str | None = None) -> None:
    """Leave what a card leaves that failed."""
    job = graph.jobs[f"card:{name}"]
    write_outcome(job.outcome_file, Outcome(status="failed", reason="for a test"))
    if since:
        write_atomic(job.since_file, format_json({"since": since}))


def assemble(graph: Graph, *, force: bool = False) -> dict[str, Any]:
    """Run the step, and return all that it made, by the name of the file."""
    graph.session.force = force
    job = graph.jobs["catalog"]
    assert run_job(job, graph.session).status == "ok"
    names = ("models.json", "pieces.json", "projection.json", "receipt.json")
    return {name: json.loads((job.folder / name).read_bytes()) for name in names}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the models whose cards are read from now on."""
    names: list[str] = []

    def record(card: Path, *arguments: Any, **others: Any) -> CatalogModel:
        names.append(card.parent.name)
        return model_entry(card, *arguments, **others)

    monkeypatch.setattr(catalog, "model_entry", record)
    return names


def damage(path: str) -> Callable[[Graph], None]:
    """Return a change of one byte of a file of the catalog."""

    def change(graph: Graph) -> None:
        file = graph.jobs["catalog"].folder / path
        file.write_bytes(file.read_bytes().replace(b"one", b"eno", 1))

    return change


CHANGES: dict[str, tuple[Callable[[Graph], object], set[str]]] = {
    "a card": (lambda graph: write_card(graph, "two", title="Two"), {"two"}),
    "a failure": (lambda graph: fail_card(graph, "two"), {"two"}),
    "a failure after a success": (
        lambda graph: fail_card(graph, "two", since="2026-01-01T00:00:00Z"),
        {"two"},
    ),
    "a damaged catalog": (damage("models.json"), {"one"}),
    "a damaged list of pieces": (damage("pieces.json"), set(NAMES)),
    "a damaged list of files": (damage("projection.json"), set(NAMES)),
    "a lost list of pieces": (
        lambda graph: (graph.jobs["catalog"].folder / "pieces.json").unlink(),
        set(NAMES),
    ),
    "a catalog to forget": (
        lambda graph: (graph.jobs["catalog"].folder / "receipt.json").unlink(),
        set(NAMES),
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_costs_the_cards_that_changed(tmp_path: Path, read: list[str], case: str) -> None:
    graph = write_manifest(tmp_path)
    for name in NAMES:
        write_card(graph, name)
    assemble(graph)
    assert set(read) == set(NAMES)
    read.clear()
    change, expected = CHANGES[case]
    write_card(graph, "three", title="Three")
    change(graph)
    made = assemble(graph)

    assert set(read) == expected | {"three"}
    assert made == assemble(graph, force=True)


def test_the_manifest_decides_the_entries_of_models_without_a_card(
    tmp_path: Path, read: list[str]
) -> None:
    graph = write_manifest(tmp_path)
    write_card(graph, "one")
    fail_card(graph, "two")
    assemble(graph)
    read.clear()
    graph = write_manifest(tmp_path, NAMES[:2], title="Two")
    made = assemble(graph)

    assert read == ["two"]
    assert [model["title"] for model in made["models.json"]["models"]] == [None, "Two"]
    assert made == assemble(graph, force=True)


def test_another_program_makes_all_anew(
    tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = write_manifest(tmp_path)
    for name in NAMES:
        write_card(graph, name)
    assemble(graph)
    read.clear()
    monkeypatch.setattr(catalog, "digest_program", lambda: "another")
    write_card(graph, "one", title="One")
    assemble(graph)

    assert set(read) == set(NAMES)


def test_verdicts_are_known_of_models_whose_cards_are_as_they_were(tmp_path: Path) -> None:
    graph = write_manifest(tmp_path)
    for name in NAMES:
        write_card(graph, name)
    job = graph.jobs["catalog"]
    assert recall_verdicts(job) == {}
    assemble(graph)
    assert {name: one.status for name, one in recall_verdicts(job).items()} == dict.fromkeys(
        NAMES, "ok"
    )
    fail_card(graph, "one")
    write_card(graph, "two", title="Two")

    assert recall_verdicts(job).keys() == {"three"}
