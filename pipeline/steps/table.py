"""The table of steps: a new step is a module beside this one, and a line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.engine.local_files import LocalFiles
from pipeline.engine.step import Step
from pipeline.manifest.model import Model
from pipeline.records.record import Part
from pipeline.steps import (
    browser,
    card,
    catalog,
    convert,
    fetch,
    reference,
    search,
    signature,
    site,
    texts,
    variant,
    verify,
)
from pipeline.steps import map as map_roles


@dataclass(frozen=True, kw_only=True)
class ModelStep:
    """A step that each model goes through.

    Attributes:
        step: The kind of work.
        parameters: Returns its parameters for a model; for a step of each variant, those by the
            variant's name; none for a model that does without the step.
        local_files: Returns the files beside the manifest that it reads; None without such files.
        more_needs: Returns what a model, or a variant of it, needs beside the step's own needs.
    """

    step: Step[Any]
    parameters: Callable[[Model], Part | Mapping[str, Part]]
    local_files: Callable[[Model, Path], LocalFiles | None] = lambda _model, _root: None
    more_needs: Callable[[Model, str | None], tuple[str, ...]] = lambda _model, _variant: ()


MODEL_STEPS = (
    ModelStep(step=fetch.STEP, parameters=fetch.parameters, local_files=fetch.local_files),
    ModelStep(step=convert.STEP, parameters=convert.parameters, local_files=convert.local_files),
    ModelStep(step=signature.STEP, parameters=signature.parameters),
    ModelStep(
        step=reference.STEP, parameters=reference.parameters, local_files=reference.local_files
    ),
    ModelStep(step=map_roles.STEP, parameters=map_roles.parameters),
    ModelStep(step=search.STEP, parameters=search.parameters),
    ModelStep(step=variant.STEP, parameters=variant.parameters, more_needs=variant.more_needs),
    ModelStep(step=verify.STEP, parameters=verify.parameters),
    ModelStep(step=browser.STEP, parameters=browser.parameters),
    ModelStep(step=texts.STEP, parameters=texts.parameters, local_files=texts.local_files),
    ModelStep(
        step=card.STEP,
        parameters=card.parameters,
        local_files=card.local_files,
        more_needs=texts.needs,
    ),
)
"""The steps of a model, each after those that it reads."""

STEPS: tuple[Step[Any], ...] = (*(each.step for each in MODEL_STEPS), catalog.STEP, site.STEP)
"""All steps, in the order in which they run."""
