"""The pages in a real browser: the list, a model, the self-test, and what a reader may lack."""

import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from browser import chromium, console_errors, run_module
from packages import fetch_package
from paths import ROOT
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import Select, WebDriverWait
from site_zoo import SiteZoo, add_pages, variant
from tabs import faults_of, run_tabs
from zoos import Zoo

from pipeline.disk.layout import cache_folder
from pipeline.publish.serve.zoo_server import SiteServer, serving
from pipeline.site.card_page import render_card

pytestmark = pytest.mark.network

EVIL = "<img src=x onerror='document.title=1'><script>document.title=2</script>"
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
DESK = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
REAL = ("antispoof", "emotion", "iris")
TRIED = {
    "emotion": ["happy"],
    "nanodet": ["person"],
    "selfie": ["% of the picture"],
}
SELFTEST_SECONDS = 240


@pytest.fixture(scope="module")
def driver() -> Iterator[WebDriver]:
    """Start a browser."""
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> SiteZoo:
    """Return a zoo of small models, one of them hostile and one without a file."""
    zoo = SiteZoo(tmp_path_factory.mktemp("site") / "sub" / "dist")
    zoo.add_dense("hand", title="Hände", task="hand-detection", tags=["hand"], license="MIT")
    zoo.add_dense("text", seed=1, title="Text", task="text-classification", tags=["words", "a b"])
    zoo.add_dense("evil", seed=2, title=EVIL, description=EVIL, license=EVIL)
    zoo.entries["hand"]["provisional"] = "nobody states the range of x"
    zoo.entries["hand"]["inputs"][0] |= {"color": "rgb", "evidence": {"color": "models.yaml"}}
    for checked in zoo.entries["hand"]["variants"]:
        checked["agreement"] = checked["checks"]["wasm"]["agreement"] = "close"
        checked["checks"]["webgl"] = {**checked["checks"]["cpu"], "status": "untried"}
    lost = variant("uint8", None, reason="30 % of the range; expected at most 1 %")
    zoo.entries["hand"]["variants"].append(lost)
    (base,) = zoo.entries["text"]["variants"]
    twin = {**base, "name": "twin", "modelPath": "models/text/twin/model.json"}
    zoo.entries["text"]["variants"].append(twin)
    measured = {"loadMs": 12.3, "firstMs": 4.5, "steadyMs": 1234.5, "peakBytes": 2**20}
    timings = {"verify:hand": {"tensorflow.js": {"wasm": {"base": measured}}}}
    (zoo.folder / "timings.json").write_text(json.dumps(timings))
    card = zoo.folder / "models/hand/card-1/model-card.html"
    card.parent.mkdir(parents=True)
    card.write_text(render_card("Hände", "# Whose hands\n\nOf *many*."))
    zoo.entries["hand"]["background"] = {
        "authors": ["A. Author"],
        "paper": "https://example.org/paper",
        "citation": "@article{hand}",
        "limits": EVIL,
        "page": "models/hand/card-1/model-card.html",
    }
    time = {"device": "Phone", "tfjs": None, "variant": "float32", "backend": "wasm"}
    zoo.entries["hand"]["devices"] = [{**time, "loadMs": 1204, "firstMs": 20, "runMs": 3.25}]
    return zoo.write()


@pytest.fixture(scope="module")
def server(zoo: SiteZoo) -> Iterator[SiteServer]:
    """Serve the zoo from below the root of a site."""
    with serving(zoo.folder.parent.parent) as server:
        server.url += "sub/dist/"
        yield server


@pytest.fixture
def page(driver: WebDriver, server: SiteServer) -> Iterator[str]:
    """Return the address of the zoo, with the browser as a visitor first has it."""
    emulate(driver)
    console_errors(driver)
    yield server.url
    assert console_errors(driver) == []


def emulate(driver: WebDriver, *, screen: dict[str, Any] = DESK, scheme: str = "light") -> None:
    """Set the screen, and whether the visitor likes it dark."""
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def shown(driver: WebDriver) -> list[str]:
    """Return the models that the list shows, in its order, once the page has read its address."""
    ready = "return document.readyState === 'complete' && !document.querySelector('html.narrowed')"
    WebDriverWait(driver, 10).until(lambda one: one.execute_script(ready))
    names = driver.execute_script(
        "return [...document.querySelectorAll('#rows .row:not([hidden]) h2 a')]"
        ".map((link) => link.getAttribute('href').split('/')[1])"
    )
    return list(names)


