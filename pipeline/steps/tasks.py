"""Tasks: the jobs in the form of doit, and the groups of them that have a name.

A group without members, as `doit list` shows it, imports nothing of the work of a job.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.steps.graph import Graph
from pipeline.steps.wish import current_wish

if TYPE_CHECKING:
    from pipeline.engine.job import Job

Task = dict[str, Any]
OF_ZOO = ("catalog", "site", "dist")
"""Tasks of the zoo as a whole, each of which needs the one before it."""
_AT_A_TIME = 100


def step_tasks(graph: Graph, step: str, *, doc: str | None) -> Iterator[Task]:
    """Yield the tasks of one step, and the group's own task for `clean`."""
    jobs = [job for name in graph.loaded for job in graph.jobs_of(name).values()]
    jobs = [job for job in jobs if job.step.name == step]
    yield {"basename": step, "name": None, "doc": doc, "clean": [(_clean, [jobs])]}
    yield from _job_tasks(graph, jobs)


def model_tasks(graph: Graph, *, doc: str | None) -> Iterator[Task]:
    """Yield a task for each model that groups all of its steps."""
    yield {"basename": "model", "name": None, "doc": doc}
    for model in graph.loaded:
        yield _model_task(graph, model)


def tasks_of(graph: Graph, model: str) -> Iterator[Task]:
    """Yield the tasks of one model: those of its steps, and the one that groups them."""
    yield from _job_tasks(graph, graph.jobs_of(model).values())
    yield _model_task(graph, model)


def tasks_in_turn(models: Sequence[str], *, of_zoo: Sequence[str]) -> list[str]:
    """Return the tasks of a run of models, and of the zoo as a whole, in their order.

    Model by model; in the order of the steps every fetch would come before any convert. The slow
    runs in a browser come last, of a large zoo after each hundred models.

    Args:
        models: The models, in the order of models.yaml.
        of_zoo: Tasks of the zoo as a whole; they come last.
    """
    tasks: list[str] = []
    for start in range(0, len(models), _AT_A_TIME):
        some = models[start : start + _AT_A_TIME]
        tasks += [f"verify:{model}" for model in some] + [f"model:{model}" for model in some]
    return [*tasks, *of_zoo]


def tag_tasks(graph: Graph, *, doc: str | None) -> Iterator[Task]:
    """Yield a task for each tag that groups all models with the tag."""
    yield {"basename": "tag", "name": None, "doc": doc}
    jobs = graph.jobs_of_models()
    tagged = defaultdict(list)
    for model in graph.loaded:
        for tag in graph.models[model].tags:
            tagged[tag].append(model)
    for tag, models in tagged.items():
        members = [job for model in models for job in jobs[model]]
        yield _group("tag", tag, [f"model:{model}" for model in models], members)


def zoo_task(graph: Graph, name: str, *, models: Iterable[str]) -> Task:
    """Return a task of the zoo as a whole.

    Args:
        graph: The zoo.
        name: "catalog", "site" or "dist".
        models: The models whose cards come before the catalog.
    """
    if current_wish().kind == "groups":
        return {"basename": name, "actions": None}
    if name == "dist":
        from pipeline.steps.dist_task import dist_task

        return dist_task(graph)
    from pipeline.steps.job_task import job_task

    after = [f"card:{model}" for model in models] if name == "catalog" else None
    return job_task(graph.jobs[name], graph.session, after=after)


def _job_tasks(graph: Graph, jobs: "Iterable[Job]") -> Iterator[Task]:
    for job in jobs:
        from pipeline.steps.job_task import job_task

        yield job_task(job, graph.session)


def _model_task(graph: Graph, model: str) -> Task:
    return _group("model", model, [f"card:{model}"], list(graph.jobs_of(model).values()))


def _group(basename: str, name: str, members: list[str], jobs: "list[Job]") -> Task:
    return {
        "basename": basename,
        "name": name,
        "doc": f"all steps of the {basename} {name}",
        "actions": None,
        "task_dep": members,
        "clean": [(_clean, [jobs])],
    }


def _clean(jobs: "list[Job]") -> None:
    from pipeline.steps.job_task import clean_jobs

    clean_jobs(jobs)
