"""What a zoo of thousands of models costs: plan, no-op, one change, list, catalog, site, publish.

    python benchmarks/speed/scale.py [NUMBER_OF_MODELS…] >benchmarks/speed/scale.md

One small model is built by the real steps. The zoo repeats it under other names: there its steps
are replaced by stubs, which link the files of that one build and write the name into the card. All
the rest is real and in processes of its own: manifest, graph, doit, receipts, catalog, site, dist
and publish. `scale.md` has the last result.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

from zoos import Zoo

from pipeline.cli import main as run_command_line
from pipeline.disk.canonical import digest_json, format_json
from pipeline.engine.step import Work
from pipeline.steps.table import MODEL_STEPS

SIZES = (100, 1_000, 10_000)
REPEATS = 5
TEMPLATE = "model-00000"
CARD = "card.json"
MIB = 1024**2
HEAD = """\
zoo: {name: Benchmark, output: dist}
defaults: {variants: [float16, uint8, uint16]}
models:
"""
MODEL = """\
  - name: {name}
    title: Model {number}
    task: object-detection
    tags: [group-{group}]
    license: Apache-2.0
    source: npm:@example/models@1.0.0#models/{name}.json
"""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one process cost.

    Attributes:
        wall: Seconds from its start to its end.
        cpu: Seconds of computing, its children included.
        peak: Largest memory in bytes.
    """

    wall: float
    cpu: float
    peak: int


