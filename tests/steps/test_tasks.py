"""Tasks: jobs as doit sees them, what they clean, and dist/ at the end of a run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from zoos import Zoo

from pipeline.disk import versions
from pipeline.disk.canonical import format_json
from pipeline.engine import quick_check
from pipeline.engine.events import StepEvent, subscribe
from pipeline.engine.job import Job
from pipeline.engine.outcome import Outcome, write_outcome
from pipeline.engine.quick_check import make_stamp
from pipeline.engine.receipt import RECEIPT
from pipeline.steps.dist import list_file, save_projection
from pipeline.steps.dist_task import dist_task
from pipeline.steps.graph import Graph, load_graph
from pipeline.steps.job_task import job_task
from pipeline.steps.table import STEPS
from pipeline.steps.tasks import Task, model_tasks, step_tasks, tag_tasks

TOOLS = sorted({(step.name, tool) for step in STEPS for tool in step.tools})


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    """Return the graph of two models, of which nothing was built."""
    variants = ["uint8", "smallest"]
    models = [
        {"name": "one", "source": "one.pb", "variants": variants, "tags": ["hand", "small"]},
        {"name": "two", "source": "two.pb", "variants": [], "tags": ["small"]},
    ]
    (tmp_path / "models.yaml").write_text(json.dumps({"models": models}))
    return load_graph(tmp_path)


@pytest.fixture
def events() -> Iterator[list[StepEvent]]:
    """Return what is told while a test runs."""
    heard: list[StepEvent] = []
    unsubscribe = subscribe(heard.append)
    yield heard
    unsubscribe()


@pytest.fixture
def new_process() -> Iterator[None]:
    """Ask for the versions of tools anew, as a new process does, before and after a test."""
    for asked in (versions.installed_version, quick_check.digest_versions):
        asked.cache_clear()
    yield
    for asked in (versions.installed_version, quick_check.digest_versions):
        asked.cache_clear()


def all_tasks(graph: Graph) -> list[Task]:
    """Return every task of a graph, as dodo.py yields them."""
    steps = dict.fromkeys(job.step.name for job in graph.jobs.values() if job.model)
    return [
        *(task for step in steps for task in step_tasks(graph, step, doc="a step")),
        *(job_task(graph.jobs[name], graph.session) for name in ("catalog", "site")),
        dist_task(graph),
        *model_tasks(graph, doc="a model"),
        *tag_tasks(graph, doc="a tag"),
    ]


def name_of(task: Task) -> str:
    """Return the name by which doit calls a task."""
    return f"{task['basename']}:{task['name']}" if task.get("name") else str(task["basename"])


def run(task: Task) -> Any:
    """Run the only action of a task."""
    ((function, arguments),) = task["actions"]
    return function(*arguments)


def clean(task: Task) -> None:
    """Do what a task does on `doit clean`."""
    for function, arguments in task["clean"]:
        function(*arguments)


def end_well(job: Job) -> Outcome:
    """Leave what a job leaves that succeeded, as far as the quick check looks at it."""
    job.folder.mkdir(parents=True)
    (job.folder / RECEIPT).write_text("{}")
    outcome = Outcome(status="ok")
    write_outcome(job.outcome_file, outcome)
    return outcome


def test_every_task_has_a_name_of_its_own_and_comes_after_tasks_that_are_there(
    graph: Graph,
) -> None:
    tasks = all_tasks(graph)
    names = [name_of(task) for task in tasks]

    assert len(names) == len(set(names))
    assert {after for task in tasks for after in task.get("task_dep", ())} <= set(names)
    assert graph.jobs.keys() <= set(names)


def test_every_job_makes_one_target_and_reads_no_file_that_doit_would_miss(graph: Graph) -> None:
    targets = [target for task in all_tasks(graph) for target in task.get("targets", ())]

    assert sorted(targets) == sorted(str(job.outcome_file) for job in graph.jobs.values())
    assert not any("file_dep" in task for task in all_tasks(graph))


def test_a_model_and_a_tag_stand_for_their_members(graph: Graph) -> None:
    depend = {name_of(task): task.get("task_dep") for task in all_tasks(graph)}

    assert depend["model:one"] == ["card:one"]
    assert depend["tag:hand"] == ["model:one"]
    assert depend["tag:small"] == ["model:one", "model:two"]


def test_a_run_returns_the_stamp_that_makes_its_task_up_to_date(
    graph: Graph, events: list[StepEvent]
) -> None:
    """The source is not there: its failure has no stamp, and what follows is skipped with one."""
    tasks = {name_of(task): task for task in all_tasks(graph)}
    failed = run(tasks["fetch:one"])
    skipped = run(tasks["convert:one"])

    assert [event.status for event in events] == ["started", "failed", "skipped"]
    assert failed == {"stamp": None}
    assert not tasks["fetch:one"]["uptodate"][0](None, failed)
    assert tasks["convert:one"]["uptodate"][0](None, skipped)


@pytest.mark.usefixtures("new_process")
@pytest.mark.parametrize(("step", "tool"), TOOLS)
def test_a_step_looks_closer_after_each_of_its_tools_has_another_version(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, step: str, tool: str
) -> None:
    outcomes = {task: end_well(job) for task, job in graph.jobs.items()}
    stamps = {
        task: {"stamp": make_stamp(job, outcomes[task], None)} for task, job in graph.jobs.items()
    }

    def current() -> set[str]:
        """Return the steps whose jobs doit takes for up to date."""
        quick_check.digest_versions.cache_clear()
        return {
            job.step.name
            for task, job in graph.jobs.items()
            if job_task(job, graph.session)["uptodate"][0](None, stamps[task])
        }

    before = current()
    installed = versions.installed_version
    monkeypatch.setattr(
        quick_check,
        "installed_version",
        lambda name: "tomorrow's" if name == tool else installed(name),
    )

    assert step in before
    assert before - current() == {each.name for each in STEPS if tool in each.tools}


@pytest.mark.network
def test_doit_makes_the_pages_again_after_an_upgrade_of_their_templates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoo = Zoo(tmp_path / "zoo")
    zoo.add("one", variants=[])
    assert zoo.build().code == 0
    assert zoo.build().ran == []

    upgrade = tmp_path / "site-packages/jinja2-99.0.dist-info"
    upgrade.mkdir(parents=True)
    (upgrade / "METADATA").write_text("Metadata-Version: 2.1\nName: jinja2\nVersion: 99.0\n")
    monkeypatch.setenv("PYTHONPATH", str(upgrade.parent))
    again = zoo.build()

    assert again.ran == ["site"], again.stdout + again.stderr
    cause = next(event["cause"] for event in again.steps if event["status"] == "ok")
    assert cause == f"tool jinja2 {versions.installed_version('jinja2')} → 99.0"


def test_clean_removes_the_results_of_a_job_and_nothing_else(graph: Graph) -> None:
    job, other = graph.jobs["variant:one:uint8"], graph.jobs["variant:one:base"]
    end_well(job)
    end_well(other)
    job.failed_folder.mkdir()
    job.previous_folder.mkdir()
    job.since_file.write_text("{}")
    clean(job_task(job, graph.session))

    assert sorted(path.name for path in other.folder.parent.iterdir()) == ["base", "base.json"]
    clean(job_task(other, graph.session))
    assert not (graph.layout.build / "one").exists()


def test_clean_of_a_group_removes_the_results_of_its_members(graph: Graph) -> None:
    for job in graph.jobs.values():
        end_well(job)
    tasks = {name_of(task): task for task in all_tasks(graph)}
    clean(tasks["model:two"])
    assert [path.name for path in graph.layout.build.iterdir()] == ["one"]
    clean(tasks["fetch"])
    assert not graph.jobs["fetch:one"].folder.exists()
    clean(tasks["tag:hand"])
    assert not graph.layout.build.exists()


def project_one(graph: Graph) -> Path:
    """Let a card and the catalog be made, listed to be published; return the card's file."""
    for job in graph.jobs.values():
        end_well(job)
    file = graph.jobs["card:one"].folder / "float32-1/model.json"
    file.parent.mkdir()
    file.write_text("{}")
    catalog = graph.jobs["catalog"].folder
    (catalog / "models.json").write_text("{}")
    save_projection(
        catalog,
        [
            list_file(
                file,
                "models/one/float32-1/model.json",
                source="build/one/card/float32-1/model.json",
            ),
            list_file(catalog / "models.json", "models.json", source="catalog/models.json"),
        ],
    )
    save_projection(graph.jobs["site"].folder, [])
    return file


