"""What the proof takes: the steps `reference` and `verify` of two versions of this repository.

    python benchmarks/proof_time.py OTHER [MODEL…]

builds the models that both versions have in their models.yaml (by default all) with OTHER, the
folder of another version, and with this one: in turn, five models at a time, one step at a time, in
fresh folders, with the downloads at hand. Both run in the environment of this program.

Last result: see the end of this text.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
STEPS = ("reference", "verify")
_AT_A_TIME = 5

Taken = dict[str, list[float | None]]
"""Seconds of each step by model; None for a step that did not end."""


def main() -> None:
    """Build in turn, and print a table and its sums."""
    other = Path(sys.argv[1]).resolve()
    versions = [other, ROOT]
    manifests = [yaml.safe_load((version / "models.yaml").read_bytes()) for version in versions]
    names = [model["name"] for model in manifests[1]["models"]]
    shared = {model["name"] for model in manifests[0]["models"]}
    names = [name for name in sys.argv[2:] or names if name in shared]
    heads = ["model", *(f"{step}, {v}" for v in ("other", "this") for step in STEPS)]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads), flush=True)
    sums = [0.0] * 4
    for chosen in _part(names):
        old, new = (_build(v, m, chosen) for v, m in zip(versions, manifests, strict=True))
        for name in chosen:
            seconds = [*old[name], *new[name]]
            print(f"| {name} | " + " | ".join(map(_cell, seconds)) + " |", flush=True)
            if None not in seconds:
                sums = [total + (one or 0.0) for total, one in zip(sums, seconds, strict=True)]
    print("| sum | " + " | ".join(map(_cell, sums)) + " |")
    print(f"{sum(sums[:2]):.0f} s, now {sum(sums[2:]):.0f} s: {sum(sums[2:]) / sum(sums[:2]):.2f}")


def _part(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[at : at + _AT_A_TIME] for at in range(0, len(names), _AT_A_TIME))


def _cell(seconds: float | None) -> str:
    return "failed" if seconds is None else f"{seconds:.1f}"


def _build(version: Path, manifest: dict[str, Any], names: Sequence[str]) -> Taken:
    """Build models up to the proof in a fresh folder; return the seconds of its steps."""
    models = [model for model in manifest["models"] if model["name"] in names]
    with tempfile.TemporaryDirectory() as name:
        text = yaml.safe_dump({**manifest, "models": models})
        (Path(name) / "models.yaml").write_text(text, encoding="utf-8")
        tasks = [f"verify:{model}" for model in names]
        command = ["-m", "doit", "-f", str(version / "dodo.py"), "-d", name, "-n", "1", *tasks]
        subprocess.run(
            [sys.executable, *command],
            check=False,  # a model may fail
            cwd=name,  # the current folder comes before PYTHONPATH
            env={**os.environ, "PYTHONPATH": str(version)},
            stdout=subprocess.DEVNULL,
        )
        build = Path(name) / ".zoo" / "build"
        return {model: [_read(build / model / step) for step in STEPS] for model in names}


def _read(step: Path) -> float | None:
    """Return the seconds that a step took, also if its verdict is bad."""
    for folder in (step, step.with_name(f"{step.name}.failed")):
        if (folder / "run.json").exists():
            seconds: float = json.loads((folder / "run.json").read_bytes())["seconds"]
            return seconds
    return None


if __name__ == "__main__":
    main()