def measure(folder: Path, command: Sequence[str]) -> Cost:
    """Run a command in a folder and return its cost; a failure ends the benchmark."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "CHROME": "none"}
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environ, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            sys.exit(f"{command}: exit code {process.returncode}\n{output.read()[-4000:].decode()}")
    return Cost(wall=wall, cpu=usage.ru_utime + usage.ru_stime, peak=usage.ru_maxrss * 1024)


def real(*arguments: str) -> list[str]:
    """Return a command line of tfjs-zoo as it is."""
    return [sys.executable, "-m", "pipeline.cli", *arguments]


def stubbed(template: Path, *arguments: str) -> list[str]:
    """Return a command line of tfjs-zoo whose steps of models are stubs."""
    return [sys.executable, __file__, "--stubbed", str(template), *arguments]


def run_stubbed(template: Path, arguments: Sequence[str]) -> int:
    """Run a command line of tfjs-zoo with stubs in place of the steps of models."""
    for each in MODEL_STEPS:
        object.__setattr__(each.step, "run", stub(template))
    sys.argv = ["tfjs-zoo", *arguments]
    return run_command_line()


def stub(template: Path) -> Callable[[Work[Any]], None]:
    """Return a step that links the results of the template's step.

    Its parameters and inputs change a file, so that the steps after it run as they would.
    """

    def run(work: Work[Any]) -> None:
        variant = work.task.split(":")[2:]
        made = template.joinpath(work.step.name, *variant)
        work.uses(*sorted(work.step.tools))
        for path in sorted(made.rglob("*")):
            relative = path.relative_to(made)
            if path.is_dir():
                (work.folder / relative).mkdir()
            elif path.name not in {"receipt.json", "run.json", "log.txt", CARD}:
                os.link(path, work.folder / relative)
        read = {key: outcome.outputs for key, outcome in work.outcomes.items()}
        digest = digest_json([work.parameters.to_json(), read])
        if work.step.name == "card":
            card = json.loads((made / CARD).read_text().replace(TEMPLATE, str(work.model)))
            card = {**card, "title": work.model, "description": digest}
            (work.folder / CARD).write_bytes(format_json(card))
        else:
            (work.folder / "ingredients.txt").write_text(digest)

    return run


def build_template(folder: Path) -> Path:
    """Build the one model by the real steps, and return the folder of its results."""
    zoo = Zoo(folder)
    zoo.add(TEMPLATE, variants=["float16", "uint8", "uint16"])
    done = zoo.build()
    if done.code != 0:
        sys.exit(f"the template failed: {done.stdout}{done.stderr}")
    return folder / ".zoo/build" / TEMPLATE


def write_manifest(folder: Path, count: int, *, changed: str = "") -> None:
    """Write the manifest of a zoo; `changed` are further fields of its middle model."""
    lines = [HEAD]
    for number in range(count):
        lines.append(MODEL.format(name=f"model-{number:05}", number=number, group=number % 50))
        if number == count // 2:
            lines.append(changed)
    (folder / "models.yaml").write_text("".join(lines))


def measure_zoo(folder: Path, template: Path, count: int) -> Iterator[tuple[str, list[Cost]]]:
    """Yield the costs of each command on a zoo of so many models.

    Args:
        folder: Folder of the zoo; one that has been built is not built again.
        template: Folder of the results of the real model.
        count: Number of models.
    """

    def repeat(*arguments: str) -> list[Cost]:
        return [measure(folder, real(*arguments)) for _ in range(REPEATS)]

    write_manifest(folder, count)
    if not (folder / ".zoo").exists():
        yield "first build, steps of models by stubs", [measure(folder, stubbed(template, "run"))]
    measure(folder, stubbed(template, "run"))
    yield "`doit`, nothing to do", repeat("run")
    yield "`doit plan`", repeat("plan")
    yield "`doit list`", repeat("list")
    yield "`doit list --all`", repeat("list", "--all")
    yield "`doit`, a flag of one model changed", list(_change_flags(folder, template, count))
    for step in ("catalog", "site"):
        measure(folder, real("forget", step))
        yield f"`doit {step}`, all anew", [measure(folder, real("run", step))]
    shutil.rmtree(folder / "dist")
    yield "`doit dist`, all anew", [measure(folder, real("run", "dist"))]
    public = str(folder.with_name("public"))
    yield "`doit publish` to a folder, all new", [measure(folder, real("publish", public))]
    yield "`doit publish`, nothing new", repeat("publish", public)
    write_manifest(folder, count, changed="    description: Other words.\n")
    measure(folder, stubbed(template, "run"))
    yield "`doit publish`, one model new", [measure(folder, real("publish", public))]
    shutil.rmtree(public)


def _change_flags(folder: Path, template: Path, count: int) -> Iterator[Cost]:
    for number in range(REPEATS):
        flag = f"    quantize_float16: ['*kernel{number}', '*']\n"
        write_manifest(folder, count, changed=flag)
        yield measure(folder, stubbed(template, "run"))


def report(sizes: Sequence[int]) -> None:
    """Print the table."""
    rows: dict[str, dict[int, list[Cost]]] = {}
    with tempfile.TemporaryDirectory(dir=os.environ.get("SCALE_FOLDER")) as text:
        folder = Path(text)
        template = build_template(folder / "template")
        for count in sizes:
            (folder / "zoo").mkdir()
            for name, costs in measure_zoo(folder / "zoo", template, count):
                rows.setdefault(name, {})[count] = costs
                print(f"{count:6} {name}: {describe(costs)}", file=sys.stderr, flush=True)
            shutil.rmtree(folder / "zoo")
    print(format_report(rows, sizes))


def describe(costs: Sequence[Cost]) -> str:
    """Return the medians of costs: "0.52 s CPU, 0.60 s, 80 MiB"."""
    cpu = statistics.median(cost.cpu for cost in costs)
    wall = statistics.median(cost.wall for cost in costs)
    return f"{cpu:.2f} s CPU, {wall:.2f} s, {max(cost.peak for cost in costs) / MIB:.0f} MiB"


def format_report(rows: Mapping[str, Mapping[int, Sequence[Cost]]], sizes: Sequence[int]) -> str:
    """Return the table in Markdown: CPU seconds, seconds from start to end, peak memory."""
    lines = [
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"doit {version('doit')}.",
        "",
        f"| models | {' | '.join(f'{size:,}' for size in sizes)} |",
        "|---" * (len(sizes) + 1) + "|",
    ]
    for name, costs in rows.items():
        cells = [describe(costs[size]) if size in costs else "" for size in sizes]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--stubbed"]:
        sys.exit(run_stubbed(Path(sys.argv[2]), sys.argv[3:]))
    report([int(size) for size in sys.argv[1:]] or SIZES)