def is_projected(graph: Graph) -> bool:
    """Say whether doit takes dist/ for up to date."""
    ((function, arguments),) = dist_task(graph)["uptodate"]
    return bool(function(*arguments))


def test_dist_holds_what_the_steps_list_and_is_up_to_date_then(
    graph: Graph, events: list[StepEvent]
) -> None:
    project_one(graph)
    took = {"finished": "2026-01-01T00:00:00Z", "peakRssBytes": None, "seconds": 1.5}
    (graph.jobs["card:one"].folder / "run.json").write_bytes(format_json(took))
    assert not is_projected(graph)
    run(dist_task(graph))

    dist = graph.layout.dist
    assert is_projected(graph)
    assert [event.status for event in events] == ["started", "ok"]
    assert (dist / "models/one/float32-1/model.json").read_text() == "{}"
    assert json.loads((dist / "timings.json").read_bytes()) == {"card:one": took}

    (dist / "models.json").unlink()
    assert not is_projected(graph)
    run(dist_task(graph))
    (dist / "timings.json").unlink()
    assert not is_projected(graph)


def test_a_result_that_was_changed_is_not_published_and_its_model_is_built_again(
    graph: Graph, events: list[StepEvent]
) -> None:
    file = project_one(graph)
    file.write_text('{"evil": 1}')
    run(dist_task(graph))

    assert (events[-1].status, events[-1].retry) == ("failed", True)
    assert events[-1].reason == (
        ".zoo/build/one/card/float32-1/model.json was changed after it was built"
    )
    assert events[-1].hint == "the next run builds one again"
    for job in graph.jobs.values():
        assert (job.folder / RECEIPT).exists() == (job.model != "one"), job.task


