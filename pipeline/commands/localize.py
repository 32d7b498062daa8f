"""`doit localize`: shows where a variant goes wrong in TensorFlow.js, in a zoo that is built.

The exit code is 0 if every output is as TensorFlow computes it, 1 if a node or a graph is wrong, 3
if there is nothing to look at.
"""

import gc
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

from doit.cmd_base import DoitCmdBase
from doit.exceptions import InvalidCommand

from pipeline.commands.arguments import options_first
from pipeline.commands.locked import zoo_lock
from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.engine.job import Job
from pipeline.engine.outcome import load_outcome
from pipeline.manifest.fields import Backend
from pipeline.report.terminal import open_screen, write_text
from pipeline.report.transfer import show_transfer
from pipeline.steps.graph import Graph
from pipeline.text.suggest import find_similar, join_words

BASE = "base"
_INTERRUPTED = 130
_NEEDED = ("signature", "reference")

_OPTION_VARIANT = {
    "name": "variant",
    "short": "",
    "long": "variant",
    "type": str,
    "default": BASE,
    "help": "the variant to look at: base (the weights of the source), float16, … "
    "[default: %(default)s]",
}
_OPTION_BACKEND = {
    "name": "tfjs_backend",  # "backend" is that of doit's database
    "short": "",
    "long": "backend",
    "type": str,
    "default": "wasm",
    "help": "the backend of TensorFlow.js: wasm, cpu, webgl or webgpu [default: %(default)s]",
}
_OPTION_VECTOR = {
    "name": "vector",
    "short": "",
    "long": "vector",
    "type": str,
    "default": "",
    "help": "number of the test vector; the first that shows a fault if none is given",
}


class Localize(ZooCommand, DoitCmdBase):  # type: ignore[misc]  # doit has no types
    """Show where a variant goes wrong."""

    name = "localize"
    doc_purpose = PURPOSES[name]
    doc_usage = "MODEL"
    doc_description = (
        "The graph runs in TensorFlow and in TensorFlow.js, and the first node is searched whose "
        "value differs by more than rounding explains. For a quantized variant the nodes whose "
        "weights cost most are listed too. It builds nothing."
    )
    base_options = ()  # it opens no database
    cmd_options = (_OPTION_VARIANT, _OPTION_BACKEND, _OPTION_VECTOR)

    def parse_execute(self, in_args: Sequence[str]) -> Any:
        """Accept options after the argument."""
        with_value = {"--variant", "--backend", "--vector"}
        return super().parse_execute(options_first(in_args, with_value=with_value))

    def execute(self, params: Mapping[str, Any], args: Sequence[str]) -> int:
        """Print where the variant goes wrong."""
        if len(args) != 1:
            raise InvalidCommand("localize: expected one model, such as handtrack")
        vector = params["vector"]
        if vector and not vector.isdecimal():
            raise InvalidCommand(f"localize: --vector: found {vector}; expected a whole number")
        if params["tfjs_backend"] not in get_args(Backend):
            found = params["tfjs_backend"]
            expected = join_words(get_args(Backend), "or")
            raise InvalidCommand(f"localize: --backend: found {found}; expected {expected}")
        self.loader.setup(params)
        graph: Graph = self.loader.namespace["GRAPH"]
        asked = _Asked(
            job=_find_job(graph, args[0]),
            variant=params["variant"],
            backend=params["tfjs_backend"],
            vector=int(vector) if vector else None,
        )
        # The collector is off since the graph was loaded, which suits short commands only.
        gc.enable()
        try:
            with zoo_lock(graph):
                return _localize(graph, asked)
        except KeyboardInterrupt:
            write_text(sys.stderr, "localize: interrupted\n")
            return _INTERRUPTED
        finally:
            graph.session.close()


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What the command line asks for.

    Attributes:
        job: The step `verify` of the model, which knows the folders of all that it reads.
        variant: Name of the variant.
        backend: The backend of TensorFlow.js.
        vector: Number of the test vector, or None.
    """

    job: Job
    variant: str
    backend: str
    vector: int | None


def _find_job(graph: Graph, model: str) -> Job:
    """Return the step `verify` of a model."""
    jobs = {job.model: job for job in graph.of_step("verify") if job.model}
    if model not in jobs:
        near = find_similar(model, jobs)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise InvalidCommand(f"localize: '{model}' is not a model of models.yaml{meant}")
    return jobs[model]


def _localize(graph: Graph, asked: _Asked) -> int:
    from pipeline.proof.localize.localization_view import format_account
    from pipeline.proof.localize.localize_model import BuiltModel, localize_built
    from pipeline.proof.localize.runtimes import Runtimes
    from pipeline.runtime.browser.browser import Browsers
    from pipeline.runtime.node_session import NodeSession
    from pipeline.runtime.tfjs_packages import fetch_packages
    from pipeline.steps.fetch import fetched_model
    from pipeline.workers.limits import Budget

    job = asked.job
    variants = _built_variants(job, asked.variant)
    reference = graph.jobs[f"reference:{job.model}"]
    with show_transfer("TensorFlow.js") as progress:
        packages = fetch_packages(cache=graph.session.cache, root=job.root, progress=progress)
    job.temporary.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=job.temporary, prefix="localize-") as name,
        NodeSession(Path(name)) as node,
    ):
        account = localize_built(
            BuiltModel(
                fetched=fetched_model(reference.reads["fetch"].folder),
                converted=reference.reads["convert"].folder,
                signature=job.reads["signature"].folder,
                reference=job.reads["reference"].folder,
                variants=variants,
            ),
            variant=asked.variant,
            backend=asked.backend,
            vector=asked.vector,
            runtimes=Runtimes(
                name=f"localize:{job.model}",
                submit=graph.session.submit,
                node=node,
                packages=packages,
                log=Path(name).resolve() / "log.txt",
                budget=Budget(job.limits),
                trusted=job.trusted,
                open_browser=partial(graph.session.share, Browsers),
            ),
        )
    screen = open_screen(sys.stdout, os.environ)
    screen.show(format_account(job.model or "", account, width=screen.width))
    screen.close()
    return int(account.localization.cause != "none")


def _built_variants(job: Job, variant: str) -> dict[str, Path]:
    """Return the folder of each variant that is built.

    Raises:
        InvalidCommand: The model is not built so far, or has no such variant.
    """
    built = {
        key: read.folder
        for key, read in job.reads.items()
        if (outcome := load_outcome(read.outcome_file)) is not None and outcome.status == "ok"
    }
    lacking = [key for key in (*_NEEDED, f"variant:{BASE}") if key not in built]
    if lacking:
        raise InvalidCommand(
            f"localize: {job.model} has no result of {lacking[0]}; build it first: "
            f"`tfjs-zoo {job.model}`"
        )
    variants = {key.partition(":")[2]: path for key, path in built.items() if ":" in key}
    if variant not in variants:
        names = ", ".join(variants)
        raise InvalidCommand(f"localize: --variant: found {variant}; {job.model} has {names}")
    return variants
