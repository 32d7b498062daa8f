"""`doit tune`: searches the smallest variant of models in a zoo that is built, and draws it.

The exit code is 0 if each model has one, 1 if one has none, 3 if there is nothing to look at.
"""

import gc
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit.cmd_base import DoitCmdBase
from doit.exceptions import InvalidCommand

from pipeline.commands.arguments import options_first
from pipeline.commands.locked import zoo_lock
from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.engine.job import Job
from pipeline.engine.outcome import load_outcome
from pipeline.engine.step import MEMORY_PER_INPUT_BYTE, TENSORFLOW_BYTES
from pipeline.manifest.variant_section import SEARCH_SECONDS, SMALLEST
from pipeline.records.recipe import Recipe
from pipeline.report.terminal import open_screen, write_text
from pipeline.steps.graph import Graph
from pipeline.text.suggest import find_similar

if TYPE_CHECKING:
    from pipeline.proof.smallest.tfjs_runs import TfjsRuns
    from pipeline.runtime.node_session import NodeSession

_INTERRUPTED = 130
_OPTION_SECONDS = {
    "name": "seconds",
    "short": "",
    "long": "seconds",
    "type": float,
    "default": SEARCH_SECONDS,
    "help": "longest time for a model [default: %(default)s]",
}


class Tune(ZooCommand, DoitCmdBase):  # type: ignore[misc]  # doit has no types
    """Search the smallest variant of models."""

    name = "tune"
    doc_purpose = PURPOSES[name]
    doc_usage = "MODEL…"
    doc_description = (
        "Mixes of float16, uint8, and 8 and 4 bits per channel and in blocks, whose rounding is "
        "fitted, are tried in TensorFlow. Size "
        "and error of each are drawn here and in .zoo/tune/MODEL.html. It builds nothing; "
        "`smallest` among the variants in models.yaml does the same in a build."
    )
    base_options = ()  # it opens no database
    cmd_options = (_OPTION_SECONDS,)

    def parse_execute(self, in_args: Sequence[str]) -> Any:
        """Accept options after the arguments."""
        return super().parse_execute(
            options_first(in_args, with_value={"--seconds", "-d", "--dir"})
        )

    def execute(self, params: Mapping[str, Any], args: Sequence[str]) -> int:
        """Search, and print what is found."""
        if not args:
            raise InvalidCommand("tune: expected a model, such as handtrack")
        if not params["seconds"] > 0:
            raise InvalidCommand(f"tune: --seconds: found {params['seconds']:g}; expected more")
        self.loader.setup(params)
        graph: Graph = self.loader.namespace["GRAPH"]
        jobs = [_find_job(graph, model) for model in args]
        # The collector is off since the graph was loaded, which suits short commands only.
        gc.enable()
        try:
            with zoo_lock(graph):
                found = [_tune(graph, job, params["seconds"]) for job in jobs]
        except KeyboardInterrupt:
            write_text(sys.stderr, "tune: interrupted\n")
            return _INTERRUPTED
        finally:
            graph.session.close()
        return 0 if all(found) else 1


def _find_job(graph: Graph, model: str) -> Job:
    """Return the step `verify` of a built model, which knows the folders that a search reads."""
    from pipeline.proof.smallest.run_search import INPUTS

    jobs = {job.model: job for job in graph.of_step("verify") if job.model}
    if model not in jobs:
        near = find_similar(model, jobs)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise InvalidCommand(f"tune: '{model}' is not a model of models.yaml{meant}")
    for step in INPUTS:
        outcome = load_outcome(graph.jobs[f"{step}:{model}"].outcome_file)
        if outcome is None or outcome.status != "ok":
            raise InvalidCommand(
                f"tune: {model} has no result of {step}; build it first: `tfjs-zoo {model}`"
            )
    return jobs[model]


def _tune(graph: Graph, job: Job, seconds: float) -> bool:
    """Search a model and print what is found; return whether there is any."""
    from pipeline.disk.files import write_atomic
    from pipeline.proof.smallest.run_search import INPUTS
    from pipeline.records.signature import Signature
    from pipeline.report.tune_view import format_page, format_tuning
    from pipeline.tfjs.quantize.found_variant import recipe_fields

    assert job.model is not None
    inputs = {step: graph.jobs[f"{step}:{job.model}"].folder for step in INPUTS}
    recipe = _search(graph, job, inputs, seconds)
    signature = Signature.load(inputs["signature"])
    fields = recipe_fields(inputs["convert"], signature, recipe) if recipe.forms else {}
    page = graph.layout.state / "tune" / f"{job.model}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(page, format_page(job.model, recipe, fields).encode())
    screen = open_screen(sys.stdout, os.environ)
    screen.show(format_tuning(job.model, recipe, fields, page=page, width=screen.width))
    return bool(recipe.forms)


def _search(graph: Graph, job: Job, inputs: Mapping[str, Path], seconds: float) -> Recipe:
    from pipeline.proof.fit_rounding import find_calibration
    from pipeline.proof.judge.check import Candidate
    from pipeline.proof.smallest.find_recipe import find_recipe
    from pipeline.runtime.node_session import NodeSession
    from pipeline.workers.limits import Budget

    model = next(one for one in graph.zoo.models if one.name == job.model)
    asked = next((one for one in model.variants if one.smallest), None)
    tolerances = [asked.tolerance if asked else None, model.tolerance]

    def call(function: str, *, folder: Path, **arguments: Any) -> Any:
        sizes = (file.stat().st_size for path in inputs.values() for file in path.iterdir())
        return (
            graph.session.submit(
                function,
                {**arguments, "folder": folder},
                budget=Budget(job.limits),
                expected_memory_bytes=TENSORFLOW_BYTES + MEMORY_PER_INPUT_BYTE * sum(sizes),
                name=f"tune:{job.model}",
                log=folder / "log.txt",
                reads=tuple(inputs.values()),
                trusted=job.trusted,
                alone=False,
            )
            .result()
            .value
        )

    job.temporary.mkdir(parents=True, exist_ok=True)
    candidate = Candidate(name=asked.name if asked else SMALLEST, tolerances=tolerances)
    with (
        tempfile.TemporaryDirectory(dir=job.temporary, prefix="tune-") as name,
        NodeSession(Path(name)) as node,
    ):
        folder = Path(name).resolve()
        return find_recipe(
            inputs,
            candidate,
            call,
            lambda: _open_tfjs(graph, job, inputs["reference"], folder, node).run,
            seconds=seconds,
            trust=job.trusted,
            folder=folder,
            calibration=find_calibration(model.name, model.task),
        )


def _open_tfjs(
    graph: Graph, job: Job, vectors: Path, folder: Path, node: "NodeSession"
) -> "TfjsRuns":
    """Return what runs the mixes of a model in TensorFlow.js."""
    from pipeline.proof.smallest.tfjs_runs import TfjsRuns
    from pipeline.runtime.tfjs_packages import fetch_packages
    from pipeline.workers.limits import Budget

    def ignore(_done: int, _total: int | None) -> None:
        """Show nothing."""

    return TfjsRuns(
        node=node,
        vectors=vectors,
        packages=fetch_packages(cache=graph.session.cache, root=job.root, progress=ignore),
        temporary=folder,
        log=folder / "log.txt",
        budget=Budget(job.limits),
        trusted=job.trusted,
        progress=ignore,
    )
