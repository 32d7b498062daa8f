"""Models run in the real TensorFlow.js, for tests: packages from the cache, vectors on file."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from graph_models import node, placeholder, tensor_info, write_graph_model

from pipeline.disk.layout import cache_folder
from pipeline.proof.vector_files import Vector, Vectors, write_vectors
from pipeline.runtime.node_results import ModelRun
from pipeline.runtime.run_models import Runs, run_models
from pipeline.runtime.tfjs_packages import NEWEST, Packages, fetch_packages
from pipeline.tfjs.model.dtypes import format_dtype
from pipeline.workers.limits import Budget, ResourceLimits

GIB = 1024**3
Json = dict[str, Any]


@cache
def packages(version: str = NEWEST) -> Packages:
    """Return a release of TensorFlow.js."""
    return fetch_packages(
        cache=cache_folder(os.environ),
        root=Path(__file__).parent,
        progress=lambda _done, _total: None,
        version=version,
    )


def run(  # noqa: PLR0913  # each can be replaced
    folder: Path,
    models: Mapping[str, Path],
    inputs: Sequence[Mapping[str, Any]],
    *,
    backends: Mapping[str, Sequence[str]] | None = None,
    release: Packages | None = None,
    timeout_seconds: float = 60,
    memory_limit_bytes: int = 2 * GIB,
    progress: Callable[[int, int | None], None] = lambda _done, _total: None,
) -> Runs:
    """Run models, by default all of them on wasm and cpu; `folder` gets vectors, results, log."""
    (folder / "vectors").mkdir(parents=True, exist_ok=True)
    (folder / "runs").mkdir()
    vectors = [Vector(inputs=given, outputs={}) for given in inputs]
    write_vectors(folder / "vectors", Vectors(vectors=vectors, seed="test", runtime="none"))
    return run_models(
        models=models,
        vectors=folder / "vectors",
        backends=backends or {"wasm": [*models], "cpu": [*models]},
        folder=folder / "runs",
        packages=release or packages(),
        log=folder / "log.txt",
        budget=Budget(
            ResourceLimits(timeout_seconds=timeout_seconds, memory_bytes=memory_limit_bytes)
        ),
        trusted=False,
        progress=progress,
    )


def run_one(folder: Path, model: Path, backend: str, **inputs: Any) -> ModelRun:
    """Run the model in a folder on one vector."""
    return run(folder, {"base": model}, [inputs], backends={backend: ["base"]})[backend]["base"]


def write_model(
    folder: Path,
    nodes: Sequence[Json],
    *,
    inputs: Mapping[str, tuple[str, Sequence[int] | None]],
    outputs: Mapping[str, str],
    **others: Any,
) -> Path:
    """Write a graph model; return its folder.

    Args:
        folder: Where to.
        nodes: Its nodes but for placeholders and constants.
        inputs: Dtype and shape by name.
        outputs: Tensor by published name.
        others: As `write_graph_model` takes them.
    """
    placeholders = [placeholder(name, shape, dtype) for name, (dtype, shape) in inputs.items()]
    signature = {
        "inputs": {
            name: tensor_info(f"{name}:0", shape, dtype) for name, (dtype, shape) in inputs.items()
        },
        "outputs": {name: {"name": tensor} for name, tensor in outputs.items()},
    }
    others.setdefault("weights", {})
    write_graph_model(folder, nodes=[*placeholders, *nodes], signature=signature, **others)
    return folder


def typed(name: str, op: str, inputs: Sequence[str], **types: str) -> Json:
    """Return a node whose attributes are dtypes."""
    attr = {key: {"type": format_dtype(dtype)} for key, dtype in types.items()}
    return {"name": name, "op": op, "input": list(inputs), "attr": attr}


def function(  # the parts of a FunctionDef
    name: str,
    *,
    takes: Mapping[str, str],
    gives: Mapping[str, str],
    returns: Mapping[str, str],
    nodes: Sequence[Json],
) -> Json:
    """Return a library function: dtypes of arguments and results, and what is returned."""

    def arguments(dtypes: Mapping[str, str]) -> list[Json]:
        return [{"name": name, "type": format_dtype(dtype)} for name, dtype in dtypes.items()]

    signature = {"name": name, "inputArg": arguments(takes), "outputArg": arguments(gives)}
    return {"signature": signature, "nodeDef": list(nodes), "ret": dict(returns)}


def loop(name: str, inputs: Sequence[str], dtypes: Sequence[str]) -> Json:
    """Return a StatelessWhile of the functions `body` and `cond`."""
    return {
        "name": name,
        "op": "StatelessWhile",
        "input": list(inputs),
        "attr": {
            "T": {"list": {"type": [format_dtype(dtype) for dtype in dtypes]}},
            "body": {"func": {"name": "body"}},
            "cond": {"func": {"name": "cond"}},
            "output_shapes": {"list": {"shape": [{"unknownRank": True}] * len(dtypes)}},
        },
    }


def endless_model(folder: Path, *, size: int = 1) -> Path:
    """Write a model whose loop never ends and carries `size` numbers; return its folder."""
    go, x = "bool", "float32"
    fill = {"name": "x", "op": "Fill", "input": ["size", "one"], "attr": {}}
    write_model(
        folder,
        [fill, loop("loop", ["go", "x"], [go, x]), node("y", "Identity", ["loop:1"])],
        inputs={"go": (go, ())},
        outputs={"y": "y:0"},
        weights={"size": np.array([size], np.int32), "one": np.array(1, np.float32)},
    )
    library = [
        function(
            "cond", takes={"go": go, "x": x}, gives={"out": go}, returns={"out": "go"}, nodes=[]
        ),
        function(
            "body",
            takes={"go": go, "x": x},
            gives={"again": go, "z": x},
            returns={"again": "go", "z": "sum:z:0"},
            nodes=[node("sum", "AddV2", ["x", "x"])],
        ),
    ]
    return with_library(folder, library)


def with_library(folder: Path, functions: Sequence[Json]) -> Path:
    """Put functions into the library of the model in a folder; return it."""
    content = load(folder)
    content["modelTopology"]["library"] = {"function": list(functions)}
    store(folder, content)
    return folder


def load(folder: Path) -> Json:
    """Read a model.json."""
    content: Json = json.loads((folder / "model.json").read_bytes())
    return content


def store(folder: Path, content: Json) -> None:
    """Write a model.json."""
    (folder / "model.json").write_text(json.dumps(content))
