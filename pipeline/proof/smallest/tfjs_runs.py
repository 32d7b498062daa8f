"""Runs of mixes in TensorFlow.js."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.engine.step import Work
from pipeline.proof.source_run import packages_for
from pipeline.runtime.node_results import ModelRun
from pipeline.runtime.run_models import run_models
from pipeline.runtime.tfjs_packages import NEWEST

_NAME = "mix"
# The quick backend, and the plain one for models that it does not run.
_BACKENDS = ("wasm", "cpu")


def run_mix(work: Work[Any], model: Path) -> ModelRun:
    """Run a model on the test vectors, and read its outputs.

    Args:
        work: A step that needs `reference`.
        model: Folder of its model.json.
    """
    packages = packages_for(work, NEWEST)
    for backend in _BACKENDS:
        with tempfile.TemporaryDirectory(dir=work.temporary) as name:
            ran = run_models(
                models={_NAME: model},
                vectors=work.inputs["reference"],
                backends={backend: [_NAME]},
                folder=Path(name),
                packages=packages,
                log=work.log,
                budget=work.budget,
                trusted=work.trusted,
                progress=work.heartbeat,
                check_predict=False,
            )[backend][_NAME]
            if ran.status == "ok":
                # The files vanish with the folder.
                read = {i: dict(outputs) for i, outputs in ran.outputs.items()}
                return replace(ran, outputs=read)  # type: ignore[arg-type]
    return ran
