"""Browser checks: runs variants on webgl and webgpu, and compares them with the source.

Software WebGL takes seconds for a model. So the base alone is tried, on one vector, unless the
manifest requires more: then every variant is tried on every vector.
"""

import dataclasses
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pipeline.disk.browser_program import BrowserProgram, find_browser
from pipeline.engine.step import Work
from pipeline.errors import FidelityError, NoWallError, WorkerError
from pipeline.manifest.tolerance import Tolerance
from pipeline.proof.judge.check import Candidate, Check, judge_run
from pipeline.proof.judge.model_under_test import ModelUnderTest
from pipeline.proof.judge.verdict import judge_variant
from pipeline.proof.vector_files import write_vectors
from pipeline.proof.verify_variants import BASE, gather_model, list_candidates, measure_runs
from pipeline.records.browser_verdicts import BrowserVerdicts
from pipeline.records.signature import Signature
from pipeline.records.verdicts import CatalogCheck, VariantVerdict, Verdicts
from pipeline.runtime.browser.absence import record_absence
from pipeline.runtime.browser.browser import BrowserJob, Browsers
from pipeline.runtime.node_results import ModelRun
from pipeline.runtime.tfjs_packages import NEWEST, Packages, fetch_packages

SAMPLED = "webgl"
"""The backend on which the base is tried unless the manifest requires others."""

# The vectors that say most come first; one at the edge of what an input may be comes last.
_KINDS = ("sample", "given", "made", "edge")


def check_in_browser(
    work: Work[Any],
    *,
    tolerance: Tolerance | None,
    tolerances: Mapping[str, Tolerance],
    required: Sequence[str],
) -> BrowserVerdicts:
    """Run variants in a browser and compare them with the source.

    Args:
        work: The step `browser`.
        tolerance: How far the model may be from its source; None for the limits of its dtype.
        tolerances: The tolerances of single variants, by name.
        required: Backends that must prove every variant; empty to try the base.

    Raises:
        FidelityError: The base does not reproduce the source on a required backend.
        NoWallError: A backend is required, and no wall of this machine holds a browser.
        WorkerError: A required backend cannot be tried on this machine.
    """
    work.uses("browser", "numpy", "tfjs")
    program = find_browser()
    if isinstance(program, str):
        return _leave_untried(work, required, program)
    verified = Verdicts.load(work.inputs["verify"])
    models = {
        name: work.inputs[f"variant:{name}"]
        for name, verdict in verified.variants.items()
        if verdict.status == "ok" and (required or name == BASE)
    }
    model = gather_model(work.inputs, Signature.load(work.inputs["signature"]))
    try:
        with tempfile.TemporaryDirectory(dir=work.temporary) as name:
            trial = _Trial(
                work=work,
                program=program,
                packages=fetch_packages(
                    cache=work.cache,
                    root=work.root,
                    progress=work.progress,
                    version=_release(verified),
                ),
                model=model if required else _choose_vector(model),
                candidates=list_candidates(models, tolerance, tolerances),
                required=required,
                folder=Path(name),
            )
            return trial.judge(trial.run_all(models))
    except NoWallError as error:
        if required:
            raise
        return _leave_untried(work, required, error.message)
    except WorkerError as error:
        if required:
            raise
        return _leave_untried(work, required, error.message)


def _leave_untried(work: Work[Any], required: Sequence[str], reason: str) -> BrowserVerdicts:
    """Return the verdicts of a machine on which nothing was tried."""
    if required:
        raise WorkerError(
            f"models.yaml requires {' and '.join(required)}: {reason}",
            hint="install Chromium, set CHROME to its program, or shorten `backends:`",
        )
    # That there is no browser is in the receipt, as its version.
    leave = work.note if work.tools["browser"] is None else work.keep_here
    leave(f"{SAMPLED} was not tried: {reason}")
    record_absence(SAMPLED, reason)
    verdict = VariantVerdict(status="ok", reason=None, checks={SAMPLED: _untried(reason)})
    return BrowserVerdicts(variants={BASE: verdict})


def _untried(reason: str) -> CatalogCheck:
    return _without_run("untried", reason)


def _list_unsupported(runs: Mapping[str, ModelRun]) -> dict[str, CatalogCheck]:
    """Return the checks of backends that were not run, and lack a kernel that a run used."""
    return {
        backend: _without_run("unsupported", f"{backend} lacks {', '.join(ops)}", ops)
        for run in runs.values()
        for backend, ops in run.lacking.items()
    }


def _without_run(
    status: Literal["unsupported", "untried"], reason: str, missing_ops: Sequence[str] = ()
) -> CatalogCheck:
    return CatalogCheck(
        status=status,
        reason=reason,
        tfjs=None,
        missing_ops=list(missing_ops),
        requires={},
        unproved={},
        outputs={},
    )


