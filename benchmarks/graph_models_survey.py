"""What graph models in the wild look like: a line for each, from source to signature.

    python benchmarks/graph_models_survey.py FILE_OR_FOLDER...

A folder stands for every .json below it that is a TensorFlow.js model. Each is made a base in
a temporary folder and its signature read; what is refused is shown with the reason.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.records.flags import DEFAULT_SHARD_BYTES
from pipeline.records.shape import format_sizes
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.normalize import normalize_graph_model
from pipeline.tfjs.model.signature import read_signature

COLUMNS = "{:40} {:>7} {:>5} {:>11} {:>6} {}"


def find_models(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the model.json files that the paths stand for."""
    for path in paths:
        for file in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
            if b'"modelTopology"' in file.read_bytes():
                yield file


def survey(source: Path) -> str:
    """Return the line of a model."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        try:
            record = normalize_graph_model(
                source=source, folder=Path(folder), shard_size_bytes=DEFAULT_SHARD_BYTES
            )
            signature = read_signature(load_model_json(Path(folder) / "model.json"), record)
        except PipelineError as error:
            return f"{source.stem:40} {type(error).__name__}: {error}"
    took = f"{time.perf_counter() - started:.2f}"
    mode = "async" if signature.requires_async else "sync"
    ends = " → ".join(
        ", ".join(f"{tensor.name} {json.dumps(format_sizes(tensor.shape))}" for tensor in side)
        for side in (signature.inputs, signature.outputs)
    )
    nodes = sum(signature.ops.values())
    return COLUMNS.format(source.stem, took, mode, f"{signature.parameters:,}", f"{nodes:,}", ends)


def main() -> None:
    """Print the table."""
    print(COLUMNS.format("model", "seconds", "mode", "parameters", "nodes", "inputs → outputs"))
    for source in find_models(Path(argument) for argument in sys.argv[1:]):
        print(survey(source))


if __name__ == "__main__":
    main()
