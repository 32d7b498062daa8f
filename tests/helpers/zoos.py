"""Small zoos in a folder, built by the real doit in a process of its own.

Their models are TensorFlow.js graph models of two layers, so that a build takes a second.
"""

import copy
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from graph_models import dense_weights, write_graph_model
from paths import ROOT

from pipeline.disk.layout import cache_folder


@dataclass(frozen=True, kw_only=True)
class Build:
    """What a run of doit did.

    Attributes:
        code: Exit code.
        events: Lines of the jsonl reporter.
        stdout: All that it printed.
        stderr: The same, of errors.
    """

    code: int
    events: list[dict[str, Any]]
    stdout: str
    stderr: str

    @property
    def ran(self) -> list[str]:
        """Names of the tasks that did something, sorted."""
        done = [event for event in self.steps if event["status"] in {"ok", "failed"}]
        return sorted(event["task"] for event in done)

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Events of steps."""
        return [event for event in self.events if event["event"] == "step"]

    @property
    def failures(self) -> dict[str, str]:
        """Reason of each failure, by task."""
        failed = [event for event in self.steps if event["status"] in {"failed", "remembered"}]
        return {event["task"]: event["reason"] for event in failed}


class Zoo:
    """A folder with a models.yaml."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        # TensorFlow.js itself comes from the user's cache, once for all tests.
        self.cache = cache_folder(os.environ)
        # A browser takes seconds to start; tests of browsers name one.
        self.browser = "none"
        self.manifest: dict[str, Any] = {"zoo": {"name": "Test zoo"}, "models": []}

    @property
    def dist(self) -> Path:
        """Folder of the published zoo."""
        return self.folder / "dist"

    def add(self, name: str, *, seed: int = 0, **fields: Any) -> dict[str, Any]:
        """Add a graph model with weights large enough that variants are smaller."""
        weights = dense_weights(8, 512, seed=seed)
        write_graph_model(self.folder / "sources" / name, weights=weights)
        model: dict[str, Any] = {
            "name": name,
            "source": f"sources/{name}/model.json",
            "variants": ["uint16"],
        }
        model |= fields
        self.manifest["models"].append(model)
        return model

    def copy(self, folder: Path) -> "Zoo":
        """Return a copy in a new folder, with the times and links of its files."""
        subprocess.run(["cp", "-a", str(self.folder), str(folder)], check=True)
        zoo = Zoo(folder)
        zoo.manifest = copy.deepcopy(self.manifest)
        return zoo

    def write(self) -> None:
        """Write the manifest."""
        (self.folder / "models.yaml").write_text(yaml.safe_dump(self.manifest, sort_keys=False))

    def start(self, *arguments: str, **environ: str) -> "subprocess.Popen[str]":
        """Start doit in the folder, in a process group of its own."""
        command = [
            sys.executable,
            "-m",
            "doit",
            "-f",
            str(ROOT / "dodo.py"),
            "-d",
            str(self.folder),
        ]
        return subprocess.Popen(
            [*command, *arguments],
            env={
                **os.environ,
                "CHROME": self.browser,
                "TFJS_ZOO_CACHE": str(self.cache),
                **environ,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def doit(self, *arguments: str) -> Build:
        """Run a command of doit to its end."""
        with self.start(*arguments) as process:
            stdout, stderr = process.communicate()
        return Build(code=process.returncode, events=[], stdout=stdout, stderr=stderr)

    def build(self, *arguments: str) -> Build:
        """Write the manifest and run doit, telling what it does."""
        self.write()
        return self._run("run", *arguments)

    def refresh(self) -> Build:
        """Ask again for the sources that may have changed, telling what it does."""
        return self._run("refresh")

    def _run(self, command: str, *arguments: str) -> Build:
        done = self.doit(command, "--reporter", "jsonl", *arguments)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        return Build(code=done.code, events=events, stdout=done.stdout, stderr=done.stderr)

    def catalog(self) -> dict[str, Any]:
        """Return the published catalog."""
        content: dict[str, Any] = json.loads((self.dist / "models.json").read_bytes())
        return content

    def entry(self, name: str) -> dict[str, Any]:
        """Return a model's entry in the catalog."""
        found: dict[str, Any] = next(m for m in self.catalog()["models"] if m["name"] == name)
        return found


# What tells of one run, and so is another after each.
TOLD_OF_A_RUN = {"report.html", "report.md", "timings.json"}


def reproducible_files(dist: Path) -> Mapping[str, bytes]:
    """Return the content of every file of dist/ that a repeated build repeats, by path."""
    files = files_below(dist)
    return {path: files[path] for path in files if path not in TOLD_OF_A_RUN}


def files_below(folder: Path) -> Mapping[str, bytes]:
    """Return the content of every file below a folder, by path."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def vouch_for(base: Path) -> None:
    """Let the receipt say that the step made the files as they are now."""
    receipt = json.loads((base / "receipt.json").read_bytes())
    for output in receipt["outputs"]:
        path = base / output["path"]
        if path.exists():
            content = path.read_bytes()
            output |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (base / "receipt.json").write_text(json.dumps(receipt))
