"""The pipeline as doit tasks: one task for each step of each model.

The order is that of a build: fetch, convert, signature, reference, map, search, variant, verify,
browser, texts, card; then the catalog, the site and dist/. `doit list --all` lists the tasks,
sorted by name. This file does not import TensorFlow: steps that need it start child processes.
"""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

from doit.exceptions import InvalidDodoFile

from pipeline.errors import PipelineError
from pipeline.steps.graph import load_graph
from pipeline.steps.tasks import (
    OF_ZOO,
    Task,
    model_tasks,
    step_tasks,
    tag_tasks,
    tasks_in_turn,
    zoo_task,
)
from pipeline.steps.wanted import narrow

# Loading makes many objects and no garbage; a long command turns the collector on again.
gc.disable()
try:
    GRAPH = load_graph(Path.cwd())
    narrow(GRAPH)
except PipelineError as error:
    # Shown without a traceback; the exit code is 3.
    raise InvalidDodoFile(error.describe()) from None

DOIT_CONFIG = {
    "backend": "zoo",
    "dep_file": str(GRAPH.database),
    "default_tasks": tasks_in_turn(GRAPH.wanted, of_zoo=OF_ZOO),
    "num_process": os.cpu_count() or 1,
    "par_type": "thread",
    "reporter": "zoo",
    "verbosity": 0,
}


def task_fetch() -> Iterator[Task]:
    """Fetch the source of each model."""
    yield from step_tasks(GRAPH, "fetch", doc=task_fetch.__doc__)


def task_convert() -> Iterator[Task]:
    """Convert each source to a TensorFlow.js model, the base of its variants."""
    yield from step_tasks(GRAPH, "convert", doc=task_convert.__doc__)


def task_signature() -> Iterator[Task]:
    """Read the inputs and outputs of each base, named as in its source."""
    yield from step_tasks(GRAPH, "signature", doc=task_signature.__doc__)


def task_reference() -> Iterator[Task]:
    """Run each source on test vectors, in its own runtime."""
    yield from step_tasks(GRAPH, "reference", doc=task_reference.__doc__)


def task_map() -> Iterator[Task]:
    """Tie roles such as boxes and scores to outputs."""
    yield from step_tasks(GRAPH, "map", doc=task_map.__doc__)


def task_search() -> Iterator[Task]:
    """Find the smallest mix of forms in which a model still passes, for variants that ask so."""
    yield from step_tasks(GRAPH, "search", doc=task_search.__doc__)


def task_variant() -> Iterator[Task]:
    """Make the variants of each model: the base and its quantized forms."""
    yield from step_tasks(GRAPH, "variant", doc=task_variant.__doc__)


def task_verify() -> Iterator[Task]:
    """Run every variant in TensorFlow.js and compare it with its source."""
    yield from step_tasks(GRAPH, "verify", doc=task_verify.__doc__)


def task_browser() -> Iterator[Task]:
    """Run the base, or all that the manifest requires, on webgl and webgpu in a browser."""
    yield from step_tasks(GRAPH, "browser", doc=task_browser.__doc__)


def task_texts() -> Iterator[Task]:
    """Fetch labels and tokenizers that do not lie beside models.yaml, for models with such."""
    yield from step_tasks(GRAPH, "texts", doc=task_texts.__doc__)


def task_card() -> Iterator[Task]:
    """Gather the catalog's entry of each model."""
    yield from step_tasks(GRAPH, "card", doc=task_card.__doc__)


def task_catalog() -> Task:
    """Assemble models.json from the cards."""
    return zoo_task(GRAPH, "catalog", models=GRAPH.loaded)


def task_site() -> Task:
    """Write the pages that show the zoo, the loader and its types."""
    return zoo_task(GRAPH, "site", models=GRAPH.loaded)


def task_dist() -> Task:
    """Bring dist/ up to date: the zoo as it is published."""
    return zoo_task(GRAPH, "dist", models=GRAPH.loaded)


def task_model() -> Iterator[Task]:
    """Build all steps of one model: `tfjs-zoo model:NAME`."""
    yield from model_tasks(GRAPH, doc=task_model.__doc__)


def task_tag() -> Iterator[Task]:
    """Build all models with a tag: `tfjs-zoo tag:TAG`."""
    yield from tag_tasks(GRAPH, doc=task_tag.__doc__)
