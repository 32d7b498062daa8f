"""A trial: a model run once on each backend of TensorFlow.js.

TensorFlow.js's own kernel registry says, while it runs, which ops a backend lacks. A graph runs
as it is, without our repairs, on inputs that are made up.
"""

import tempfile
from pathlib import Path

from pipeline.fetch.download_cache import Progress
from pipeline.formats.detect import detect_format
from pipeline.formats.format import LAYERS
from pipeline.formats.table import ROUTES, normalize_source
from pipeline.inspection.description import BackendRun, Tried
from pipeline.proof.inputs.find_contracts import find_contracts
from pipeline.proof.inputs.made_inputs import make_inputs
from pipeline.proof.vector_files import Vector, Vectors, write_vectors
from pipeline.records.flags import DEFAULT_SHARD_BYTES
from pipeline.runtime.describe_model import describe_layers_model
from pipeline.runtime.node_results import ModelRun
from pipeline.runtime.node_session import NodeSession
from pipeline.runtime.run_models import run_models
from pipeline.runtime.tfjs_packages import Packages, fetch_packages
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature
from pipeline.tfjs.quantize.variant_files import write_variant
from pipeline.workers.limits import Budget, ResourceLimits

BACKENDS = ("wasm", "cpu")
TIMEOUT_SECONDS = 300.0
_NAME = "model"
_SEED = "inspect"


def try_backends(path: Path, *, cache: Path, root: Path, progress: Progress) -> Tried:
    """Run a TensorFlow.js model once on each backend.

    Args:
        path: Its model.json.
        cache: Folder of downloads, for TensorFlow.js itself.
        root: Folder whose .npmrc counts.
        progress: Called with bytes done, and bytes in all where known.

    Raises:
        PipelineError: It cannot be read, or TensorFlow.js cannot be had or started.
    """
    packages = fetch_packages(cache=cache, root=root, progress=progress)
    budget = Budget(ResourceLimits(timeout_seconds=TIMEOUT_SECONDS))
    with tempfile.TemporaryDirectory() as name, NodeSession(Path(name)) as node:
        folder = Path(name)
        _prepare(path, folder, node, packages, budget)
        (folder / "results").mkdir()
        runs = run_models(
            node=node,
            models={_NAME: folder / "named"},
            vectors=folder / "vectors",
            backends={backend: [_NAME] for backend in BACKENDS},
            folder=folder / "results",
            packages=packages,
            log=folder / "log.txt",
            budget=budget,
            trusted=False,
            progress=lambda *_: None,
        )
        made = {backend: runs[backend][_NAME] for backend in BACKENDS}
    return Tried(
        backends={backend: _describe(run) for backend, run in made.items()},
        missing_ops={backend: sorted(run.missing_ops) for backend, run in made.items()},
    )


def _prepare(
    path: Path, folder: Path, node: NodeSession, packages: Packages, budget: Budget
) -> None:
    """Write the model under its names, and a vector to run it on."""
    for part in ("base", "named", "vectors"):
        (folder / part).mkdir()
    source_format = detect_format(path, asked=None, name=path.name)
    record = normalize_source(
        source_format,
        source=path,
        folder=folder / "base",
        shard_size_bytes=DEFAULT_SHARD_BYTES,
    )
    if source_format == LAYERS:
        loaded = describe_layers_model(
            folder / "base",
            node=node,
            packages=packages,
            log=folder / "log.txt",
            budget=budget,
            trusted=False,
            hint=ROUTES[LAYERS, LAYERS].load_hint,
        )
        record = record.model_copy(update={"loaded": loaded})
    model_json = load_model_json(folder / "base" / "model.json")
    signature = read_signature(model_json, record)
    write_variant(
        base=folder / "base",
        signature=signature,
        name=_NAME,
        quantize={},
        shard_size_bytes=DEFAULT_SHARD_BYTES,
        folder=folder / "named",
    )
    contracts = find_contracts(model_json, folder / "base", signature.inputs, record)
    inputs = make_inputs(signature.inputs, seed=_SEED, index=0, contracts=contracts)
    vectors = Vectors(vectors=[Vector(inputs=inputs, outputs={})], seed=_SEED, runtime="")
    write_vectors(folder / "vectors", vectors)


def _describe(run: ModelRun) -> BackendRun:
    return BackendRun(
        status=run.status,
        reason=run.error,
        tfjs=run.tfjs,
        load_ms=run.load_ms,
        first_ms=run.first_ms,
        peak_bytes=run.peak_bytes,
    )
