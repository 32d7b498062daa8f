"""Recipes: everything that decided the result of a model's steps, taken from their receipts. Pure.

A recipe has for each step the version of its code, its parameters from the manifest, digests of
the files that people gave, and the versions of its tools. The files that one step hands to the
next are left out, because they follow from the rest. The source and the texts of the manifest
are left out too, because the catalog has them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.diff.change import Cause, CauseKind
from pipeline.engine.receipt import Receipt, find_changes

OURS = "tfjs-zoo"
_IN_CATALOG = {"fetch": {"source", "sha256"}, "card": {"identity", "variants"}}
_SOURCE = "source"


@dataclass(frozen=True, kw_only=True)
class StepRecipe:
    """Everything that decided the result of a step.

    Attributes:
        version: Version of the step's code.
        parameters: Its parameters, JSON values by name.
        inputs: Digests of the files that people gave, by name.
        tools: Versions of its tools, by name.
    """

    version: int
    parameters: Mapping[str, Any]
    inputs: Mapping[str, str]
    tools: Mapping[str, str | None]


Recipe = Mapping[str, StepRecipe]
"""The recipe of a model: its steps by name, "convert" or "variant:uint8"."""


def make_recipe(receipts: Mapping[str, tuple[Receipt, Iterable[str]]]) -> Recipe:
    """Return the recipe of a model.

    Args:
        receipts: Receipt of each step, as "convert" or "variant:uint8", with the names of the
            inputs that other steps made.
    """
    recipe = {}
    for step, (receipt, made) in sorted(receipts.items()):
        read = receipt
        in_catalog = _IN_CATALOG.get(read.step, set())
        given = read.inputs.keys() - set(made) - {_SOURCE}
        recipe[step] = StepRecipe(
            version=read.version,
            parameters={key: read.parameters[key] for key in read.parameters.keys() - in_catalog},
            inputs={key: read.inputs[key] for key in given},
            tools=dict(receipt.tools),
        )
    return recipe


def explain_recipes(before: Recipe, after: Recipe) -> list[Cause]:
    """Return the differences between two recipes, each cause once."""
    causes: dict[Cause, None] = {}
    for step in sorted(before.keys() | after.keys()):
        causes.update(dict.fromkeys(_explain_step(step, before.get(step), after.get(step))))
    return list(causes)


def _explain_step(
    step: str, before: StepRecipe | None, after: StepRecipe | None
) -> Iterator[Cause]:
    variant = step.partition(":")[2]
    if before is None or after is None:
        if variant:
            verb = "asks for" if before is None else "does not ask for"
            yield Cause(kind="parameters", text=f"models.yaml {verb} variant {variant}")
        return
    if before.version != after.version:
        name = step.partition(":")[0]
        text = f"step {name}: version {before.version} → {after.version}"
        yield Cause(kind="pipeline", text=text)
    label = f"variant {variant}: " if variant and variant != "base" else ""
    for text in find_changes(before.parameters, after.parameters):
        # All variants have this parameter, so its change has no label and becomes one cause.
        shared = text.startswith("weight_shard")
        yield Cause(kind="parameters", text=text if shared else label + text)
    for name in sorted(before.inputs.keys() | after.inputs.keys()):
        if before.inputs.get(name) != after.inputs.get(name):
            yield Cause(kind="parameters", text=f"{name}: another file")
    yield from explain_tools(before.tools, after.tools)


def explain_tools(
    before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> Iterator[Cause]:
    """Yield a cause for each tool whose version differs: "tensorflow 2.18.0 → 2.19.0"."""
    for tool in sorted(before.keys() & after.keys()):
        if before[tool] != after[tool]:
            kind: CauseKind = "pipeline" if tool == OURS else "tool"
            yield Cause(kind=kind, text=f"{tool} {before[tool]} → {after[tool]}")
