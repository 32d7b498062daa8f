"""The proof beside the conversion: the processor's time of each step, in two versions of this.

    python benchmarks/proof_time.py [--at-a-time 5] OTHER MODEL…

builds models from nothing up to `verify` with OTHER, the folder of another version of this
repository, and with this one, in turn, one step at a time, with the downloads at hand. MODEL is a
name in models.yaml or the folder of a SavedModel. Both versions run in the environment of this
program.

The figure is the processor's time, because other work on the machine changes it little: from the
start of a step to its end, of the run and of all processes that it has started. That of the server
which imports TensorFlow for all models, and forks a process for each job, is left out of a step.
The last line compares the runs as a whole, with the server, the start of doit and the other steps.

Last result: `speed/suite.md`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

ROOT = Path(__file__).resolve().parents[1]
VARIANTS = ("float16", "uint8", "uint16")
_SERVER = "pipeline.workers.fork_server"
_DONE = ("ok", "failed", "skipped")


@dataclass(kw_only=True)
class Built:
    """What one build took.

    Attributes:
        steps: Seconds of the processor by model and step.
        seconds: Those of the run as a whole.
    """

    steps: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds: float = 0.0

    def proof(self, model: str) -> float:
        """Return the time of a proof."""
        return self.steps[model]["reference"] + self.steps[model]["verify"]


def main() -> None:
    """Build in turn, and print a table and its sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-a-time", type=int, default=5, help="models of one run")
    parser.add_argument("other", type=Path)
    parser.add_argument("models", nargs="+")
    asked = parser.parse_args()
    manifest = yaml.safe_load((ROOT / "models.yaml").read_bytes())
    models = [_entry(manifest, name) for name in asked.models]
    print(
        "| model | convert: other, this | reference | verify | proof ÷ conversion "
        "| proof: this ÷ other |\n|---|---|---|---|---|---|"
    )
    totals = [Built(), Built()]
    for at in range(0, len(models), asked.at_a_time):
        chosen = models[at : at + asked.at_a_time]
        for total, version in zip(totals, (asked.other.resolve(), ROOT), strict=True):
            built = _build(version, {**manifest, "models": chosen})
            total.steps |= built.steps
            total.seconds += built.seconds
        for model in chosen:
            _print_row(model["name"], *totals)
    other, this = (total.seconds for total in totals)
    print(f"\nThe runs as a whole: {other:.1f} s and {this:.1f} s, {this / other:.2f}")


def _entry(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the entry of a model in a manifest."""
    path = Path(name)
    if path.is_dir():
        return {"name": path.name, "source": str(path.resolve()), "variants": [*VARIANTS]}
    return next(model for model in manifest["models"] if model["name"] == name)


def _print_row(name: str, *built: Built) -> None:
    steps = ("convert", "reference", "verify")
    pairs = [[one.steps[name][step] for one in built] for step in steps]
    pairs.append([one.proof(name) / one.steps[name]["convert"] for one in built])
    ratio = built[1].proof(name) / built[0].proof(name)
    cells = [f"{before:.2f}, {after:.2f}" for before, after in pairs]
    print(f"| {' | '.join([name, *cells, f'{ratio:.2f}'])} |", flush=True)


def _build(version: Path, manifest: dict[str, Any]) -> Built:
    """Build a zoo from nothing, and return what it took."""
    built, before = Built(), _ended_cpu()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "models.yaml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
        with _start(version, folder) as run:
            started: dict[str, float] = {}
            for event in _steps(run):
                _note(built, started, event, _tree_cpu(run.pid))
    built.seconds = _ended_cpu() - before
    return built


def _start(version: Path, folder: str) -> "subprocess.Popen[bytes]":
    command = ["-m", "doit", "-f", str(version / "dodo.py"), "-d", folder, "run", "-n", "1"]
    return subprocess.Popen(
        [sys.executable, *command, "--reporter", "jsonl", "verify:*"],
        cwd=folder,  # the current folder comes before PYTHONPATH
        env={**os.environ, "PYTHONPATH": str(version)},
        stdout=subprocess.PIPE,
    )


def _steps(run: "subprocess.Popen[bytes]") -> Iterator[dict[str, Any]]:
    """Yield the events of steps of models, each as soon as it is reported."""
    assert run.stdout is not None
    for line in run.stdout:
        event = json.loads(line)
        if event["event"] == "step" and event["model"]:
            yield event


def _note(built: Built, started: dict[str, float], event: dict[str, Any], cpu: float) -> None:
    """Note the start of a step, or what it has taken."""
    task, status = event["task"], event["status"]
    if status == "started":
        started[task] = cpu
    elif status in _DONE and task in started:
        steps = built.steps.setdefault(event["model"], {})
        step = task.partition(":")[0]
        steps[step] = steps.get(step, 0.0) + cpu - started.pop(task)


def _tree_cpu(pid: int) -> float:
    """Return the seconds of a process and of all that it started, without those of the server."""
    process = psutil.Process(pid)
    return sum(map(_cpu, [process, *process.children(recursive=True)]))


def _cpu(process: psutil.Process) -> float:
    """Return the seconds of a process and of those that it has waited for."""
    with suppress(psutil.NoSuchProcess):
        used = process.cpu_times()
        own = 0.0 if _is_server(process.cmdline()) else used.user + used.system
        return float(own + used.children_user + used.children_system)
    return 0.0


def _is_server(command: Sequence[str]) -> bool:
    """Return whether a process is the server: a job that it forks has its command line, too."""
    return _SERVER in command


def _ended_cpu() -> float:
    """Return the seconds of all processes that have ended."""
    used = os.times()
    return used.children_user + used.children_system


if __name__ == "__main__":
    main()
