"""Verification: runs every variant of a model in TensorFlow.js, and compares it with the source."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.engine.step import Work
from pipeline.errors import DamagedFileError, FidelityError, PipelineError, WorkerError
from pipeline.manifest.tolerance import Tolerance
from pipeline.proof.graph_faults import TensorFlowCannotRunError
from pipeline.proof.judge.check import Candidate, judge_run
from pipeline.proof.judge.model_under_test import ModelUnderTest
from pipeline.proof.judge.parts import EDGE
from pipeline.proof.judge.selection import outputs_behind_selection
from pipeline.proof.judge.value_limits import loosest_dtype
from pipeline.proof.judge.verdict import Verdict, judge_model, proves_base
from pipeline.proof.localize.localize_model import localize_base
from pipeline.proof.output_matching import prove_map
from pipeline.proof.smallest.advice import advise
from pipeline.proof.smallest.run_search import search_recipe
from pipeline.proof.source_run import packages_for
from pipeline.proof.vector_files import Vectors, load_vectors
from pipeline.records.noise_floor import NoiseFloor
from pipeline.records.recipe import Recipe
from pipeline.records.roles import RoleMap
from pipeline.records.signature import Signature
from pipeline.records.variant import VariantRecord
from pipeline.records.verdicts import NameProof, Verdicts
from pipeline.runtime.node_results import ModelRun
from pipeline.runtime.node_session import NodeSession, take_node
from pipeline.runtime.releases import run_in_releases
from pipeline.runtime.run_models import Runs, run_models
from pipeline.runtime.tfjs_packages import Packages
from pipeline.tfjs.model.layers_ops import read_topology
from pipeline.tfjs.model.layers_topology import is_layers_model
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.short_graph import complete_constants

BASE = "base"
# The quick backend for every variant; the plain one for the base and for variants that need it.
QUICK, PLAIN = "wasm", "cpu"
# Advice on a variant that is withheld may take so long; a small model is left without.
_ADVICE_SECONDS = 60.0
_SMALL_BYTES = 128 * 1024


def verify_variants(
    work: Work[Any],
    *,
    tolerance: Tolerance | None,
    tolerances: Mapping[str, Tolerance],
    required: Sequence[str],
) -> Verdicts:
    """Run every variant in TensorFlow.js and compare it with the source.

    Args:
        work: The step `verify`.
        tolerance: How far the model may be from its source; None for the limits of its dtype.
        tolerances: The tolerances of single variants, by name.
        required: Backends that must prove every variant.

    Raises:
        FidelityError: The base does not reproduce the source.
        WorkerError: A process ended at a limit, which is no fault of the model.
    """
    signature = Signature.load(work.inputs["signature"])
    models = {
        key.partition(":")[2]: work.inputs[key]
        for key, outcome in work.outcomes.items()
        if key.startswith("variant:") and outcome.status == "ok"
    }
    model = gather_model(work.inputs, signature)
    base, *others = list_candidates(models, tolerance, tolerances)
    with tempfile.TemporaryDirectory(dir=work.temporary) as name:
        trial = _Trial(work=work, folders=models, model=model, base=base, required=required)
        with take_node(work, keep=False) as node:
            runs = run_in_releases(
                partial(trial.run, Path(name), node),
                fetch=partial(packages_for, work),
                works=_needs_no_older,
            )
        _check_alive(runs)
        verdicts = judge_model(model, base, others, runs, required=required)
        work.measured["tensorflow.js"] = measure_runs(runs)
        for line in _describe(verdicts):
            work.note(line)
        # A name on the wrong tensor explains more than the figures that follow from it.
        proofs = _prove_names(model, signature, runs, verdicts[BASE])
    if verdicts[BASE].status != "ok":
        where = localize_base(work, model.vectors, verdicts[BASE].checks)
        advice = "the log has the figures; `tolerance:` in models.yaml says what is allowed"
        raise FidelityError(
            f"what TensorFlow.js returns is not what the source does: {verdicts[BASE].reason}",
            hint=f"{where}\n{advice}" if where else advice,
        )
    try_quickly = partial(_try_quickly, work, base, models[BASE])
    text = advise(verdicts, models, base=BASE, try_quickly=try_quickly)
    advised = {name: text for name, verdict in verdicts.items() if verdict.status == "withheld"}
    return Verdicts(
        variants={
            name: verdict.record().model_copy(update={"advice": advised.get(name)})
            for name, verdict in verdicts.items()
        },
        proofs=proofs,
    )


def _try_quickly(work: Work[Any], base: Candidate, folder: Path) -> Recipe | None:
    """Return the smallest of a few mixes that pass; None if none is tried."""
    size = VariantRecord.load(folder).bytes
    if size < _SMALL_BYTES:
        return None
    work.uses("tensorflow")
    try:
        return search_recipe(
            {**work.inputs, "convert": folder},
            replace(base, name="mix"),
            work.run_in_tensorflow,
            seconds=_ADVICE_SECONDS,
            trust=work.trusted,
            folder=work.folder,
        )
    except (PipelineError, TensorFlowCannotRunError) as error:
        # The verdicts stand without it.
        work.note(f"no advice: {error}")
        return None


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """The variants of a model, and the options of their runs.

    Attributes:
        work: The step `verify`.
        folders: Folder of each variant, by name.
        model: The model and the outputs of its source.
        base: The variant with the source's own weights.
        required: Backends that must prove every variant.
    """

    work: Work[Any]
    folders: Mapping[str, Path]
    model: ModelUnderTest
    base: Candidate
    required: Sequence[str]

    def run(self, folder: Path, node: NodeSession, packages: Packages) -> Runs:
        """Run all variants on the quick backend, and on the plain one what that cannot run.

        The plain backend takes half of a build's time where everything runs on it.
        """
        results = folder / packages.version
        results.mkdir()
        asked = {backend: list(self.folders) for backend in (QUICK, *self.required)}
        runs = self._run_backends(asked, results / "first", node, packages)
        others = [name for name in self.folders if name != BASE]
        # If the base is wrong, a variant proves nothing, and may die where the base does not.
        wrong = not proves_base(self.base, judge_run(self.model, self.base, runs[QUICK][BASE]))
        left = others if wrong else [name for name in others if runs[QUICK][name].status != "ok"]
        if (wrong or left) and PLAIN not in self.required:
            more = {PLAIN: [BASE, *left]}
            runs |= self._run_backends(more, results / "second", node, packages)
        return runs

    def _run_backends(
        self,
        backends: Mapping[str, list[str]],
        folder: Path,
        node: NodeSession,
        packages: Packages,
    ) -> Runs:
        folder.mkdir()
        return run_models(
            node=node,
            models=self.folders,
            vectors=self.work.inputs["reference"],
            backends=backends,
            folder=folder,
            packages=packages,
            log=self.work.log,
            budget=self.work.budget,
            trusted=self.work.trusted,
            progress=self._tell,
        )

    def _tell(self, done: int, total: int | None) -> None:
        self.work.heartbeat(done, total)
        self.work.count_runs(done, total)


def gather_model(inputs: Mapping[str, Path], signature: Signature) -> ModelUnderTest:
    """Return the facts of a model by which its runs are judged.

    Args:
        inputs: Folders of the steps `reference`, `map` and `variant:base`, by name.
        signature: Its signature.
    """
    model_json = load_model_json(inputs[f"variant:{BASE}"] / "model.json")
    content = model_json.content
    if not is_layers_model(content):
        # A published graph is short: its constants do not say what is a weight.
        content = complete_constants(content, model_json.weights)
    tensors = {output.name: output.tensor for output in signature.outputs}
    behind = outputs_behind_selection(read_topology(content), tensors.values())
    mapping = RoleMap.load(inputs["map"])
    vectors = load_vectors(inputs["reference"])
    floor = _load_floor(inputs["reference"], vectors)
    return ModelUnderTest(
        outputs=list(tensors),
        roles={
            name: mapping.roles[tensor]
            for name, tensor in tensors.items()
            if tensor in mapping.roles
        },
        selection={name: behind[tensor] for name, tensor in tensors.items() if tensor in behind},
        vectors=vectors,
        box_form=mapping.conventions.get("boxes", {}).get("form"),
        steps={output.name: output.step for output in signature.outputs if output.step},
        floors=floor.outputs,
        no_floor=floor.reason,
    )


def _load_floor(folder: Path, vectors: Vectors) -> NoiseFloor:
    """Read the noise floor, which a process that opened a stranger's model has written."""
    floor = NoiseFloor.load(folder)
    for name, floors in floor.outputs.items():
        if len(floors) != len(vectors.vectors):
            raise DamagedFileError(
                f"{NoiseFloor.FILE}: {name} has {len(floors)} floors; expected one for each of "
                f"{len(vectors.vectors)} vectors",
                folder=folder,
            )
    return floor


