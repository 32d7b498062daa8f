"""The converter on its own, beside this zoo: what each makes of the models in models.yaml.

    python benchmarks/formats/architectures.py
    doit -f dodo.py -d benchmarks/formats
    python benchmarks/formats/stock.py [MODEL...] >benchmarks/formats/README.md

Each model is converted by the console script `tensorflowjs_converter` in a process of its own,
with the flags of the manifest, from the very files that the zoo fetched. What it writes is
loaded and run in TensorFlow.js on the zoo's test vectors and compared with the source's
outputs, whatever they are called; its float32 weights are compared with ours, byte by byte.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.disk.json_file import read_json
from pipeline.disk.layout import Layout
from pipeline.errors import PipelineError
from pipeline.formats.detect import detect_format
from pipeline.formats.table import find_format, model_path
from pipeline.manifest.model import Model
from pipeline.proof.vector_files import Tensors, load_vectors, write_vectors
from pipeline.runtime.node_results import ModelRun
from pipeline.runtime.run_models import run_models
from pipeline.runtime.tfjs_packages import fetch_packages
from pipeline.steps.graph import load_graph
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.weights import walk_weights
from pipeline.workers.limits import Budget, ResourceLimits

HERE = Path(__file__).parent
TIMEOUT_SECONDS = 600
MEMORY_LIMIT_BYTES = 6 * 1024**3
BACKENDS = ("wasm", "cpu")
NONE, UNKNOWN = "-", "?"
SAME = 1e-2  # of the range: what nobody calls another model

_HEAD = """\
# The converter and this zoo, on real models of every format

    python benchmarks/formats/architectures.py
    doit -f dodo.py -d benchmarks/formats
    python benchmarks/formats/stock.py >benchmarks/formats/README.md

Left: `tensorflowjs_converter` 4.22.0 with the flags of the manifest; whether TensorFlow.js 4.22.0
loads and runs what it wrote, and whether that returns what the source does (within 1 % of the
range). Right: the zoo, with the worst relative error of an output of the base on each backend,
and whether its float32 weights are the converter's. The zoo's columns are of 2026-11-30
(TensorFlow 2.19.0, TensorFlow.js 4.22.0, Node.js 22.20), without a browser; cpu runs only where
wasm fails.

| model | input → output | exit | loads, runs | right | zoo | error wasm | error cpu | weights |
|---|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True, kw_only=True)
class Stock:
    """What became of a model with the converter alone."""

    code: int
    says: str
    seconds: float
    runs: str = NONE
    right: str = NONE


def main(names: list[str]) -> None:
    """Survey the models and print the table, with what was said below it."""
    graph = load_graph(HERE)
    entries = {e["name"]: e for e in read_json(graph.layout.dist / "models.json")["models"]}
    sys.stdout.write(_HEAD)
    said = []
    for model in graph.zoo.models:
        if names and model.name not in names:
            continue
        with tempfile.TemporaryDirectory() as name:
            row, notes = survey(model, graph.layout, entries[model.name], Path(name))
        said += notes
        sys.stdout.write(row)
        sys.stdout.flush()
    sys.stdout.write("\n## What was said\n\n" + "".join(said))


def survey(
    model: Model, layout: Layout, entry: Mapping[str, Any], work: Path
) -> tuple[str, list[str]]:
    """Return a model's row, and what either side said of its failure."""
    fetched = layout.build / model.name / "fetch"
    source = fetched / "files" / read_json(fetched / "source.json")["entry"]
    source_format = detect_format(source, asked=model.input_format, name=model.name)
    source = model_path(source, source_format)
    output_format = model.output_format or find_format(source_format).default_output
    notes = []
    if source_format == "tfjs_graph_model":
        cells = ["no input", NONE, NONE]
    else:
        stock = convert(model, source, source_format, output_format, work)
        if not stock.code:
            stock = run(stock, work, layout.build / model.name)
        cells = [str(stock.code), stock.runs, stock.right]
        if stock.code or stock.runs not in {NONE, "yes", UNKNOWN}:
            notes.append(f"- **{model.name}**, converter: {_quote(stock.says)}\n")
    if entry["status"] != "ok":
        notes.append(f"- **{model.name}**, zoo: {_quote(entry['reason'])}\n")
    notes += [f"- **{model.name}**, zoo: repaired: {_quote(text)}\n" for text in entry["repairs"]]
    base = layout.build / model.name / "convert"
    weights = compare_weights(work / "out", base) if (work / "out").is_dir() else NONE
    errors = [_error(entry, backend) for backend in BACKENDS]
    formats = f"{source_format} → {(output_format or '').removeprefix('tfjs_')}"
    row = " | ".join([model.name, formats, *cells, entry["status"], *errors, weights])
    return f"| {row} |\n", notes


