"""A dist/ as a build leaves it, of made-up models, in milliseconds.

Names, digests and order are those of the real thing; weights are text.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalog_entries import catalog_of, failed_entry

from pipeline.catalog.card import variant_folder
from pipeline.disk.canonical import format_json
from pipeline.publish.dist_contents import DistContents, load_dist_contents
from pipeline.publish.publish import Published, Publisher
from pipeline.publish.targets.target import Target, open_target
from pipeline.steps.dist import project
from pipeline.steps.placed import Placed, load_placed
from pipeline.steps.projection import Projected, list_by_model

SHARD = "group1-shard1of1.bin"


def sha256(content: bytes) -> str:
    """Return a digest."""
    return hashlib.sha256(content).hexdigest()


class BuiltZoo:
    """A zoo that was built.

    Attributes:
        root: Its folder.
        models: For each model what its weights are, by variant; None where it failed.
        pages: Files beside the models, by path.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.models: dict[str, Mapping[str, str] | None] = {}
        self.pages: dict[str, str] = {"index.html": "<p>zoo</p>", "zoo.js": "export {}"}

    @property
    def dist(self) -> Path:
        """Its dist/."""
        return self.root / "dist"

    def build(self) -> "BuiltZoo":
        """Bring dist/ up to date."""
        files: dict[str, bytes] = {path: text.encode() for path, text in self.pages.items()}
        entries = [self._model(name, weights, files) for name, weights in self.models.items()]
        catalog = catalog_of(entries, zoo={"name": "Test"})
        files["models.json"] = format_json(catalog)
        state = self.root / ".zoo"
        projection = []
        for path, content in files.items():
            source = state / "build" / path
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_bytes(content)
            projection.append(
                Projected(
                    path=path, source=f"build/{path}", bytes=len(content), sha256=sha256(content)
                )
            )
        project(
            list_by_model(projection),
            state=state,
            dist=self.dist,
            state_file=state / "dist.json",
        )
        return self

    def placed(self) -> Mapping[str, Placed]:
        """Return what the build remembers of dist/."""
        return load_placed(self.root / ".zoo/dist.json")

    def contents(self) -> DistContents:
        """Return the zoo that dist/ holds."""
        return load_dist_contents(self.dist, self.placed())

    def target(self, text: str, *, endpoint: str | None = None) -> Target:
        """Open a target to publish to."""
        return open_target(text, root=self.root, output=self.dist, endpoint=endpoint)

    def publish(self, target: Target, **options: Any) -> Published:
        """Publish the zoo to a target."""
        return publisher(target).publish(self.contents(), **{"render": None, **options})

    def _model(
        self, name: str, weights: Mapping[str, str] | None, files: dict[str, bytes]
    ) -> dict[str, Any]:
        identity = {"name": name, "title": name.title()}
        if weights is None:
            return failed_entry(identity, uri="x", reason="the source is gone")
        variants = [self._variant(name, key, text, files) for key, text in weights.items()]
        self.pages.setdefault(f"models/{name}/index.html", f"<p>{name}</p>")
        files[f"models/{name}/index.html"] = self.pages[f"models/{name}/index.html"].encode()
        return {
            **failed_entry(identity, uri="x", reason=None),
            "status": "ok",
            "modelPath": variants[0]["modelPath"],
            "variants": variants,
        }

    def _variant(
        self, model: str, variant: str, text: str, files: dict[str, bytes]
    ) -> dict[str, Any]:
        parts = {"model.json": format_json({"weights": text}), SHARD: text.encode()}
        inside = variant_folder(variant, {path: sha256(part) for path, part in parts.items()})
        folder = f"models/{model}/{inside}"
        files |= {f"{folder}/{path}": part for path, part in parts.items()}
        files[f"models/{model}/{variant}/model.json"] = format_json(
            {"alias": f"../{inside}/{SHARD}"}
        )
        listed = [
            {"path": f"{folder}/{path}", "bytes": len(part), "sha256": sha256(part)}
            for path, part in parts.items()
        ]
        return {
            "name": variant,
            "status": "ok",
            "modelPath": listed[0]["path"],
            "files": listed,
        }


def publisher(target: Target) -> Publisher:
    """Return a publisher who tells nothing."""
    return Publisher(target=target, notify=lambda _text: None, progress=lambda _done, _total: None)


def read_zoo(target: Target) -> dict[str, Any]:
    """Return the published catalog, after a look at every file that it lists."""
    catalog: dict[str, Any] = json.loads(target.read("models.json") or b"{}")
    for entry in catalog["models"]:
        for variant in entry["variants"]:
            for file in variant["files"]:
                content = target.read(file["path"])
                assert content is not None, file["path"]
                assert sha256(content) == file["sha256"], file["path"]
    return catalog


def weights_of(catalog: Mapping[str, Any], target: Target) -> dict[str, str]:
    """Return what the weights of each model's first variant are in a target."""
    found = {}
    for entry in catalog["models"]:
        if entry["variants"]:
            shard = entry["variants"][0]["files"][1]["path"]
            found[entry["name"]] = (target.read(shard) or b"").decode()
    return found


PROGRAM = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from built_zoos import BuiltZoo, publisher
root, address, endpoint, kill_at = sys.argv[2:6]
zoo = BuiltZoo(Path(root))
target = zoo.target(address, endpoint=endpoint or None)
writes = 0
write = type(target).write
def counted(self, path, content, headers):
    global writes
    writes += 1
    if writes == int(kill_at):
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, path, content, headers)
type(target).write = counted
publisher(target).publish(zoo.contents(), render=None)
"""


def start_publish(
    zoo: BuiltZoo, target: str, *, endpoint: str = "", kill_at: int = 0
) -> "subprocess.Popen[bytes]":
    """Publish in a process of its own, which kills itself at its nth write; 0 lets it live."""
    here = Path(__file__).parent
    arguments = [str(here), str(zoo.root), target, endpoint, str(kill_at)]
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, *arguments], cwd=here.parent
    )
