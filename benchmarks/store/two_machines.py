"""Time and traffic of a zoo that another machine has built, with a store that both share.

    python benchmarks/store/two_machines.py FOLDER MODEL… >benchmarks/store/two_machines.md

FOLDER is a new folder for the zoos, MODEL names of models in models.yaml of this repository, none
for all. The first zoo fills an empty store in a folder, and then a bucket of moto's S3 server on
this machine. The second has only the folder; in the third one flag of the first model is changed;
the fourth has only the bucket. `two_machines.md` has the last result.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import yaml

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/helpers"))

from buckets import serve_s3
from s3_server import CREDENTIALS
from zoos import reproducible_files

from pipeline.disk.canonical import digest_json
from pipeline.text.quantity import count, format_seconds

ROOT = Path(__file__).parents[2]
FLAG = "weight_shard_size_bytes"


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of doit.

    Attributes:
        seconds: How long it took.
        steps: The events of the steps that ended.
        store: Its sentence on the store.
        dist: A digest of the published zoo.
    """

    seconds: float
    steps: list[dict[str, Any]]
    store: str
    dist: str

    def tasks(self, *, from_store: bool) -> list[str]:
        """Return the tasks that ran, or those that came from the store."""
        return [step["task"] for step in self.steps if step["from_store"] == from_store]

    def row(self, name: str) -> str:
        """Return a row of the table."""
        ran = self.tasks(from_store=False)
        conversions = sum(task.startswith("convert:") for task in ran)
        came = len(self.tasks(from_store=True))
        seconds = format_seconds(self.seconds)
        return f"| {name} | {seconds} | {len(ran)} | {conversions} | {came} | {self.store} |"


def load_manifest() -> dict[str, Any]:
    """Return the manifest of this repository."""
    manifest: dict[str, Any] = yaml.safe_load((ROOT / "models.yaml").read_bytes())
    return manifest


@contextlib.contextmanager
def zoo(folder: Path, models: list[str], *, change: bool = False) -> Iterator[Path]:
    """Make a folder with a manifest of some models for a block."""
    manifest = load_manifest()
    entries = {entry["name"]: entry for entry in manifest["models"]}
    manifest["models"] = [entries[name] for name in models]
    if change:
        manifest["models"][0][FLAG] = 1024**2
    folder.mkdir(parents=True)
    (folder / "models.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
    yield folder
    shutil.rmtree(folder)


def call(folder: Path, *arguments: str) -> tuple[float, str]:
    """Run doit in a zoo; return its seconds and its output."""
    command = [sys.executable, "-m", "doit", "-f", str(ROOT / "dodo.py"), "-d", str(folder)]
    started = time.monotonic()
    done = subprocess.run(
        [*command, *arguments],
        env={**os.environ, "CHROME": "none"},
        stdout=subprocess.PIPE,
        check=False,
    )
    assert done.returncode <= 1, arguments
    return time.monotonic() - started, done.stdout.decode()


def build(folder: Path, store: str) -> Run:
    """Build a zoo with a store."""
    seconds, output = call(folder, "run", "--reporter", "jsonl", "--store", store)
    events = [json.loads(line) for line in output.splitlines()]
    done = {"ok", "failed"}
    steps = [e for e in events if e["event"] == "step" and e["status"] in done]
    files = reproducible_files(folder / "dist")
    digests = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    return Run(
        seconds=seconds,
        steps=steps,
        store=events[-1]["store"].replace(store, "…"),
        dist=digest_json(digests),
    )


def main(root: Path, models: list[str]) -> None:
    """Measure, and print a page."""
    models = models or [entry["name"] for entry in load_manifest()["models"]]
    folder, bucket = str(root / "store"), "s3://zoo/results"
    with serve_s3() as url:
        os.environ |= {**CREDENTIALS, "AWS_ENDPOINT_URL": url}
        fsspec.filesystem("s3").mkdir("zoo")
        with zoo(root / "first", models) as place:
            first = build(place, folder)
            filled, sentence = call(place, "store", "--fill", "--store", bucket)
        with zoo(root / "second", models) as place:
            second = build(place, folder)
        with zoo(root / "third", models, change=True) as place:
            changed = build(place, folder)
        with zoo(root / "fourth", models) as place:
            fourth = build(place, bucket)
    same = first.dist == second.dist == fourth.dist
    rows = [
        first.row("first, into a folder"),
        second.row("second, from the folder"),
        changed.row(f"third, `{FLAG}` of {models[0]} changed"),
        fourth.row("fourth, from S3"),
    ]
    ran = changed.tasks(from_store=False)
    own = sorted(task for task in ran if models[0] in task.split(":"))
    others = sorted({task.partition(":")[0] for task in ran if task not in own})
    print("# Two machines and a store\n")
    print("`python benchmarks/store/two_machines.py FOLDER MODEL…` writes this page.\n")
    print(f"{count(len(models), 'model')}: {', '.join(models)}.\n")
    print("| zoo | time | steps run | conversions | from the store | the store |")
    print("|---|---|---|---|---|---|\n" + "\n".join(rows) + "\n")
    print(f"Filling S3 from the first zoo took {format_seconds(filled)}: {sentence.strip()}.\n")
    print(f"`dist/` of the first, second and fourth is {'' if same else 'not '}the same.\n")
    print(
        f"With the changed flag ran of {models[0]}: {quote(own)}; of the others: {quote(others)}."
    )


def quote(names: list[str]) -> str:
    """Return names as code: "`fetch`, `card`"."""
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:])