def find(driver: WebDriver, selector: str) -> Any:
    """Return the first element of a selector."""
    return driver.find_element(By.CSS_SELECTOR, selector)


def await_selftest(driver: WebDriver) -> dict[str, str]:
    """Wait for a self-test; return its verdict and the result of each backend."""
    WebDriverWait(driver, SELFTEST_SECONDS).until(
        lambda one: one.execute_script("return document.documentElement.dataset.selftest")
    )
    rows: dict[str, str] = driver.execute_script(
        "return Object.fromEntries([...document.querySelectorAll('#results tbody')]"
        ".map((row) => [row.dataset.backend, row.querySelector('.result').textContent]))"
    )
    return {
        **rows,
        "verdict": driver.execute_script("return document.documentElement.dataset.selftest"),
        "says": find(driver, "#verdict").text,
    }


def test_the_list_is_searched_by_words_of_any_accent(driver: WebDriver, page: str) -> None:
    driver.get(page)
    assert shown(driver) == ["evil", "hand", "text"]

    find(driver, "[name=q]").send_keys("hande scores")

    assert shown(driver) == ["hand"]
    assert find(driver, "#found").text == "1 of 3 models"
    assert driver.current_url == f"{page}?q=hande+scores"


def test_other_words_for_a_task_find_it_and_parts_of_words_do_not(
    driver: WebDriver, page: str
) -> None:
    driver.get(page)
    search = driver.find_element(By.NAME, "q")

    for words, found in (("sentiment", ["text"]), ("fingers", []), ("ntiment", [])):
        search.clear()
        search.send_keys(words)

        assert shown(driver) == found


def test_filters_narrow_together_and_stay_in_the_address(driver: WebDriver, page: str) -> None:
    driver.get(page)
    Select(find(driver, "[name=tag]")).select_by_value("a b")
    Select(find(driver, "[name=backend]")).select_by_value("wasm")
    assert shown(driver) == ["text"]

    driver.get(driver.current_url)
    assert shown(driver) == ["text"]
    assert Select(find(driver, "[name=tag]")).first_selected_option.get_attribute("value") == "a b"

    Select(find(driver, "[name=license]")).select_by_value("MIT")
    assert shown(driver) == []
    assert find(driver, "#nothing").is_displayed()

    find(driver, "#nothing button").click()
    assert shown(driver) == ["evil", "hand", "text"]
    assert driver.current_url == page


def test_a_value_that_is_gone_narrows_nothing(driver: WebDriver, page: str) -> None:
    driver.get(f"{page}?task=none&order=size&q=text")

    assert shown(driver) == ["text"]


def test_the_keyboard_reaches_all(driver: WebDriver, page: str) -> None:
    driver.get(page)
    find(driver, "body").send_keys("/")
    active = driver.switch_to.active_element
    assert active.get_attribute("name") == "q"
    active.send_keys("hand", Keys.TAB)
    for _ in range(20):
        active = driver.switch_to.active_element
        if active.tag_name == "a":
            break
        active.send_keys(Keys.TAB)
    active.send_keys(Keys.ENTER)

    WebDriverWait(driver, 20).until(lambda one: "/models/hand/" in one.current_url)
    assert find(driver, "h1").text == "Hände"


def test_a_model_page_speaks_of_this_zoo(driver: WebDriver, page: str) -> None:
    driver.get(f"{page}models/hand/index.html")
    text = find(driver, "main").text
    made = codes(driver)
    loader, plain = made["With the loader"], made["TensorFlow.js alone"]

    assert f'import {{open}} from "{page}zoo.js";' in loader
    assert f'await open("{page}", {{tf}})' in loader
    assert 'zoo.load("hand", {variant: "float32"})' in loader
    assert f'"{page}models/hand/float32/model.json"' in plain
    assert "uint8" in text
    assert "30 % of the range; expected at most 1 %" in text


def test_the_snippets_follow_the_chosen_variant(driver: WebDriver, page: str) -> None:
    driver.get(f"{page}models/text/index.html")
    Select(find(driver, "#pick")).select_by_value("twin")
    made = codes(driver)
    loader, plain = made["With the loader"], made["TensorFlow.js alone"]

    assert '{variant: "twin"}' in loader
    assert f'"{page}models/text/twin/model.json"' in plain


def codes(driver: WebDriver) -> dict[str, str]:
    """Return the code of each tab of a page."""
    found: dict[str, str] = driver.execute_script(
        "return Object.fromEntries([...document.querySelectorAll('[data-tab]')]"
        ".map((tab) => [tab.dataset.tab, tab.querySelector('code').textContent]))"
    )
    return found