def test_a_damaged_list_of_files_is_made_again(graph: Graph, events: list[StepEvent]) -> None:
    project_one(graph)
    (graph.jobs["site"].folder / "projection.json").write_text("[{")
    assert not is_projected(graph)
    run(dist_task(graph))

    assert events[-1].status == "failed"
    assert (events[-1].reason or "").startswith("projection.json: ")
    assert events[-1].hint == "the next run makes it again"
    lost = {task for task, job in graph.jobs.items() if not (job.folder / RECEIPT).exists()}
    assert lost == {"catalog", "site"}


def test_a_disk_that_takes_no_file_is_told_with_the_folder(
    graph: Graph, events: list[StepEvent]
) -> None:
    project_one(graph)
    graph.layout.dist.write_text("a file where a folder should be")
    run(dist_task(graph))

    assert (events[-1].status, events[-1].retry) == ("failed", True)
    assert (events[-1].reason or "").startswith("dist")
    assert events[-1].fault is not None


def test_clean_of_dist_leaves_the_files_of_others(graph: Graph) -> None:
    project_one(graph)
    run(dist_task(graph))
    dist = graph.layout.dist
    (dist / "report.html").write_text("a report")
    (dist / "CNAME").write_text("zoo.example.org")
    clean(dist_task(graph))

    assert [path.name for path in dist.iterdir()] == ["CNAME"]
    assert not graph.layout.dist_state.exists()
    (dist / "CNAME").unlink()
    clean(dist_task(graph))
    assert not dist.exists()
