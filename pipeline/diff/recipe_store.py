"""Memory: the recipes of earlier results, so that a later one can be compared with them.

`.zoo/recipes/<model>.json` holds the recipe of each result that a model had, by a digest of
what the catalog said of it. So it tells what a published model was made of, wherever its
catalog comes from. Where the file is lost the catalogs alone have to tell.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.catalog.types import RESULT_KEYS
from pipeline.diff.catalog_reader import ComparedCatalog
from pipeline.diff.recipe import Recipe, make_recipe
from pipeline.disk.canonical import digest_json, format_json
from pipeline.disk.files import write_atomic
from pipeline.disk.json_file import load_json, read_json
from pipeline.disk.json_value import JsonValue
from pipeline.engine.job import Job
from pipeline.engine.outcome import load_outcome
from pipeline.engine.receipt import load_receipt
from pipeline.errors import FormatError
from pipeline.steps.graph import Graph

NUM_KEPT = 50
# What the steps made; the rest is what the manifest says, or how this build went.
_MADE = RESULT_KEYS - {"status", "reason", "staleSince"}


def remember_recipes(graph: Graph, models: Iterable[str]) -> None:
    """Keep what models are made of now, of those that succeeded."""
    jobs = graph.jobs_of_models()
    for name in models:
        card = graph.jobs[f"card:{name}"]
        outcome = load_outcome(card.outcome_file)
        if outcome is not None and outcome.status == "ok":
            entry = read_json(card.folder / "card.json")
            _remember(_file(graph, name), entry, gather_recipe(jobs[name]))


def recall_recipe(graph: Graph, entry: Mapping[str, Any]) -> Recipe | None:
    """Return what an entry of any catalog was made of; None where that is not known."""
    digest = _digest(entry)
    found = [line for line in _load(_file(graph, entry["name"])) if line["entry"] == digest]
    recipe: Recipe | None = found[-1]["recipe"] if found else None
    return recipe


def find_recipes(
    graph: Graph, before: ComparedCatalog, after: ComparedCatalog, model: str
) -> tuple[Recipe | None, Recipe | None]:
    """Return what a model of two catalogs was made of, the later one being this build's."""
    was = recall_recipe(graph, before.raw[model])
    entry = after.raw[model]
    if entry["status"] == "ok" and model in graph.jobs_of_models():
        return was, gather_recipe(graph.jobs_of_models()[model])
    return was, recall_recipe(graph, entry)


def gather_recipe(jobs: Iterable[Job]) -> Recipe:
    """Return what a model is made of, from the receipts of its steps."""
    receipts = {}
    for job in jobs:
        receipt = load_receipt(job.folder) or load_receipt(job.failed_folder)
        if receipt is not None:
            step, *variant = job.task.split(":")
            receipts[":".join([step, *variant[1:]])] = (receipt, job.reads)
    return make_recipe(receipts)


def _remember(file: Path, entry: Mapping[str, Any], recipe: Recipe) -> None:
    line = {"entry": _digest(entry), "recipe": recipe}
    lines = _load(file)
    if lines and lines[-1] == line:
        return
    kept = [other for other in lines if other["entry"] != line["entry"]][1 - NUM_KEPT :]
    write_atomic(file, format_json([*kept, line], indent=None))


def _load(file: Path) -> list[dict[str, Any]]:
    wire = load_json(file)
    try:
        return [] if wire is None else [_parse_line(line) for line in wire.items()]
    except FormatError:
        return []


def _parse_line(wire: JsonValue) -> dict[str, Any]:
    recipe = {step: _parse_step(read) for step, read in wire.get("recipe").fields()}
    return {"entry": wire.get("entry").text(), "recipe": recipe}


def _parse_step(wire: JsonValue) -> Mapping[str, Any]:
    wire.get("version").whole()
    for key in ("parameters", "inputs", "tools"):
        wire.get(key).fields()
    step: Mapping[str, Any] = wire.value
    return step


def _file(graph: Graph, model: str) -> Path:
    return graph.layout.state / "recipes" / f"{model}.json"


def _digest(entry: Mapping[str, Any]) -> str:
    return digest_json({key: entry[key] for key in _MADE & entry.keys()})