def list_candidates(
    models: Mapping[str, Path], tolerance: Tolerance | None, tolerances: Mapping[str, Tolerance]
) -> list[Candidate]:
    """Return the variants to judge, the base first, each with its tolerances."""
    weights = {name: VariantRecord.load(path).weights for name, path in models.items()}
    return [
        Candidate(
            name=name,
            dtype=loosest_dtype(weights[name], weights[BASE]),
            tolerances=[tolerances.get(name), tolerance],
        )
        for name in (BASE, *(name for name in models if name != BASE))
    ]


def _check_alive(runs: Runs) -> None:
    """Raise if a limit ended a run, which says nothing of the model or the backend."""
    for backend, variants in runs.items():
        for name, made in variants.items():
            if made.died:
                raise WorkerError(
                    f"{name} on {backend}: TensorFlow.js {made.error}",
                    hint="raise `memory_limit_bytes` of this model in models.yaml",
                )


def _needs_no_older(runs: Runs) -> bool:
    """Return whether the base runs on a backend, or lacks ops, which older releases lack too."""
    statuses = {variants[BASE].status for variants in runs.values() if BASE in variants}
    return "ok" in statuses or "failed" not in statuses


def measure_runs(runs: Mapping[str, Mapping[str, ModelRun]]) -> dict[str, Any]:
    """Return the figures that vary from run to run: times and memory, by backend and variant."""
    return {
        backend: {
            name: {
                "loadMs": run.load_ms,
                "firstMs": run.first_ms,
                "steadyMs": run.steady_ms,
                "peakBytes": run.peak_bytes,
                "rssBytes": run.rss_bytes,
            }
            for name, run in variants.items()
            if run.status == "ok"
        }
        for backend, variants in runs.items()
    }


