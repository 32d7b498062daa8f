"""The self-test of all models of a built zoo in Chromium, on every backend: a table in Markdown.

    python benchmarks/backends/selftest.py DIST [MODEL...] [--variants] [--backend B] [--seconds N]

Each model's published vectors run in the page as they run for a visitor: `zoo.selftest()` on cpu,
wasm, webgl and webgpu, the last two computed by the processor. A cell is `pass` with the time of a
later run, or the first words of the reason. The last result stands in README.md.
"""

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tests" / "helpers"))

from browser import chromium, run_module
from selenium.webdriver.chrome.webdriver import WebDriver
from urllib3.exceptions import ReadTimeoutError

from pipeline.publish.serve.zoo_server import serving

BACKENDS = ("cpu", "wasm", "webgl", "webgpu")
# A canvas of WebGPU, over which TensorFlow.js reads at once, works in software with Vulkan alone.
_WEBGPU = (
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
    "--use-vulkan=swiftshader",
)
_LOAD = """
  const add = (path) => new Promise((resolve, reject) => {
    const script = document.createElement('script');
    [script.src, script.onload, script.onerror] = [path, resolve, reject];
    document.documentElement.append(script);
  });
  for (const path of args[0]) await add(path);
  tf.wasm.setWasmPaths(args[1]);
  const {open} = await import('./zoo.js');
  globalThis.zoo = await open('.', {tf});
"""
# The test is polled, because the driver's client ends a call of two minutes.
_START = """
  globalThis.done = null;
  zoo.selftest(args[0], {variant: args[1], backends: [args[2]]})
    .then((report) => { globalThis.done = {report}; },
      (error) => { globalThis.done = {error: error.message}; });
"""
_POLL_SECONDS = 1.0
_REASON = 90


def main() -> None:
    """Run the self-tests and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dist", type=Path)
    parser.add_argument("models", nargs="*")
    parser.add_argument("--variants", action="store_true", help="all variants, not the first alone")
    parser.add_argument(
        "--backend", action="append", choices=BACKENDS, help="this alone; repeatable"
    )
    parser.add_argument("--seconds", type=float, default=120.0, help="for a model on a backend")
    given = parser.parse_intermixed_args()
    catalog = json.loads((given.dist / "models.json").read_bytes())
    backends = given.backend or BACKENDS
    print("| model | variant | " + " | ".join(backends) + " |\n|" + "---|" * (len(backends) + 2))
    for entry in catalog["models"]:
        if given.models and entry["name"] not in given.models:
            continue
        offered = [each["name"] for each in entry["variants"] if each["status"] == "ok"]
        for variant in offered if given.variants else offered[:1]:
            cells = [_test(given.dist, entry["name"], variant, b, given.seconds) for b in backends]
            print(f"| {entry['name']} | {variant} | " + " | ".join(cells) + " |", flush=True)


def _test(dist: Path, name: str, variant: str, backend: str, seconds: float) -> str:
    """Test a variant on a backend, in a browser of its own: one that hangs stops no other."""
    try:
        with serving(dist) as server, chromium(*_WEBGPU) as driver:
            driver.get(f"{server.url}models.json")
            run_module(driver, _LOAD, _scripts(dist), f"/{_folder(dist)}/")
            run_module(driver, _START, name, variant, backend)
            done = _wait(driver, seconds)
    except Exception as error:  # noqa: BLE001  # a row of the table, whatever it is
        return (str(error) or type(error).__name__).splitlines()[0][:_REASON]
    if done is None:
        return f"too slow in software: over {seconds:,.0f} s"
    if "error" in done:
        return str(done["error"])[:_REASON]
    (result,) = done["report"]["results"]
    return _cell(result)


def _wait(driver: WebDriver, seconds: float) -> dict[str, Any] | None:
    """Return how the test ended, None if it still runs when the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # cpu keeps the page from answering while it computes.
        with contextlib.suppress(ReadTimeoutError):
            done: dict[str, Any] | None = driver.execute_script("return globalThis.done;")
            if done is not None:
                return done
        time.sleep(_POLL_SECONDS)
    return None


def _cell(result: dict[str, Any]) -> str:
    if result["status"] == "pass":
        later = result["runMs"] if result["runMs"] is not None else result["firstMs"]
        return f"pass {later:,.0f} ms"
    expected = " (as the catalog says)" if result["expected"] else ""
    return f"{result['status']}{expected}: {result['reason'][:_REASON]}"


def _folder(dist: Path) -> str:
    (release,) = (dist / "tfjs").iterdir()
    return f"tfjs/{release.name}"


def _scripts(dist: Path) -> list[str]:
    return [f"/{_folder(dist)}/{name}" for name in _NAMES if (dist / _folder(dist) / name).exists()]


_NAMES = ("tf.min.js", "tf-backend-wasm.min.js", "tf-backend-webgpu.min.js")

if __name__ == "__main__":
    main()
