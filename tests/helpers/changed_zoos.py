"""A small zoo as it was on two nights: what was published, and what was built after changes.

Built once for all tests that only read it.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph_models import dense_signature, dense_weights, write_graph_model
from zoos import Build, Zoo

from pipeline.diff.catalog_reader import ComparedCatalog, parse_catalog
from pipeline.diff.change import Difference, ModelDifference
from pipeline.diff.compare import compare_catalogs

LOOSE = {"max_relative_error": 0.5, "reason": "for a test"}
HOSTILE = "<script>alert(1)</script> | `x`"


@dataclass(frozen=True, kw_only=True)
class ChangedZoo:
    """Two builds of a zoo.

    Attributes:
        zoo: As it is after the second one; `earlier.json` is the catalog of the first.
        build: What the second one did.
    """

    zoo: Zoo
    build: Build

    @property
    def before(self) -> ComparedCatalog:
        """The catalog of the first night."""
        return parse_catalog(self.earlier.read_bytes(), shown="published")

    @property
    def after(self) -> ComparedCatalog:
        """The catalog of the second night."""
        return parse_catalog((self.zoo.dist / "models.json").read_bytes(), shown="built")

    @property
    def earlier(self) -> Path:
        """File with the first catalog."""
        return self.zoo.folder / "earlier.json"

    def compare(self) -> Difference:
        """Compare the second night with the first."""
        return compare_catalogs(self.before, self.after)


@functools.cache
def build_twice(folder: Path) -> ChangedZoo:
    """Build a zoo, change all that can be changed, and build it again.

    Args:
        folder: Where; the same zoo is returned for the same folder.
    """
    zoo = Zoo(folder / "changed zoo")
    for seed, name in enumerate(("same", "source", "shape", "renamed", "role", "gone", "broken")):
        zoo.add(name, seed=seed)
    zoo.add("strict", seed=10, variants=["uint16", "uint8"], tolerance=LOOSE)
    zoo.add("fewer", seed=11, variants=["uint16", "float16"])
    zoo.add("title", seed=12)
    for name in ("source", "shape", "renamed"):
        _write(zoo, name, 512)
    models = {model["name"]: model for model in zoo.manifest["models"]}
    models["role"]["map"] = {"scores": "Identity:0"}
    first = zoo.build()
    assert first.code == 0, first.stdout + first.stderr
    (zoo.folder / "earlier.json").write_bytes((zoo.dist / "models.json").read_bytes())

    _write(zoo, "source", 512, seed=20)
    _write(zoo, "shape", 640)
    _write(zoo, "renamed", 512, name="logits")
    models["role"]["map"] = {"scores": "Identity_1:0"}
    (zoo.folder / "sources/broken/group1-shard1of1.bin").write_bytes(b"short")
    del models["strict"]["tolerance"]
    models["fewer"] |= {"variants": ["uint16"], "license": "MIT"}
    models["title"]["title"] = HOSTILE
    zoo.manifest["models"].remove(models["gone"])
    zoo.add("new", seed=13)
    return ChangedZoo(zoo=zoo, build=zoo.build())


def found(difference: Difference, name: str) -> ModelDifference:
    """Return what became of a model."""
    return next(model for model in difference.models if model.name == name)


def told(model: ModelDifference) -> dict[str, tuple[str, ...]]:
    """Return what each change of a model means, by its text."""
    return {change.text: change.marks for change in model.all_changes}


def wire(reading: Path) -> dict[str, Any]:
    """Return a catalog as JSON, to be changed."""
    content: dict[str, Any] = json.loads(reading.read_bytes())
    return content


def _write(zoo: Zoo, model: str, size: int, *, seed: int = 3, name: str = "Identity:0") -> None:
    signature = dense_signature(8, size)
    outputs = signature["outputs"]
    signature["outputs"] = {name: outputs["Identity:0"], "Identity_1:0": outputs["Identity_1:0"]}
    weights = dense_weights(8, size, seed=seed)
    write_graph_model(zoo.folder / "sources" / model, weights=weights, signature=signature)
