"""Reference of a TensorFlow.js model: its base, run by TensorFlow.js itself on the cpu backend.

That backend is plain JavaScript: the slowest backend, and the simplest.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.proof.make_reference import make_reference, write_reference
from pipeline.proof.vector_files import Tensors, Vector, Vectors, load_vectors, write_vectors
from pipeline.records.contract import InputContract
from pipeline.records.signature import Signature
from pipeline.runtime.node_results import ModelRun
from pipeline.runtime.node_session import NodeSession
from pipeline.runtime.run_models import run_models
from pipeline.runtime.tfjs_packages import Packages
from pipeline.workers.limits import Budget

BACKEND = "cpu"
_NAME = "base"


@dataclass(frozen=True, kw_only=True)
class Runner:
    """The model, release and limits of runs in TensorFlow.js.

    Attributes:
        node: Its process; None for one in each run.
        model: Folder of the base's model.json as published, under the source's names.
        packages: The release of TensorFlow.js.
        log: File to which the output of the process is appended; its folder holds temporary files.
        budget: Time for all runs; memory and disk of a process.
        trusted: Whether the model may run on a machine without a wall.
        backend: "cpu", or "wasm" to look at that backend.
    """

    node: NodeSession | None = None
    model: Path
    packages: Packages
    log: Path
    budget: Budget
    trusted: bool
    backend: str = BACKEND

    def run(self, inputs: Sequence[Tensors]) -> list[Tensors | str]:
        """Return for each input the outputs, or the error as text.

        A run ends at the first error; then each input has a run of its own.
        """
        made = self._run_all(inputs)
        if made.status == "ok":
            # Read now: the output files vanish with the folder.
            return [made.outputs[i] for i in range(len(inputs))]
        if len(inputs) == 1 or made.status == "unsupported":
            return [made.error or made.status] * len(inputs)
        return [result for single in inputs for result in self.run([single])]

    def _run_all(self, inputs: Sequence[Tensors]) -> "_Loaded":
        with tempfile.TemporaryDirectory(dir=self.log.parent) as name:
            given, results = Path(name, "vectors"), Path(name, "results")
            given.mkdir()
            results.mkdir()
            vectors = [Vector(inputs=one, outputs={}) for one in inputs]
            write_vectors(given, Vectors(vectors=vectors, seed="", runtime=""))
            runs = run_models(
                node=self.node,
                models={_NAME: self.model},
                vectors=given,
                backends={self.backend: [_NAME]},
                folder=results,
                packages=self.packages,
                log=self.log,
                budget=self.budget,
                trusted=self.trusted,
                progress=lambda *_: None,
            )
            return _load(runs[self.backend][_NAME])


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    """A run whose outputs are read into memory."""

    status: str
    error: str | None
    outputs: Mapping[int, Tensors]


def run_tfjs_reference(  # noqa: PLR0913  # all facts of the step, by name
    *,
    runner: Runner,
    folder: Path,
    signature: Signature,
    seed: str,
    task: str | None,
    given: Path | None,
    contracts: Mapping[str, InputContract],
) -> dict[str, Any]:
    """Run a base and write vectors.json and vectors.bin.

    Args:
        runner: The model, and how to run it.
        folder: The folder to write to.
        signature: The signature of the base.
        seed: Text from which made inputs follow: the name of the model.
        task: The task of the model, as in the manifest.
        given: Folder with vectors whose inputs to take; None to make inputs.
        contracts: What is known of each input, by name.

    Returns:
        runtime, vectors (their number), attempts, random, constant and notes.

    Raises:
        ManifestError: The model does not run with the inputs of the manifest.
        ConversionError: It runs with none of the made inputs.
        NoWallError: This machine has no wall, and the model is not trusted.
        WorkerError: Node.js or TensorFlow.js does not start, died twice, or took too long.
    """
    reference = make_reference(
        runner.run,
        signature.inputs,
        [output.name for output in signature.outputs],
        seed=seed,
        task=task,
        given=[vector.inputs for vector in load_vectors(given).vectors] if given else None,
        contracts=contracts,
    )
    runtime = f"tfjs {runner.packages.version}, {runner.backend}"
    return write_reference(folder, reference, seed=seed, runtime=runtime)


def _load(run: ModelRun) -> _Loaded:
    outputs = {i: dict(outputs.items()) for i, outputs in run.outputs.items()}
    return _Loaded(status=run.status, error=run.error, outputs=outputs)
