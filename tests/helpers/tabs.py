"""All tabs of code of all models of a zoo, run: on one page of a browser, and in one Node.js.

The code is what a reader copies. The page lies on another origin than the zoo; it has a picture,
and loads TensorFlow.js once for all tabs that are modules. HTML pages run in frames.
"""

import json
import re
import subprocess
import wave
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from browser import run_module
from loader_zoo import NODE
from paths import ROOT
from selenium.webdriver.chrome.webdriver import WebDriver
from tfjs_runtime import packages

from pipeline.publish.serve.zoo_server import serving

Json = dict[str, Any]

NODE_TAB = "Node.js"
_NODE_SECONDS = 400
_SEEING = frozenset({"HTML page", "npm", "Worker"})
_SEEN = re.compile(r"\b(?:person|face|hand)\b")
# Media, method, and an example: the astronaut where the page offers it.
_READ = """
const section = document.querySelector('#try');
const examples = [...document.querySelectorAll('#try [data-src]')].map(({dataset}) => dataset.src);
const example = examples.find((one) => one.includes('astronaut')) ?? examples[0] ?? null;
return {
  tabs: Object.fromEntries([...document.querySelectorAll('[data-tab]')]
    .map((tab) => [tab.dataset.tab, tab.querySelector('code').textContent])),
  method: section?.dataset.method ?? null,
  media: section?.dataset.media ?? null,
  example: example && new URL(example, location.href).href,
};
"""
_HOST = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Tabs</title>
<script src="{tfjs}tf.min.js" crossorigin></script>
<script src="{tfjs}tf-backend-wasm.min.js" crossorigin></script>
<script type="importmap">{{"imports": {{"@tensorflow/tfjs": "/tfjs.js"}}}}</script>
<img crossorigin>
"""
_START = """
tf.wasm.setWasmPaths(args[0]);
await tf.setBackend('wasm');
await tf.ready();
return Object.keys(tf).filter((name) => name !== 'default' && /^[A-Za-z_$][\\w$]*$/.test(name));
"""
_RUN = """
const [name, {tabs, method, media, example, rate, backend}] = args;
const image = document.querySelector('img');
if (media === 'image') {
  image.src = example;
  await image.decode();
}
const limit = (promise, what) => Promise.race([promise, new Promise((_, reject) => {
  setTimeout(() => reject(new Error(`${what} takes more than 100 s`)), 100_000);
})]);
const decode = async (context) =>
  context.decodeAudioData(await (await fetch(example)).arrayBuffer());

async function give(toWorker) {
  if (media === 'text') return ['x = 1'];
  if (media === 'image') return toWorker ? createImageBitmap(image) : image;
  const sound = await decode(toWorker ? new OfflineAudioContext(1, 1, rate) : new AudioContext());
  return toWorker ? sound.getChannelData(0).slice(0, rate) : sound;
}

async function runPage() {
  const frame = document.createElement('iframe');
  frame.width = 800;
  frame.src = `/${name}.html`;
  let fault = null;
  frame.onload = () => {
    frame.contentWindow.onerror = (message) => { fault = message; };
    frame.contentWindow.onunhandledrejection = ({reason}) => { fault = reason.message; };
  };
  document.body.append(frame);
  try {
    for (;;) {
      await new Promise((resolve) => { setTimeout(resolve, 50); });
      if (fault) throw new Error(fault);
      const inner = frame.contentDocument;
      const text = inner?.querySelector('pre')?.textContent;
      const width = inner?.querySelector('canvas')?.width ?? 300;
      if (text) return text;
      if (width !== 300 && width !== 0) return `drawn, ${width} wide`;
    }
  } finally {
    frame.remove();
  }
}

async function runWorker() {
  const worker = new Worker(`/${name}.worker.js`, {type: 'module'});
  try {
    const answer = new Promise((resolve, reject) => {
      worker.onmessage = ({data}) => resolve(data);
      worker.onerror = ({message}) => reject(new Error(message));
    });
    worker.postMessage(await give(true));
    return await answer;
  } finally {
    worker.terminate();
  }
}