def _release(verified: Verdicts) -> str:
    """Return the release of TensorFlow.js that proves the base in Node.js."""
    checks = verified.variants[BASE].checks.values()
    found = (check.tfjs for check in checks if check.status == "ok" and check.tfjs)
    return next(found, NEWEST)


def _choose_vector(model: ModelUnderTest) -> ModelUnderTest:
    """Return the model with the one vector that says most of it, as the only one of its runs."""
    kinds = [_KINDS.index(vector.kind) for vector in model.vectors.vectors]
    return dataclasses.replace(model.part([kinds.index(min(kinds))]), numbers=None)


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """The variants to run, and how.

    Attributes:
        work: The step `browser`.
        program: The browser.
        packages: The release of TensorFlow.js.
        model: The model, and the outputs of its source on the vectors to run.
        candidates: The variants to judge, the base first.
        required: Backends that must prove every variant.
        folder: Empty folder for vectors and outputs.
    """

    work: Work[Any]
    program: BrowserProgram
    packages: Packages
    model: ModelUnderTest
    candidates: Sequence[Candidate]
    required: Sequence[str]
    folder: Path

    def run_all(self, models: Mapping[str, Path]) -> dict[str, dict[str, ModelRun]]:
        """Run all variants on all backends; return the results by backend and variant."""
        vectors = self.folder / "vectors"
        vectors.mkdir()
        write_vectors(vectors, self.model.vectors)
        backends = self.required or (SAMPLED,)
        runs: dict[str, dict[str, ModelRun]] = {backend: {} for backend in backends}
        for done, (backend, name) in enumerate(product(backends, models)):
            self.work.count_runs(done, len(backends) * len(models))
            runs[backend][name] = self._run(backend, models[name], vectors)
        return runs

    def _run(self, backend: str, model: Path, vectors: Path) -> ModelRun:
        results = Path(tempfile.mkdtemp(dir=self.folder))
        job = BrowserJob(
            program=self.program,
            backend=backend,
            model=model,
            vectors=vectors,
            packages=self.packages,
            trusted=self.work.trusted,
        )
        return self.work.share(Browsers).run(
            job,
            folder=results,
            budget=self.work.budget,
            tick=partial(self.work.heartbeat, 0, None),
            note=self.work.note,
        )

    def judge(self, runs: Mapping[str, Mapping[str, ModelRun]]) -> BrowserVerdicts:
        """Judge all variants; raise if the base is wrong on a required backend."""
        self.work.measured["tensorflow.js"] = measure_runs(runs)
        verdicts: dict[str, VariantVerdict] = {}
        right: list[str] = []
        for candidate in self.candidates:
            made = {backend: variants[candidate.name] for backend, variants in runs.items()}
            untried = {b: why for b, run in made.items() if (why := _why_untried(run)) is not None}
            checks = {
                b: judge_run(self.model, candidate, run)
                for b, run in made.items()
                if b not in untried
            }
            if candidate.name == BASE:
                right = [backend for backend, check in checks.items() if check.status == "ok"]
            self._note(candidate.name, checks, untried)
            verdict = self._decide(candidate, checks, right, untried)
            known = {**_list_unsupported(made), **verdict.checks}
            verdicts[candidate.name] = verdict.model_copy(update={"checks": known})
        return BrowserVerdicts(variants=verdicts)

    def _decide(
        self,
        candidate: Candidate,
        checks: Mapping[str, Check],
        right: Sequence[str],
        untried: Mapping[str, str],
    ) -> VariantVerdict:
        records = {backend: check.record() for backend, check in checks.items()}
        records |= {backend: _untried(reason) for backend, reason in untried.items()}
        if not self.required:
            return VariantVerdict(status="ok", reason=None, checks=records)
        for backend, reason in untried.items():
            raise WorkerError(f"{candidate.name} on {backend}: {reason}")
        verdict = judge_variant(candidate, checks, right, required=self.required)
        if candidate.name == BASE and verdict.status != "ok":
            raise FidelityError(
                f"what TensorFlow.js returns is not what the source does: {verdict.reason}",
                hint="the log has the figures; `backends:` in models.yaml requires this backend",
            )
        return verdict.record()

    def _note(self, name: str, checks: Mapping[str, Check], untried: Mapping[str, str]) -> None:
        for line in _describe(name, checks, untried):
            self.work.note(line)


def _why_untried(run: ModelRun) -> str | None:
    """Return why a run says nothing of the model: the browser died, or lacks the backend."""
    if run.died:
        return f"the browser ended: {run.error}"
    if run.status == "unsupported" and not run.missing_ops:
        return run.error
    return None


def _describe(name: str, checks: Mapping[str, Check], untried: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each backend: "base on webgl: failed: …"."""
    for backend, check in checks.items():
        yield f"{name} on {backend}: {check.status}" + (f": {check.reason}" if check.reason else "")
    for backend, reason in untried.items():
        yield f"{name} on {backend}: untried: {reason}"