def test_tabs_are_chosen_by_keyboard(driver: WebDriver, page: str) -> None:
    driver.get(f"{page}models/text/index.html")
    # The page's script makes them; chromedriver may return before, where the address stays.
    find_tabs = expected_conditions.presence_of_all_elements_located
    first, second = WebDriverWait(driver, 10).until(
        find_tabs((By.CSS_SELECTOR, "#tabs [role=tab]"))
    )
    first.send_keys(Keys.ARROW_RIGHT)
    panels = driver.find_elements(By.CSS_SELECTOR, "#tabs [role=tabpanel]")

    assert [panel.is_displayed() for panel in panels] == [False, True]
    assert (first.get_attribute("tabindex"), second.get_attribute("aria-selected")) == (
        "-1",
        "true",
    )


def test_a_model_that_cannot_be_tried_says_what_is_missing(driver: WebDriver, page: str) -> None:
    driver.get(f"{page}models/text/index.html")

    assert "Not here yet: An earlier version has built it" in find(driver, "#try").text


def test_times_of_the_build_are_read_when_the_page_is(driver: WebDriver, page: str) -> None:
    driver.get(f"{page}models/hand/index.html")
    WebDriverWait(driver, 20).until(lambda one: "12 ms" in find(one, ".variants").text)

    assert "1,235 ms" in find(driver, ".variants").text


def test_the_model_card_opens_on_the_page(driver: WebDriver, page: str) -> None:
    driver.get(f"{page}models/hand/index.html")
    driver.find_element(By.CSS_SELECTOR, "#model-card summary").click()
    WebDriverWait(driver, 10).until(
        lambda driver: driver.find_elements(By.CSS_SELECTOR, "#model-card h3")
    )

    assert "Whose hands\nOf many." in find(driver, "#model-card .card").text
    assert EVIL in find(driver, "#card dl").text
    assert "Phone" in find(driver, "#devices").text
    assert "1,204 ms" in find(driver, "#devices").text


def test_a_variant_comes_as_a_zip(driver: WebDriver, page: str, zoo: SiteZoo) -> None:
    driver.get(f"{page}models/hand/index.html")
    content = run_module(
        driver,
        """
        const made = new Promise((resolve) => {
          URL.createObjectURL = (blob) => { resolve(blob); return 'about:blank#'; };
        });
        HTMLAnchorElement.prototype.click = () => {};
        document.querySelector('button.zip').dispatchEvent(new Event('click'));
        return [...new Uint8Array(await (await made).arrayBuffer())];
        """,
    )
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        found = {name: archive.read(name) for name in names}

    (base, *_) = zoo.entries["hand"]["variants"]
    for file in base["files"]:
        name = f"hand-{base['name']}/{file['path'].split('/', 3)[3]}"
        assert found[name] == (zoo.folder / file["path"]).read_bytes()
    assert json.loads(found[f"hand-{base['name']}/about.json"])["name"] == "hand"


def test_code_is_copied_as_it_stands(driver: WebDriver, page: str) -> None:
    grant = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    driver.execute_cdp_cmd("Browser.grantPermissions", grant)
    driver.get(f"{page}models/hand/index.html")
    find(driver, "#use [data-copy]").click()
    WebDriverWait(driver, 20).until(lambda one: find(one, "#use [data-copy]").text == "Copied")
    copied = run_module(driver, "return navigator.clipboard.readText()")

    assert copied == find(driver, "#use pre code").get_attribute("textContent")


def test_hostile_texts_do_nothing(driver: WebDriver, page: str) -> None:
    for path in ("index.html", "models/evil/index.html"):
        driver.get(page + path)

        assert EVIL in find(driver, "main").text
        assert driver.title not in {"1", "2"}
        assert driver.execute_script("return document.images.length") == 0


@pytest.mark.parametrize("name", ["hand", "text", "evil"])
def test_the_self_test_passes(driver: WebDriver, page: str, name: str) -> None:
    driver.get(f"{page}models/{name}/index.html?selftest")
    found = await_selftest(driver)

    assert found["verdict"] == "pass", found
    assert [found[backend] for backend in ("cpu", "wasm", "webgl")] == ["pass"] * 3
    assert found["says"].startswith("Pass: float32 gives here what its source gives")
    assert driver.execute_script("return crossOriginIsolated")