const ways = {
  'HTML page': runPage,
  npm: async () => (await import(`/${name}.npm.js`))[method](await give(false)),
  Worker: runWorker,
  'With the loader': () => import(`/${name}.loader.js`),
  'TensorFlow.js alone': () => import(`/${name}.plain.js`),
};
const shorten = (key, value) => (ArrayBuffer.isView(value) ? [...value.slice(0, 8)] : value);
const found = {};
for (const [tab, run] of Object.entries(ways).filter(([one]) => one in tabs)) {
  const start = performance.now();
  await tf.setBackend(tab === 'TensorFlow.js alone' ? backend : 'wasm');
  try {
    const value = await limit(run(), tab);
    found[tab] = {says: (JSON.stringify(value, shorten) ?? 'done').slice(0, 2000)};
  } catch (error) {
    found[tab] = {fault: `${error.name}: ${error.message}`};
  }
  found[tab].ms = Math.round(performance.now() - start);
  const flag = 'KEEP_INTERMEDIATE_TENSORS';
  if (flag in tf.env().flagRegistry) tf.env().set(flag, false);
}
return found;
"""
_FILES = {
    "HTML page": "html",
    "npm": "npm.js",
    "Worker": "worker.js",
    "With the loader": "loader.js",
    "TensorFlow.js alone": "plain.js",
    NODE_TAB: "node.mjs",
}
_RUN_IN_NODE = """
const found = {};
const log = console.log;
for (const name of process.argv.slice(2)) {
  const said = [];
  console.log = (...values) => said.push(JSON.stringify(values));
  const start = performance.now();
  try {
    await import(`./${name}.node.mjs`);
    found[name] = {says: said.join(' ').slice(0, 2000)};
  } catch (error) {
    found[name] = {fault: `${error.name}: ${error.message}`};
  }
  found[name].ms = Math.round(performance.now() - start);
}
console.log = log;
console.log(`\\n${JSON.stringify(found)}`);
process.exit(0);
"""


def run_tabs(
    driver: WebDriver, dist: Path, folder: Path, *, names: frozenset[str] | None = None
) -> dict[str, dict[str, Json]]:
    """Return for each model and tab what it said, or its fault, and its milliseconds.

    Args:
        driver: The browser.
        dist: The zoo, with its pages.
        folder: An empty folder, for the code.
        names: Names of models; None for all.
    """
    catalog = json.loads((dist / "models.json").read_bytes())
    release = f"tfjs/{catalog['toolchain']['tfjs']}/"
    models = {one["name"]: one for one in catalog["models"] if one["modelPath"]}
    chosen = [name for name in models if names is None or name in names]
    with serving(dist) as zoo, serving(folder) as elsewhere:
        pages = {name: _read_page(driver, zoo.url, models[name]) for name in chosen}
        for name, page in pages.items():
            for tab, code in page["tabs"].items():
                (folder / f"{name}.{_FILES[tab]}").write_text(code)
        (folder / "index.html").write_text(_HOST.format(tfjs=zoo.url + release))
        (folder / "tfjs.js").write_text("")
        _write_sound(folder / "sound.wav")
        driver.get(elsewhere.url)
        exported = run_module(driver, _START, zoo.url + release)
        (folder / "tfjs.js").write_text(
            f"export const {{{', '.join(exported)}}} = globalThis.tf;\n"
        )
        found = {name: run_module(driver, _RUN, name, page) for name, page in pages.items()}
        in_node = [name for name, page in pages.items() if NODE_TAB in page["tabs"]]
        _install(folder, dist, exported)
        for name, said in _run_in_node(in_node, folder).items():
            found[name][NODE_TAB] = said
    return found


def _write_sound(path: Path) -> None:
    """Write the sound of code that has no example on its page: short enough for every model."""
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", "not compressed"))
        sound.writeframes(bytes(2 * 480))


def _read_page(driver: WebDriver, url: str, entry: Mapping[str, Any]) -> Json:
    driver.get(f"{url}models/{entry['name']}/index.html")
    page: Json = driver.execute_script(_READ)
    rates = [one.get("sampleRate") for one in entry["inputs"]]
    checks = next(one for one in entry["variants"] if one["status"] == "ok")["checks"]
    right = checks["wasm"]["status"] == "ok"
    return {
        **page,
        "rate": next(filter(None, rates), None),
        "backend": "wasm" if right else "cpu",
    }


def _install(folder: Path, dist: Path, exported: list[str]) -> None:
    """Put the loader and TensorFlow.js where Node.js finds them, with the names that npm's has.

    It has the backend wasm too, because large models take a minute on cpu.
    """
    package = folder / "node_modules/@tensorflow/tfjs"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"type": "module", "main": "index.js"}')
    program = json.dumps(str(ROOT / "pipeline/runtime/backends.js"))
    (package / "index.js").write_text(
        "import {createRequire} from 'node:module';\n"
        "const {FormData, Headers, Request, Response, fetch} = globalThis;\n"
        f"const {{loadPackages}} = createRequire(import.meta.url)({program});\n"
        f"const tf = loadPackages({json.dumps(str(packages().folder))});\n"
        "Object.assign(globalThis, {FormData, Headers, Request, Response, fetch});\n"
        f"export const {{{', '.join(exported)}}} = tf;\n"
    )
    for script in dist.glob("zoo*.js"):
        (folder / script.name).write_bytes(script.read_bytes())
    (folder / "all.mjs").write_text(_RUN_IN_NODE)


def _run_in_node(names: list[str], folder: Path) -> Json:
    """Run the code of Node.js of several models, one after another in one process."""
    done = subprocess.run(
        [str(NODE), "all.mjs", *names],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_NODE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    answer: Json = json.loads(done.stdout.splitlines()[-1])
    return answer


def faults_of(catalog: Mapping[str, Any], found: Mapping[str, Mapping[str, Json]]) -> Iterator[str]:
    """Yield a line for each tab that failed, and where a detector missed the astronaut.

    She is a person, and has a face; the page of a detector of hands begins with a hand.
    """
    entries = {one["name"]: one for one in catalog["models"]}
    for name, tabs in found.items():
        detects = (entries[name].get("results") or {}).get("method") == "detect"
        for tab, said in tabs.items():
            if "fault" in said:
                yield f"{name}, {tab}: {said['fault']}"
            elif detects and tab in _SEEING and not _SEEN.search(said["says"]):
                yield f"{name}, {tab}: found no person: {said['says']}"
