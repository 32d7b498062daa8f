"""Seals: a model is left out of a run only if the quick check of each of its jobs would pass."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.disk import versions
from pipeline.engine import quick_check
from pipeline.engine.database import CacheDatabase
from pipeline.engine.job import Job
from pipeline.engine.outcome import Outcome, write_outcome
from pipeline.engine.quick_check import UpToDate, local_state, make_stamp
from pipeline.steps import seals
from pipeline.steps.graph import Graph, load_graph
from pipeline.steps.seals import Seals
from pipeline.steps.table import MODEL_STEPS
from pipeline.steps.wanted import narrow
from pipeline.steps.wish import ALL, NONE, Wish, wishing

MODELS: list[dict[str, Any]] = [
    {"name": "near", "source": "near.pb", "variants": ["uint8"], "tags": ["one"]},
    {"name": "far", "source": "npm:a@1.0.0#m.json", "tags": ["one", "two"]},
    {"name": "url", "source": "https://example.org/m.zip", "test_inputs": ["x.npz"]},
]


def load(root: Path, *, models: list[dict[str, Any]] = MODELS, **defaults: Any) -> Graph:
    """Return the graph of models that lie in a folder."""
    manifest = {"defaults": defaults, "models": models}
    (root / "models.yaml").write_text(json.dumps(manifest))
    return load_graph(root)


def build(graph: Graph) -> CacheDatabase:
    """Let every job of the models succeed, and seal them; return the database as it is kept."""
    (graph.layout.root / "near.pb").write_text("graph")
    (graph.layout.root / "x.npz").write_text("inputs")
    database = CacheDatabase(str(graph.layout.database), None)
    for job in graph.jobs.values():
        if job.model is not None:
            database.set(job.task, "_values_:", {"stamp": succeed(job)})
    Seals(graph, database).renew(graph.models)
    database.dump()
    return CacheDatabase(str(graph.layout.database), None)


def succeed(job: Job) -> dict[str, Any] | None:
    """Leave what a job leaves, and return its stamp."""
    (job.folder / "inner").mkdir(parents=True)
    outcome = Outcome(status="ok")
    write_outcome(job.outcome_file, outcome)
    return make_stamp(job, outcome, local_state(job))


def sealed(graph: Graph, database: CacheDatabase) -> dict[str, int]:
    """Return the models whose seals stand, as a new process sees them."""
    seals._digest_code.cache_clear()
    quick_check.digest_versions.cache_clear()
    return Seals(graph, database).find_sealed()


def test_models_whose_jobs_are_all_up_to_date_are_sealed(tmp_path: Path) -> None:
    graph = load(tmp_path)
    database = build(graph)

    numbers = {name: len(graph.jobs_of(name)) for name in graph.models}
    assert sealed(graph, database) == numbers
    assert numbers["near"] == numbers["far"] + 1


def _edit(path: str) -> Callable[[Graph], object]:
    return lambda graph: (graph.layout.root / path).write_text("other words")


def _add(path: str) -> Callable[[Graph], object]:
    return lambda graph: (graph.layout.build / path).write_text("")


CHANGES: dict[str, tuple[Callable[[Graph], object], str]] = {
    "a source is edited": (_edit("near.pb"), "near"),
    "a source is gone": (lambda graph: (graph.layout.root / "near.pb").unlink(), "near"),
    "test inputs are edited": (_edit("x.npz"), "url"),
    "a file is added to a result": (_add("far/verify/x"), "far"),
    "a file is added below a result": (_add("far/card/inner/x"), "far"),
    "a folder of a result is gone": (
        lambda graph: (graph.layout.build / "far/map/inner").rmdir(),
        "far",
    ),
    "an outcome is written anew": (
        lambda graph: write_outcome(graph.jobs["map:far"].outcome_file, Outcome(status="skipped")),
        "far",
    ),
    "an outcome is gone": (
        lambda graph: graph.jobs["variant:near:uint8"].outcome_file.unlink(),
        "near",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_of_any_file_breaks_the_seal_of_its_model(tmp_path: Path, case: str) -> None:
    graph = load(tmp_path)
    database = build(graph)
    change, model = CHANGES[case]
    time.sleep(0.01)
    change(graph)

    assert sealed(graph, database).keys() == graph.models.keys() - {model}
    jobs = graph.jobs_of(model).values()
    current = [UpToDate(job)(None, database.get(job.task, "_values_:")) for job in jobs]
    missing = [job for job in jobs if not job.outcome_file.exists()]
    assert missing or not all(current)


@pytest.mark.parametrize(
    ("fields", "broken"),
    [
        pytest.param({"title": "Other"}, {"far"}, id="an edit of a model"),
        pytest.param({"optimize": True}, {"far"}, id="a default that is written out"),
        pytest.param({"variants": ["uint8"]}, {"far"}, id="another variant"),
    ],
)
def test_a_change_of_the_manifest_breaks_the_seals_of_its_models(
    tmp_path: Path, fields: dict[str, Any], broken: set[str]
) -> None:
    build(load(tmp_path))
    database = CacheDatabase(str(tmp_path / ".zoo/doit.db"), None)
    changed = [model | (fields if model["name"] == "far" else {}) for model in MODELS]
    graph = load(tmp_path, models=changed)

    assert sealed(graph, database).keys() == graph.models.keys() - broken
    assert not sealed(load(tmp_path, strip_debug_ops=False), database)


def test_another_version_of_any_tool_or_of_the_program_breaks_all_seals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = load(tmp_path)
    database = build(graph)
    installed = versions.installed_version
    for tool in sorted(frozenset().union(*(each.step.tools for each in MODEL_STEPS))):
        with monkeypatch.context() as patch:
            patch.setattr(
                quick_check,
                "installed_version",
                lambda name, tool=tool: "tomorrow's" if name == tool else installed(name),
            )
            assert not sealed(graph, database), tool
    program = tmp_path / "program"
    program.mkdir()
    monkeypatch.setattr(seals, "_PACKAGE", program)

    assert not sealed(graph, database)
    Seals(graph, database).renew(graph.models)
    assert len(sealed(graph, database)) == len(graph.models)
    (program / "step.py").write_text("")
    assert not sealed(graph, database)
    seals._digest_code.cache_clear()
    quick_check.digest_versions.cache_clear()


def test_a_model_with_a_job_without_a_matching_stamp_gets_no_seal(tmp_path: Path) -> None:
    graph = load(tmp_path)
    database = build(graph)
    database.set("verify:near", "_values_:", {"stamp": None})
    database.set("verify:far", "ignore:", "1")
    database.remove("map:url")
    Seals(graph, database).renew(graph.models)

    assert sealed(graph, database) == {}


def test_a_stamp_of_earlier_inputs_makes_no_seal(tmp_path: Path) -> None:
    """As after a run that did `convert` and was killed before `signature`."""
    graph = load(tmp_path)
    database = build(graph)
    job = graph.jobs["convert:far"]
    os.utime(job.outcome_file, ns=(1, 1))
    stamp = make_stamp(job, Outcome(status="ok"), None)
    database.set("convert:far", "_values_:", {"stamp": stamp})
    Seals(graph, database).renew(graph.models)

    assert sealed(graph, database).keys() == {"near", "url"}


def test_a_damaged_seal_is_none(tmp_path: Path) -> None:
    graph = load(tmp_path)
    database = build(graph)
    odd: list[Any] = [{}, [], 3, {"model": "x"}, {**database.seal("far"), "files": None}]
    for seal in odd:
        database.set_seal("far", seal)

        assert "far" not in sealed(graph, database)


def test_a_copy_of_a_zoo_looks_at_its_own_files(tmp_path: Path) -> None:
    build(load(tmp_path))
    copy = tmp_path.with_name(f"{tmp_path.name}-copy")
    tmp_path.rename(copy)
    graph = load(copy)
    database = CacheDatabase(str(graph.layout.database), None)

    assert len(sealed(graph, database)) == len(graph.models)
    (copy / ".zoo/build/far/map/inner").rmdir()
    assert "far" not in sealed(graph, database)


@pytest.mark.parametrize(
    ("wish", "wanted"),
    [
        pytest.param(ALL, ["near", "far", "url"], id="all"),
        pytest.param(NONE, [], id="none"),
        pytest.param(Wish(kind="changed"), ["near"], id="changed"),
        pytest.param(Wish(kind="refreshable"), ["url"], id="refreshable"),
        pytest.param(Wish(kind="named", names=("url", "map:far")), ["far", "url"], id="named"),
        pytest.param(Wish(kind="named", names=("variant:far:base",)), ["far"], id="variant"),
        pytest.param(Wish(kind="named", names=("tag:one",)), ["near", "far"], id="tag"),
        pytest.param(Wish(kind="named", names=("site", "catalog")), ["near"], id="of the zoo"),
        pytest.param(
            Wish(kind="named", names=("far", "catalog")), ["near", "far", "url"], id="both"
        ),
        pytest.param(Wish(kind="named", names=("map:*",)), ["near", "far", "url"], id="wildcard"),
        pytest.param(Wish(kind="named", names=("nar",)), ["near", "far", "url"], id="misspelt"),
    ],
)
def test_a_command_gets_the_tasks_of_the_models_that_it_needs(
    tmp_path: Path, wish: Wish, wanted: list[str]
) -> None:
    build(load(tmp_path))
    (tmp_path / "near.pb").write_text("other words")
    graph = load(tmp_path)
    with wishing(wish):
        narrow(graph)

    assert graph.wanted == wanted