def test_the_button_starts_the_self_test(driver: WebDriver, page: str) -> None:
    driver.get(f"{page}models/hand/index.html")
    assert driver.execute_script("return document.documentElement.dataset.selftest") is None
    find(driver, "#selftest button").click()

    assert await_selftest(driver)["verdict"] == "pass"


def test_a_corrupted_shard_fails_the_self_test(driver: WebDriver, page: str, zoo: SiteZoo) -> None:
    shard = zoo.shard("text")
    good = shard.read_bytes()
    shard.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    try:
        driver.execute_cdp_cmd(
            "Storage.clearDataForOrigin", {"origin": page, "storageTypes": "all"}
        )
        driver.get(f"{page}models/text/index.html?selftest")
        found = await_selftest(driver)
    finally:
        shard.write_bytes(good)

    assert found["verdict"] == "fail"
    assert "SHA-256" in found["says"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing(
    driver: WebDriver,
    page: str,
    scheme: str,
    screen: dict[str, Any],
    axe: str,
) -> None:
    emulate(driver, screen=screen, scheme=scheme)
    for path in ("index.html", "models/hand/index.html", "404.html"):
        driver.get(page + path)
        driver.execute_script(
            "for (const one of document.querySelectorAll('details')) one.open = 1"
        )
        # Not in the page's name, so its policy does not hold.
        driver.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})
        found = run_module(driver, "return (await axe.run()).violations.map(({id}) => id)")

        assert found == [], path
        width = driver.execute_script("return document.documentElement.scrollWidth")
        assert width <= screen["width"]


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return axe-core."""
    source = "npm:axe-core@4.10.3#axe.min.js"
    return fetch_package(tmp_path_factory.mktemp("axe"), source).read_text("utf-8")


@pytest.mark.parametrize("path", ["index.html?q=text", "models/hand/index.html?selftest"])
def test_nothing_moves_while_a_page_loads(driver: WebDriver, page: str, path: str) -> None:
    driver.get(page + path)
    moved = run_module(
        driver,
        """
        const moved = [];
        const add = (list) => list.getEntries().forEach(({value, sources}) => {
          moved.push([value, ...sources.map(({node}) => node?.textContent)]);
        });
        new PerformanceObserver(add).observe({type: 'layout-shift', buffered: true});
        await new Promise((resolve) => { setTimeout(resolve, 500); });
        return moved;
        """,
    )

    # A search counts 0.1 as good; what is left are blanks beside a number.
    assert sum(value for value, *_ in moved) < 0.001, moved


def test_without_javascript_all_can_be_read(driver: WebDriver, page: str) -> None:
    off = "Emulation.setScriptExecutionDisabled"
    driver.execute_cdp_cmd(off, {"value": True})
    try:
        driver.get(f"{page}?q=text")
        listed = find(driver, "main").text
        filters = find(driver, "#filters").is_displayed()
        driver.get(f"{page}models/hand/index.html")
        sheet = find(driver, "main").text
    finally:
        driver.execute_cdp_cmd(off, {"value": False})

    assert "Hände" in listed
    assert not filters
    assert "zoo.load" in sheet
    assert "This needs JavaScript." in sheet
    assert "Run the self-test" not in sheet


def test_a_page_opened_from_a_file_works_but_for_the_self_test(
    driver: WebDriver, page: str, zoo: SiteZoo
) -> None:
    assert page
    driver.get(f"{(zoo.folder / 'index.html').as_uri()}?q=hande")
    assert shown(driver) == ["hand"]

    find(driver, ".row:not([hidden]) h2 a").click()
    find(driver, "#selftest button").click()
    found = await_selftest(driver)
    assert found["verdict"] == "fail"
    assert "serve the folder, for example with tfjs-zoo serve" in found["says"]


def test_a_page_that_is_not_there_leads_home_from_any_depth(
    driver: WebDriver, page: str, zoo: SiteZoo
) -> None:
    missing = zoo.folder / "models" / "gone"
    missing.mkdir()
    (missing / "index.html").write_bytes((zoo.folder / "404.html").read_bytes())
    driver.get(f"{page}models/gone/index.html")

    assert find(driver, "#home").get_attribute("href") == f"{page}index.html"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """Return a zoo of real models, built, with its pages."""
    zoo = Zoo(tmp_path_factory.mktemp("real") / "zoo")
    zoo.cache = cache_folder(os.environ)
    listed = yaml.safe_load((ROOT / "models.yaml").read_text("utf-8"))["models"]
    for name in sorted({*REAL, *TRIED}):
        (model,) = (one for one in listed if one["name"] == name)
        zoo.manifest["models"].append({**model, "variants": ["float16"]})
    done = zoo.build()
    assert done.code == 0, done.stdout + done.stderr
    if not (zoo.dist / "index.html").exists():
        add_pages(zoo.dist, zoo.catalog())
    return zoo


@pytest.mark.parametrize("name", REAL)
def test_real_models_pass_on_every_backend(driver: WebDriver, real: Zoo, name: str) -> None:
    with serving(real.dist) as server:
        driver.get(f"{server.url}models/{name}/index.html?selftest")
        found = await_selftest(driver)

    assert found["verdict"] == "pass", found
    assert [found[backend] for backend in ("cpu", "wasm", "webgl")] == ["pass"] * 3


@pytest.mark.parametrize("name", TRIED)
def test_a_picture_is_tried_on_the_page(driver: WebDriver, real: Zoo, axe: str, name: str) -> None:
    emulate(driver)
    with serving(real.dist) as server:
        driver.get(f"{server.url}models/{name}/index.html?try")
        WebDriverWait(driver, SELFTEST_SECONDS).until(
            lambda one: one.execute_script("return document.documentElement.dataset.tried")
        )
        found = find(driver, "#try-results").text.splitlines()
        says = find(driver, "#try-status").text
        drawn = find(driver, "#try canvas").is_displayed()
        driver.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})
        faults = run_module(driver, "return (await axe.run()).violations.map(({id}) => id)")

    assert " ms on " in says
    assert found[0].endswith(TRIED[name][0]), found
    assert drawn
    assert faults == []


def test_every_tab_of_every_model_runs(driver: WebDriver, real: Zoo, tmp_path: Path) -> None:
    emulate(driver)
    found = run_tabs(driver, real.dist, tmp_path)

    assert found.keys() == {*REAL, *TRIED}
    assert all(len(tabs) == 5 for tabs in found.values())
    assert list(faults_of(real.catalog(), found)) == []
    assert "person 0." in found["nanodet"]["HTML page"]["says"]
    assert '"label":"person"' in found["nanodet"]["npm"]["says"]
    assert [one for one in console_errors(driver) if "favicon" not in one] == []


MAPPED = """<!doctype html><img crossorigin src="{picture}">
<script type="importmap">{{"imports": {{"@tensorflow/tfjs": "/tf.fesm.min.js"}}}}</script>
"""


def test_the_tabs_of_modules_and_workers_run(driver: WebDriver, real: Zoo, tmp_path: Path) -> None:
    fetched = fetch_package(tmp_path, "npm:@tensorflow/tfjs@4.22.0#dist/tf.fesm.min.js")
    (tmp_path / "tf.fesm.min.js").write_bytes(fetched.read_bytes())
    with serving(real.dist) as server, serving(tmp_path) as elsewhere:
        driver.get(f"{server.url}models/emotion/index.html")
        made = codes(driver)
        picture = driver.execute_script(
            "return document.querySelector('#try [data-src]').dataset.src"
        )
        place = f"{server.url}models/emotion/{picture}"
        (tmp_path / "index.html").write_text(MAPPED.format(picture=place))
        for name, tab in {"app": "npm", "worker": "Worker", "alone": "TensorFlow.js alone"}.items():
            (tmp_path / f"{name}.js").write_text(made[tab])
        driver.get(elsewhere.url)
        found, sent = run_module(
            driver,
            """
            const image = document.querySelector('img');
            await image.decode();
            await import('/alone.js');
            const {classify} = await import('/app.js');
            const worker = new Worker('/worker.js', {type: 'module'});
            const answer = new Promise((resolve, reject) => {
              worker.onmessage = ({data}) => resolve(data);
              worker.onerror = ({message}) => reject(new Error(message));
            });
            worker.postMessage(await createImageBitmap(image));
            return [await classify(image), await answer];
            """,
        )

    assert [one["label"] for one in found] == [one["label"] for one in sent]
    assert found[0]["score"] == pytest.approx(sent[0]["score"], abs=0.01)


def test_the_folder_of_a_page_is_not_needed_to_be_named(driver: WebDriver, page: str) -> None:
    driver.get(page.removesuffix("/") + "/?q=hande")

    assert shown(driver) == ["hand"]
    assert Path(driver.current_url.partition("?")[0]).name == "dist"
