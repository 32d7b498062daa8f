"""Recipes: all that decided what a model became, out of its receipts. Pure.

A recipe is a JSON object: for each step the version of its code, what it read of the manifest,
digests of the files that people gave, and the versions of its tools. What one step hands to the
next is left out: it follows from the rest. So is what the catalog itself tells: the source, and
what the manifest says about the model.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipeline.diff.change import Cause, CauseKind
from pipeline.engine.receipt import Receipt, find_changes

Recipe = Mapping[str, Mapping[str, Any]]

OURS = "tfjs-zoo"
_TOLD_ELSEWHERE = {"fetch": {"source", "sha256"}, "card": {"identity", "variants"}}
_SOURCE = "source"


def make_recipe(receipts: Mapping[str, tuple[Receipt, Iterable[str]]]) -> Recipe:
    """Return the recipe of a model.

    Args:
        receipts: Receipt of each step, as "convert" or "variant:uint8", with the names of the
            inputs that other steps made.
    """
    recipe = {}
    for step, (receipt, made) in sorted(receipts.items()):
        read = receipt
        told = _TOLD_ELSEWHERE.get(read.step, set())
        given = read.inputs.keys() - set(made) - {_SOURCE}
        recipe[step] = {
            "version": read.version,
            "parameters": {key: read.parameters[key] for key in read.parameters.keys() - told},
            "inputs": {key: read.inputs[key] for key in given},
            "tools": dict(receipt.tools),
        }
    return recipe


def explain_recipes(before: Recipe, after: Recipe) -> list[Cause]:
    """Return why two recipes do not make the same, each cause once."""
    causes: dict[Cause, None] = {}
    for step in sorted(before.keys() | after.keys()):
        causes.update(dict.fromkeys(_explain_step(step, before.get(step), after.get(step))))
    return list(causes)


def _explain_step(
    step: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> Iterator[Cause]:
    variant = step.partition(":")[2]
    if before is None or after is None:
        if variant:
            verb = "asks for" if before is None else "does not ask for"
            yield Cause(kind="parameters", text=f"models.yaml {verb} variant {variant}")
        return
    if before["version"] != after["version"]:
        name = step.partition(":")[0]
        text = f"step {name}: version {before['version']} → {after['version']}"
        yield Cause(kind="pipeline", text=text)
    label = f"variant {variant}: " if variant and variant != "base" else ""
    for text in find_changes(before["parameters"], after["parameters"]):
        # What all variants read is told once.
        told = text if text.startswith("weight_shard") else label + text
        yield Cause(kind="parameters", text=told)
    for name in sorted(before["inputs"].keys() | after["inputs"].keys()):
        if before["inputs"].get(name) != after["inputs"].get(name):
            yield Cause(kind="parameters", text=f"{name}: another file")
    yield from explain_tools(before["tools"], after["tools"])


def explain_tools(
    before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> Iterator[Cause]:
    """Yield the tools that both used in different versions."""
    for tool in sorted(before.keys() & after.keys()):
        if before[tool] != after[tool]:
            kind: CauseKind = "pipeline" if tool == OURS else "tool"
            yield Cause(kind=kind, text=f"{tool} {before[tool]} → {after[tool]}")