def convert(
    model: Model, source: Path, source_format: str, output_format: str, work: Path
) -> Stock:
    """Convert a model as its authors would on the command line."""
    # The script splits its arguments at spaces, so the files get a path without any.
    place = work / ("in" + (source.suffix if source.is_file() else ""))
    shutil.copytree(source, place) if source.is_dir() else shutil.copy(source, place)
    if source.suffix == ".json":
        for path in source.parent.rglob("*"):
            if path.is_file() and path != source:
                target = work / path.relative_to(source.parent)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
    arguments = [f"--input_format={source_format}", f"--output_format={output_format}"]
    for flag in ("signature_name", "saved_model_tags", "output_node_names"):
        value = getattr(model, flag)
        if value is not None:
            arguments.append(f"--{flag}={value if isinstance(value, str) else ','.join(value)}")
    if model.skip_op_check:
        arguments.append("--skip_op_check")
    if model.control_flow_v2:
        arguments.append("--control_flow_v2=True")
    converter = Path(sys.executable).with_name("tensorflowjs_converter")
    started = time.monotonic()
    try:
        done = subprocess.run(
            [str(converter), *arguments, str(place), str(work / "out")],
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return Stock(code=-1, says="takes too long", seconds=TIMEOUT_SECONDS)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return Stock(
        code=done.returncode,
        says=lines[-1] if lines else "",
        seconds=time.monotonic() - started,
    )


def run(stock: Stock, work: Path, build: Path) -> Stock:
    """Load and run what the converter wrote, on the zoo's vectors."""
    if not (work / "out" / "model.json").is_file():
        return replace(stock, runs="no", says="no model.json was written")
    try:
        vectors = load_vectors(build / "reference")
    except (OSError, PipelineError):
        return replace(stock, runs=UNKNOWN)
    signature = read_json(build / "signature" / "signature.json")
    # By the node's name, which TensorFlow.js takes whatever the signature says.
    nodes = {i["name"]: i["tensor"].partition(":")[0] for i in signature["inputs"]}
    renamed = [
        replace(vector, inputs={nodes[name]: array for name, array in vector.inputs.items()})
        for vector in vectors.vectors
    ]
    (work / "vectors").mkdir()
    (work / "results").mkdir()
    write_vectors(work / "vectors", replace(vectors, vectors=renamed))
    packages = fetch_packages(cache=HERE / ".cache", root=HERE, progress=lambda *_: None)
    made = run_models(
        models={"stock": work / "out"},
        vectors=work / "vectors",
        backends={"wasm": ["stock"], "cpu": ["stock"]},
        folder=work / "results",
        packages=packages,
        log=work / "log.txt",
        budget=Budget(
            ResourceLimits(timeout_seconds=TIMEOUT_SECONDS, memory_bytes=MEMORY_LIMIT_BYTES)
        ),
        trusted=False,
        progress=lambda *_: None,
    )
    runs = {backend: made[backend]["stock"] for backend in BACKENDS}
    working = [backend for backend, one in runs.items() if one.status == "ok"]
    reasons = "; ".join(f"{name}: {one.error}" for name, one in runs.items() if one.error)
    if not working:
        return replace(stock, runs="no", says=reasons)
    named = "yes" if len(working) == len(runs) else f"on {working[0]} only"
    unproved = {**vectors.random, **vectors.constant}
    right = {
        backend: _is_right(runs[backend], [v.outputs for v in vectors.vectors], unproved)
        for backend in working
    }
    wrong = [backend for backend, good in right.items() if not good]
    return replace(
        stock,
        runs=named,
        right="yes" if not wrong else f"no ({', '.join(wrong)})",
        says=reasons or stock.says,
    )


def _is_right(made: ModelRun, wanted: list[Tensors], unproved: Mapping[str, str]) -> bool:
    """Tell whether each output of the source is among those that came out."""
    return all(
        any(_agree(array, found) for found in made.outputs[i].values())
        for i, outputs in enumerate(wanted)
        for name, array in outputs.items()
        if name not in unproved
    )


def _agree(wanted: Any, found: Any) -> bool:
    if wanted.shape != found.shape or wanted.dtype.kind == "O" or found.dtype.kind == "O":
        return bool(wanted.shape == found.shape and (wanted == found).all())
    if not wanted.size:
        return True
    span = float(np.ptp(wanted.astype(float))) or float(np.abs(wanted).max()) or 1.0
    return bool(np.abs(wanted.astype(float) - found).max() <= SAME * span)


def compare_weights(stock: Path, base: Path) -> str:
    """Say whether the float32 weights of two conversions are the same, byte by byte."""
    if not (stock / "model.json").is_file() or not (base / "model.json").is_file():
        return NONE
    theirs, ours = (dict(_digests(folder)) for folder in (stock, base))
    if theirs == ours:
        return f"equal ({len(ours)})"
    if sorted(theirs.values()) == sorted(ours.values()):
        return f"equal ({len(ours)}), other names"
    missing = set(theirs.values()) - set(ours.values())
    return f"{len(missing)} of {len(theirs)} not in ours"


def _digests(folder: Path) -> Iterator[tuple[str, str]]:
    model_json = load_model_json(folder / "model.json")
    for weight in walk_weights(model_json, folder):
        if weight.spec.dtype == "float32":
            yield weight.spec.name, hashlib.sha256(weight.read_bytes()).hexdigest()


def _error(entry: Mapping[str, Any], backend: str) -> str:
    base = next(iter(entry["variants"]), None)
    check = (base or {}).get("checks", {}).get(backend)
    if check is None:
        return NONE
    errors = [output.get("maxRelError") for output in check["outputs"].values()]
    worst = max((error for error in errors if error is not None), default=None)
    figure = NONE if worst is None else f"{worst:.0e}"
    return figure if check["status"] == "ok" else f"{check['status']} ({figure})"


def _quote(text: str | None) -> str:
    return json.dumps((text or "").split("\n")[0], ensure_ascii=False)


if __name__ == "__main__":
    main(sys.argv[1:])
