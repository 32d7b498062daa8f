"""The catalog entries of models as a run or `status` shows them."""

import contextlib
from collections.abc import Collection
from typing import TYPE_CHECKING

from pipeline.engine.outcome import load_outcome
from pipeline.errors import PipelineError
from pipeline.steps.graph import Graph

if TYPE_CHECKING:
    from pipeline.catalog.types import CatalogModel


def load_entries(graph: Graph, names: Collection[str]) -> list["CatalogModel"]:
    """Return the present catalog entries of models, even before the catalog is written."""
    # A run with nothing to do reads no card, and need not wait for the catalog's types.
    from pipeline.catalog.entries import model_entry
    from pipeline.steps.catalog import CatalogParameters

    listed = graph.jobs["catalog"].parameters
    assert isinstance(listed, CatalogParameters)
    entries = []
    for name in names:
        job, model = graph.jobs[f"card:{name}"], listed.models[name]
        # The step that reads a damaged card reports it.
        with contextlib.suppress(OSError, PipelineError):
            outcome = load_outcome(job.outcome_file)
            entries.append(model_entry(job.folder, outcome, model.identity, uri=model.uri))
    return entries
