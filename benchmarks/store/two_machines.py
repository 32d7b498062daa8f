"""Time and traffic of a zoo that another machine has built, with a store that both share.

    python benchmarks/store/two_machines.py FOLDER MODEL… >benchmarks/store/two_machines.md

FOLDER is a new folder for the zoos, MODEL names of models in models.yaml of this repository. The
first zoo fills an empty store in a folder, the second has only the store; in the third one flag of
the first model is changed. Then the results of the first zoo go into a bucket of moto's S3 server
on this machine, and the fourth zoo has only that. `two_machines.md` has the last result.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import yaml

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/helpers"))

from buckets import serve_s3
from s3_server import CREDENTIALS
from zoos import reproducible_files

from pipeline.text.quantity import count, format_seconds

ROOT = Path(__file__).parents[2]
FLAG = "weight_shard_size_bytes"


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of doit: its seconds, its steps that ended, and its sentence on the store."""

    seconds: float
    steps: list[dict[str, Any]]
    store: str

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


def make_zoo(folder: Path, models: list[str], *, change: bool = False) -> Path:
    """Write a manifest with some models of this repository's."""
    manifest = yaml.safe_load((ROOT / "models.yaml").read_bytes())
    entries = {entry["name"]: entry for entry in manifest["models"]}
    manifest["models"] = [entries[name] for name in models]
    if change:
        manifest["models"][0][FLAG] = 1024**2
    folder.mkdir(parents=True)
    (folder / "models.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
    return folder


def call(folder: Path, *arguments: str) -> tuple[float, str]:
    """Run doit in a zoo; return its seconds and its output."""
    command = [sys.executable, "-m", "doit", "-f", str(ROOT / "dodo.py"), "-d", str(folder)]
    started = time.monotonic()
    done = subprocess.run(
        [*command, *arguments],
        env={**os.environ, "CHROME": "none"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return time.monotonic() - started, done.stdout.decode()


def build(folder: Path, store: str) -> Run:
    """Build a zoo with a store."""
    seconds, output = call(folder, "run", "--reporter", "jsonl", "--store", store)
    events = [json.loads(line) for line in output.splitlines()]
    done = {"ok", "failed"}
    steps = [e for e in events if e["event"] == "step" and e["status"] in done]
    return Run(seconds=seconds, steps=steps, store=events[-1]["store"].replace(store, "…"))


def main(root: Path, models: list[str]) -> None:
    """Measure, and print a page."""
    zoos = [make_zoo(root / name, models) for name in ("first", "second", "fourth")]
    third = make_zoo(root / "third", models, change=True)
    folder = str(root / "store")
    first, second, changed = (build(zoo, folder) for zoo in (zoos[0], zoos[1], third))
    with serve_s3() as url:
        os.environ |= {**CREDENTIALS, "AWS_ENDPOINT_URL": url}
        fsspec.filesystem("s3").mkdir("zoo")
        filled, sentence = call(zoos[0], "store", "--fill", "--store", "s3://zoo/results")
        fourth = build(zoos[2], "s3://zoo/results")
    dists = [reproducible_files(zoo / "dist") for zoo in zoos]
    same = dists[0] == dists[1] == dists[2]
    rows = [
        first.row("first, into a folder"),
        second.row("second, from the folder"),
        changed.row(f"third, `{FLAG}` of {models[0]} changed"),
        fourth.row("fourth, from S3"),
    ]
    ran = ", ".join(f"`{task}`" for task in sorted(changed.tasks(from_store=False)))
    came = ", ".join(f"`{t}`" for t in sorted(changed.tasks(from_store=True)) if models[0] in t)
    print("# Two machines and a store\n")
    print("`python benchmarks/store/two_machines.py FOLDER MODEL…` writes this page.\n")
    print(f"{count(len(models), 'model')}: {', '.join(models)}.\n")
    print("| zoo | time | steps run | conversions | from the store | the store |")
    print("|---|---|---|---|---|---|\n" + "\n".join(rows) + "\n")
    print(f"Filling S3 from the first zoo took {format_seconds(filled)}: {sentence.strip()}.\n")
    print(f"`dist/` of the first, second and fourth is {'' if same else 'not '}the same.\n")
    print(f"With the changed flag ran: {ran}. Of that model came from the store: {came or 'none'}.")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:])
