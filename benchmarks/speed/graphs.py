"""Time of a run in TensorFlow.js with graphs as they came and as they are published.

    python benchmarks/speed/graphs.py BEFORE AFTER MODEL… >benchmarks/speed/graphs.md

BEFORE is a zoo of the same models that was built with `defaults: {optimize: false}`: its bases are
what the converter, or the author, wrote. Both graphs of a model run in one process, in turns: on
wasm in Node.js, one thread; on webgl in headless Chromium, where the processor computes it.
`graphs.md` has the last result.
"""

import json
import math
import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "small_variants"))

from times import PAGE, PROGRAM, Job, read_inputs, run_in_node, run_in_page, serving

from pipeline.disk.layout import cache_folder
from pipeline.records.signature import Signature
from pipeline.records.source import ConvertedSource
from pipeline.runtime.tfjs_packages import NEWEST

SIDES = ("before", "after")


def measure(builds: dict[str, Path], packages: Path) -> dict[str, list[float]]:
    """Return the least times before and after, in ms, by backend."""
    with tempfile.TemporaryDirectory() as text, serving(Path(text)) as url:
        folder = Path(text)
        (folder / "tfjs").symlink_to(packages)
        (folder / "times.js").symlink_to(PROGRAM)
        (folder / "page.html").write_text(PAGE)
        for side in SIDES:
            (folder / side).symlink_to((builds[side] / "convert").resolve())
        job: Job = {
            "inputs": read_inputs(builds["after"]),
            "requiresAsync": Signature.load(builds["after"] / "signature").requires_async,
            "folders": list(SIDES),
        }
        runs = {"wasm": run_in_node(packages, url, job), "webgl": run_in_page(url, job)}
    return {backend: [min(times) for times in run["times"]] for backend, run in runs.items()}


def count_nodes(build: Path) -> int:
    """Return the number of nodes but for constants."""
    content = json.loads((build / "convert" / "model.json").read_bytes())
    return sum(node["op"] != "Const" for node in content["modelTopology"]["node"])


def main() -> None:
    """Print the table."""
    before, after, *models = sys.argv[1:]
    packages = cache_folder(os.environ) / "tfjs" / NEWEST
    print("The least of the runs in turns, in ms.\n")
    print("| model | source | nodes | wasm | ratio | webgl | ratio |\n|" + "---|" * 7)
    ratios: dict[str, list[float]] = {"wasm": [], "webgl": []}
    for name in models:
        folders = [Path(zoo) / ".zoo/build" / name for zoo in (before, after)]
        builds = dict(zip(SIDES, folders, strict=True))
        cells = [
            name,
            ConvertedSource.load(builds["after"] / "convert").format,
            " → ".join(str(count_nodes(builds[side])) for side in SIDES),
        ]
        for backend, (old, new) in measure(builds, packages).items():
            ratios[backend].append(new / old)
            cells += [f"{old:.1f} → {new:.1f}", f"{new / old:.2f}"]
        print(f"| {' | '.join(cells)} |", flush=True)
    means = {
        backend: math.exp(statistics.mean(map(math.log, found)))
        for backend, found in ratios.items()
    }
    print(f"| geometric mean | | | | {means['wasm']:.2f} | | {means['webgl']:.2f} |")


if __name__ == "__main__":
    main()