def _describe(verdicts: Mapping[str, Verdict]) -> list[str]:
    """Return a line for each variant on each backend: "uint8 on wasm: failed: …"."""
    return [
        f"{name} on {backend}: {check.status}" + (f": {check.reason}" if check.reason else "")
        for name, verdict in verdicts.items()
        for backend, check in verdict.checks.items()
    ]


def _prove_names(
    model: ModelUnderTest, signature: Signature, runs: Runs, verdict: Verdict
) -> dict[str, NameProof]:
    """Prove by value the names that structure tied; empty if the source names its tensors."""
    tied = {output.name: output.tensor for output in signature.outputs if output.proof is not None}
    ran = [name for name, check in verdict.checks.items() if check.ran]
    if not tied or not ran:
        return {}
    backend = next((name for name in ran if verdict.checks[name].status == "ok"), ran[0])
    found = runs[backend][BASE].outputs
    vectors = model.vectors
    # At its extremes an input may move a model far by rounding alone; see `judge_run`.
    numbers = range(len(vectors.vectors))
    usual = [i for i in numbers if vectors.vectors[i].kind != EDGE] or numbers
    proof = prove_map(
        tied,
        [vectors.vectors[i].outputs for i in usual],
        [{name: found[i][name] for name in tied} for i in usual],
        unprovable={**vectors.random, **vectors.constant},
    )
    return {
        name: NameProof(proof=proof.proofs[name], reason=proof.reasons.get(name)) for name in tied
    }
