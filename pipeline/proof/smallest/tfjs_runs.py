"""Runs of mixes in TensorFlow.js."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.runtime.node_results import ModelRun
from pipeline.runtime.node_session import NodeSession
from pipeline.runtime.run_models import run_models
from pipeline.runtime.tfjs_packages import Packages
from pipeline.workers.limits import Budget

_NAME = "mix"
# The quick backend, and the plain one for models that it does not run.
_BACKENDS = ("wasm", "cpu")


@dataclass(frozen=True, kw_only=True)
class TfjsRuns:
    """Runs models on the test vectors of one model.

    Attributes:
        node: Their process; None for one in each run.
        vectors: Folder of the vectors.
        packages: The release of TensorFlow.js.
        temporary: Folder for the outputs, which are gone after a run.
        log: File to which the output of processes is appended.
        budget: Time for all runs; memory and disk of a process.
        trusted: Whether the models may run on a machine without a wall.
        progress: Called often; an exception of it ends the run.
    """

    node: NodeSession | None = None
    vectors: Path
    packages: Packages
    temporary: Path
    log: Path
    budget: Budget
    trusted: bool
    progress: Callable[[int, int | None], None]

    def run(self, model: Path) -> ModelRun:
        """Run the model in a folder, and read its outputs."""
        for backend in _BACKENDS:
            with tempfile.TemporaryDirectory(dir=self.temporary) as name:
                ran = run_models(
                    node=self.node,
                    models={_NAME: model},
                    vectors=self.vectors,
                    backends={backend: [_NAME]},
                    folder=Path(name),
                    packages=self.packages,
                    log=self.log,
                    budget=self.budget,
                    trusted=self.trusted,
                    progress=self.progress,
                    check_predict=False,
                )[backend][_NAME]
                if ran.status == "ok":
                    # The files vanish with the folder.
                    read = {i: dict(outputs) for i, outputs in ran.outputs.items()}
                    return replace(ran, outputs=read)  # type: ignore[arg-type]
        return ran
