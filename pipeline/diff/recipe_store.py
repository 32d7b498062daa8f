"""A store of the recipes of earlier results, to compare later results with them.

`.zoo/recipes/<model>.json` holds the recipe of each result of a model, with a digest of the
model's entry in the catalog. So the recipe of a published model is found by its entry, wherever
its catalog comes from. Where the file is lost, only the two catalogs can be compared.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.catalog.types import RESULT_KEYS
from pipeline.diff.catalog_reader import ComparedCatalog
from pipeline.diff.recipe import Recipe, StepRecipe, make_recipe
from pipeline.disk.canonical import digest_json, format_json
from pipeline.disk.files import write_atomic
from pipeline.disk.json_file import read_json
from pipeline.disk.typed_json import WrongJsonError, parse_json
from pipeline.engine.job import Job
from pipeline.engine.outcome import load_outcome
from pipeline.engine.receipt import load_receipt
from pipeline.steps.graph import Graph

NUM_KEPT = 50
# Fields that the steps made; the others come from the manifest, or describe this build.
_MADE = RESULT_KEYS - {"status", "reason", "staleSince"}


def remember_recipes(graph: Graph, models: Iterable[str]) -> None:
    """Store the recipes of the models that succeeded."""
    jobs = graph.jobs_of_models()
    for name in models:
        card = graph.jobs[f"card:{name}"]
        outcome = load_outcome(card.outcome_file)
        if outcome is not None and outcome.status == "ok":
            entry = read_json(card.folder / "card.json")
            _remember(_file(graph, name), entry, gather_recipe(jobs[name]))


def recall_recipe(graph: Graph, entry: Mapping[str, Any]) -> Recipe | None:
    """Return the recipe of an entry of any catalog; None where it is not stored."""
    digest = _digest(entry)
    stored = _load(_file(graph, entry["name"]))
    return next((line.recipe for line in reversed(stored) if line.entry == digest), None)


def find_recipes(
    graph: Graph, before: ComparedCatalog, after: ComparedCatalog, model: str
) -> tuple[Recipe | None, Recipe | None]:
    """Return the recipes of a model in two catalogs; the later catalog is this build's."""
    was = recall_recipe(graph, before.raw[model])
    entry = after.raw[model]
    if entry["status"] == "ok" and model in graph.jobs_of_models():
        return was, gather_recipe(graph.jobs_of_models()[model])
    return was, recall_recipe(graph, entry)


def gather_recipe(jobs: Iterable[Job]) -> Recipe:
    """Return the recipe of a model, from the receipts of its steps."""
    receipts = {}
    for job in jobs:
        receipt = load_receipt(job.folder) or load_receipt(job.failed_folder)
        if receipt is not None:
            step, *variant = job.task.split(":")
            receipts[":".join([step, *variant[1:]])] = (receipt, job.reads)
    return make_recipe(receipts)


@dataclass(frozen=True, kw_only=True)
class _StoredRecipe:
    """The recipe of a result.

    Attributes:
        entry: Digest of the result's entry in the catalog.
        recipe: The recipe.
    """

    entry: str
    recipe: dict[str, StepRecipe]


def _remember(file: Path, entry: Mapping[str, Any], recipe: Recipe) -> None:
    new = _StoredRecipe(entry=_digest(entry), recipe=dict(recipe))
    stored = _load(file)
    if stored and stored[-1] == new:
        return
    kept = [other for other in stored if other.entry != new.entry][1 - NUM_KEPT :]
    write_atomic(file, format_json([asdict(line) for line in (*kept, new)], indent=None))


def _load(file: Path) -> list[_StoredRecipe]:
    """Read the stored recipes of a model; a file that is missing or damaged has none."""
    try:
        return parse_json(list[_StoredRecipe], file.read_bytes())
    except (OSError, WrongJsonError):
        return []


def _file(graph: Graph, model: str) -> Path:
    return graph.layout.state / "recipes" / f"{model}.json"


def _digest(entry: Mapping[str, Any]) -> str:
    return digest_json({key: entry[key] for key in _MADE & entry.keys()})
