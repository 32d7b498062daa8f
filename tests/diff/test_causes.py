"""Causes of changes: from the recipes of two real builds, and from their catalogs alone."""

import copy
import functools
from dataclasses import replace
from typing import Any

import pytest
from changed_zoos import ChangedZoo, build_twice, found

from pipeline.diff.catalog_reader import ComparedCatalog, parse_catalog
from pipeline.diff.causes import explain_difference
from pipeline.diff.change import Cause
from pipeline.diff.compare import compare_catalogs
from pipeline.diff.recipe import Recipe, explain_recipes
from pipeline.diff.recipe_store import find_recipes, recall_recipe, remember_recipes
from pipeline.disk.canonical import format_json
from pipeline.steps.graph import Graph, load_graph

pytestmark = pytest.mark.network  # TensorFlow.js, once


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> ChangedZoo:
    """Return a zoo that was built, changed, and built again."""
    return build_twice(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def graph(changed: ChangedZoo) -> Graph:
    """Return its graph."""
    return load_graph(changed.zoo.folder)


def nothing_known(_name: str) -> tuple[Recipe | None, Recipe | None]:
    """Remember nothing."""
    return None, None


def causes(
    before: ComparedCatalog, after: ComparedCatalog, recipes: Any, model: str
) -> list[tuple[str, str]]:
    """Return why a model changed."""
    difference = explain_difference(compare_catalogs(before, after), before, after, recipes)
    return [(cause.kind, cause.text) for cause in found(difference, model).causes]


def test_the_recipes_of_both_nights_tell_each_cause(changed: ChangedZoo, graph: Graph) -> None:
    before, after = changed.before, changed.after

    def why(model: str) -> list[tuple[str, str]]:
        recipes = functools.partial(find_recipes, graph, before, after)
        return causes(before, after, recipes, model)

    ((kind, text),) = why("source")
    assert kind == "source"
    assert text.startswith("other content: SHA-256 ")
    assert why("role") == [("parameters", 'map.scores: "Identity:0" → "Identity_1:0"')]
    assert why("fewer") == [
        ("parameters", "models.yaml does not ask for variant float16"),
        ("parameters", "models.yaml describes it in other words"),
    ]
    assert why("gone") == [("parameters", "models.yaml does not have it any more")]
    assert why("new") == [("parameters", "models.yaml has it now")]
    assert why("title") == [("parameters", "models.yaml describes it in other words")]
    ((kind, text),) = why("strict")
    assert kind == "parameters"
    assert text.startswith("tolerance: ")
    ((kind, text),) = why("broken")
    assert kind == "failure"
    assert "reaches beyond the end of its shards" in text


def test_the_catalogs_alone_tell_what_they_can(changed: ChangedZoo) -> None:
    before, after = changed.before, changed.after

    def why(model: str) -> list[tuple[str, str]]:
        return causes(before, after, nothing_known, model)

    assert [kind for kind, _ in why("source")] == ["source"]
    assert why("role") == [("parameters", "models.yaml: map")]
    assert why("fewer")[0] == ("parameters", "models.yaml: variants (float16)")
    ((kind, text),) = why("strict")
    assert kind == "parameters"
    assert text.startswith("tolerance of float32 Identity.max_rel_error: 0.5 → 0.002 and ")


def test_another_toolchain_is_a_cause_where_nothing_else_is_known(changed: ChangedZoo) -> None:
    content = changed.after.zoo.model_dump(by_alias=True)
    older = copy.deepcopy(content)
    older["toolchain"] |= {"tensorflowjs": "4.21.0", "tfjs-zoo": "0.0.9"}
    next(one for one in older["models"] if one["name"] == "same")["ops"]["Cast"] = 1
    before, after = (parse_catalog(format_json(one), shown="x") for one in (older, content))

    assert causes(before, after, nothing_known, "same") == [
        ("tool", f"tensorflowjs 4.21.0 → {content['toolchain']['tensorflowjs']}"),
        ("pipeline", f"tfjs-zoo 0.0.9 → {content['toolchain']['tfjs-zoo']}"),
    ]
    older["toolchain"] = content["toolchain"]
    before = parse_catalog(format_json(older), shown="x")
    assert [kind for kind, _ in causes(before, after, nothing_known, "same")] == ["unknown"]


def test_another_task_is_named(changed: ChangedZoo, graph: Graph) -> None:
    content = changed.after.zoo.model_dump(by_alias=True)
    next(one for one in content["models"] if one["name"] == "same")["task"] = "depth"
    after = parse_catalog(format_json(content), shown="x")
    now = find_recipes(graph, changed.before, changed.after, "same")[1]

    told = [("parameters", 'task: null → "depth"')]
    assert causes(changed.after, after, nothing_known, "same") == told
    assert causes(changed.after, after, lambda _name: (now, now), "same") == told


def test_what_people_changed_is_told_before_what_tools_did(changed: ChangedZoo) -> None:
    older = changed.before.zoo.model_dump(by_alias=True)
    older["toolchain"] |= {"tfjs": "4.21.0", "tfjs-zoo": "0.0.9"}
    before = parse_catalog(format_json(older), shown="x")

    kinds = [kind for kind, _ in causes(before, changed.after, nothing_known, "role")]
    assert kinds == ["parameters", "tool", "pipeline"]


def test_steps_and_tools_of_a_recipe_are_told_once(changed: ChangedZoo, graph: Graph) -> None:
    now = find_recipes(graph, changed.before, changed.after, "same")[1]
    assert now is not None
    convert = now["convert"]
    was = dict(now)
    was["convert"] = replace(
        convert,
        version=convert.version - 1,
        parameters={**convert.parameters, "strip_debug_ops": "other"},
        inputs={**convert.inputs, "metadata.labels": "0" * 64},
    )
    for step in ("variant:base", "variant:uint16"):
        was[step] = replace(now[step], tools={**now[step].tools, "numpy": "1.0"})
    version = convert.version

    assert set(explain_recipes(was, now)) == {
        Cause(kind="pipeline", text=f"step convert: version {version - 1} → {version}"),
        Cause(kind="parameters", text='strip_debug_ops: "other" → true'),
        Cause(kind="parameters", text="metadata.labels: another file"),
        Cause(kind="tool", text=f"numpy 1.0 → {now['variant:base'].tools['numpy']}"),
    }
    assert explain_recipes(now, now) == []


def test_a_recipe_is_found_by_what_was_made_however_it_is_described(
    changed: ChangedZoo, graph: Graph
) -> None:
    entry = changed.before.raw["title"]

    was = recall_recipe(graph, entry)
    assert was is not None
    renamed = {**entry, "title": "Else", "status": "stale", "reason": "x", "staleSince": "y"}
    assert recall_recipe(graph, renamed) == was
    assert recall_recipe(graph, {**entry, "parameters": 7}) is None


def test_a_damaged_memory_is_no_memory(changed: ChangedZoo, graph: Graph) -> None:
    file = graph.layout.state / "recipes/same.json"
    kept = file.read_bytes()
    file.write_bytes(b"{")

    assert recall_recipe(graph, changed.before.raw["same"]) is None
    remember_recipes(graph, ["same", "broken"])
    assert file.read_bytes() == kept
