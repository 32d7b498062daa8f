"""The loader in Node.js: files checked before use, models by name, and clear errors."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from loader_zoo import LoaderError, PublishedZoo, check, run_node
from loopback import Fault
from loopback import serve as serve_pages
from paths import ROOT

from pipeline.publish.serve.zoo_server import serving
from pipeline.site.loader import LOADER_FILE

pytestmark = pytest.mark.network

LOAD = "const model = await zoo.load('dense'); return model.name;"


@pytest.fixture
def zoo(tmp_path: Path) -> PublishedZoo:
    """Return a zoo of one dense layer, whose weights lie in three shards."""
    zoo = PublishedZoo(tmp_path / "dist")
    zoo.add_dense()
    return zoo.write()


def fail(zoo: PublishedZoo, body: str, *arguments: Any, url: str | None = None) -> LoaderError:
    """Return what the loader throws."""
    with pytest.raises(LoaderError) as caught:
        zoo.in_node(body, *arguments, url=url)
    return caught.value


def test_a_folder_and_a_server_are_opened_alike(zoo: PublishedZoo) -> None:
    with serving(zoo.folder) as server:
        loaded = [
            zoo.in_node("return [(await zoo.load('dense')).variant, zoo.url];", url=url)
            for url in (str(zoo.folder), server.url, f"{server.url}models.json?x=1")
        ]

    assert loaded[0] == ["float32", f"{zoo.folder.as_uri()}/"]
    assert loaded[1] == loaded[2] == ["float32", server.url]


def test_in_node_a_relative_path_is_below_the_current_folder(zoo: PublishedZoo) -> None:
    body = "process.chdir(args[0]); return (await open('dist', {tf})).url;"

    assert zoo.in_node(body, str(zoo.folder.parent)) == f"{zoo.folder.as_uri()}/"


def test_a_damaged_shard_is_not_used(zoo: PublishedZoo) -> None:
    shard = zoo.shard("dense")
    content = bytearray(shard.read_bytes())
    content[3] ^= 1
    shard.write_bytes(content)
    error = fail(zoo, LOAD)

    assert error.code == "digest"
    assert shard.name in error.message
    assert hashlib.sha256(content).hexdigest() in error.message


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param(b"short", "has 5 bytes", id="short"),
        pytest.param(b"x" * 999, "more", id="long"),
    ],
)
def test_a_shard_of_another_size_is_not_used(zoo: PublishedZoo, content: bytes, found: str) -> None:
    zoo.shard("dense").write_bytes(content)
    error = fail(zoo, LOAD)

    assert error.code == "size"
    assert found in error.message
    assert "the catalog says 64" in error.message


def test_what_is_not_there_is_named(zoo: PublishedZoo) -> None:
    zoo.shard("dense").unlink()

    with serving(zoo.folder) as server:
        error = fail(zoo, LOAD, url=server.url)
    assert error.code == "missing"
    assert f"{server.url}models/dense/float32/group1-shard1of3.bin" in error.message
    local = fail(zoo, "", url="/nowhere/at/all/")
    assert "(HTTP 404)" in error.message
    assert local.code == "missing"
    assert local.message == "file:///nowhere/at/all/models.json: no such file"


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        pytest.param([Fault(status=503)], None, id="busy once"),
        pytest.param([Fault(drop_after=10)], None, id="cut off once"),
        pytest.param([Fault(status=503), Fault(status=503)], "network", id="busy"),
    ],
)
def test_a_server_that_fails_once_is_asked_again(
    zoo: PublishedZoo, faults: list[Fault], code: str | None
) -> None:
    shard = zoo.shard("dense").relative_to(zoo.folder).as_posix()
    with serve_pages() as server:
        for path in zoo.folder.rglob("*.*"):
            if path.is_file():
                name = path.relative_to(zoo.folder).as_posix()
                server.put(f"/zoo/{name}", path.read_bytes(), *(faults if name == shard else ()))
        body = (
            "const steps = [];"
            "const onProgress = ({loaded, total}) => steps.push([loaded, total]);"
            "await zoo.load('dense', {onProgress});"
            "return steps;"
        )
        if code:
            assert fail(zoo, body, url=f"{server.url}/zoo/").code == code
        else:
            *_, last = zoo.in_node(body, url=f"{server.url}/zoo/")
            assert last[0] == last[1] > 0


def test_progress_ends_at_the_size_of_all_files(zoo: PublishedZoo) -> None:
    steps = zoo.in_node(
        "const steps = []; await zoo.load('dense', {onProgress: (step) => steps.push(step)});"
        "return steps;"
    )
    sizes = [file["bytes"] for file in zoo.entries["dense"]["variants"][0]["files"]]

    assert {step["total"] for step in steps} == {sum(sizes)}
    assert [step["loaded"] for step in steps] == sorted(step["loaded"] for step in steps)
    assert steps[-1]["loaded"] == sum(sizes)
    assert len({step["file"] for step in steps}) == len(sizes) == 4


CACHE = """
  const kept = new Map();
  const cache = {
    match: async (key) => kept.get(key)?.clone(),
    put: async (key, response) => { kept.set(key, response); },
    delete: async (key) => kept.delete(key),
  };
  const asked = [];
  const counting = (url, init) => { asked.push(url); return fetch(url, init); };
  const cached = await open(args[0], {tf, fetch: counting, cache});
"""


def test_a_cached_file_is_not_fetched_again(zoo: PublishedZoo) -> None:
    with serving(zoo.folder) as server:
        asked, keys = zoo.in_node(
            f"{CACHE} await cached.load('dense'); const first = asked.length;"
            "const steps = [];"
            "await cached.load('dense', {onProgress: (step) => steps.push(step.cached)});"
            "return [[first, asked.length, steps], [...kept.keys()]];",
            server.url,
        )
    files = zoo.entries["dense"]["variants"][0]["files"]

    assert asked == [5, 5, [True] * 4]
    kept = {key.rpartition("/")[2] for key in keys if "/sha256/" in key}
    assert kept == {file["sha256"] for file in files}
    assert [key for key in keys if "/catalog/" in key] == keys[:1]


def test_a_zoo_that_was_visited_opens_without_a_network(zoo: PublishedZoo) -> None:
    with serving(zoo.folder) as server:
        url = server.url
        states = zoo.in_node(
            f"""
            {CACHE} await cached.load('dense');
            const away = async () => {{ throw new TypeError('no network'); }};
            const again = await open(args[0], {{tf, fetch: away, cache}});
            const model = await again.load('dense');
            const missing = await open('http://127.0.0.1:9/', {{tf, fetch: away, cache}})
              .catch(({{code}}) => code);
            return [cached.offline, again.offline, model.name, missing];
            """,
            url,
        )

    assert states == [False, True, "dense", "network"]


def test_what_the_cache_has_is_checked_too(zoo: PublishedZoo) -> None:
    sha256 = zoo.entries["dense"]["variants"][0]["files"][1]["sha256"]
    with serving(zoo.folder) as server:
        asked, right = zoo.in_node(
            f"{CACHE} await cached.load('dense');"
            "const key = [...kept.keys()].find((one) => one.endsWith(args[1]));"
            "kept.set(key, new Response(new Uint8Array(64)));"
            "await cached.load('dense');"
            "const bytes = new Uint8Array(await kept.get(key).arrayBuffer());"
            "return [asked.length, bytes.some((byte) => byte !== 0)];",
            server.url,
            sha256,
        )

    assert asked == 6
    assert right


def test_a_cache_that_fails_is_as_good_as_none(zoo: PublishedZoo) -> None:
    body = """
      const broken = () => Promise.reject(new Error('quota'));
      const cache = {match: broken, put: broken, delete: broken};
      return (await zoo.load('dense', {cache})).name;
    """

    assert zoo.in_node(body) == "dense"


STUCK = """
  const controller = new AbortController();
  const stuck = (url, {signal}) => new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
    setTimeout(() => controller.abort(new Error('enough')), 10);
  });
  let fetcher = fetch;
  const slow = await open(args[0], {tf, fetch: (url, init) => fetcher(url, init)});
  fetcher = stuck;
  await slow.load('dense', {signal: controller.signal});
"""


def test_an_aborted_signal_stops_it_with_its_reason(zoo: PublishedZoo) -> None:
    before = fail(zoo, "await zoo.load('dense', {signal: AbortSignal.abort()})")
    with serving(zoo.folder) as server:
        during = fail(zoo, STUCK, server.url)
    late = fail(
        zoo,
        """
        const controller = new AbortController();
        const onProgress = ({loaded, total}) => {
          if (loaded === total) controller.abort(new Error('too late'));
        };
        await zoo.load('dense', {signal: controller.signal, onProgress});
        """,
    )

    loading = fail(
        zoo,
        """
        const controller = new AbortController();
        const loadGraphModel = async (handler) => {
          controller.abort(new Error('while loading'));
          return tf.loadGraphModel(handler);
        };
        const other = await open(args[0], {tf: {...tf, loadGraphModel}});
        await other.load('dense', {signal: controller.signal});
        """,
        str(zoo.folder),
    )

    assert before.name == "AbortError"
    assert (during.name, during.message) == ("Error", "enough")
    assert (late.name, late.message) == ("Error", "too late")
    assert (loading.name, loading.message) == ("Error", "while loading")


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        pytest.param(
            "zoo.entry('dence')", "model", "no model 'dence'; did you mean 'dense'", id="model"
        ),
        pytest.param("zoo.entry('cat')", "model", "it has dense, gone, halved", id="far off"),
        pytest.param(
            "await zoo.load('gone')", "model", "is not offered (failed): it broke", id="failed"
        ),
        pytest.param(
            "await zoo.load('dense', {variant: 'uint8'})", "variant", "it has float32", id="variant"
        ),
        pytest.param(
            "await zoo.load('halved', {variant: 'float16'})",
            "variant",
            "halved, float16: withheld: too far off; it has float32",
            id="withheld",
        ),
        pytest.param("await open('http://[')", "catalog", "is no URL", id="URL"),
        pytest.param(
            "await (await open(args[0], {tf: {}})).load('dense')",
            "tfjs",
            "is not TensorFlow.js",
            id="tf",
        ),
    ],
)
def test_errors_say_what_there_is(zoo: PublishedZoo, body: str, code: str, message: str) -> None:
    zoo.entries["gone"] = {**zoo.entries["dense"], "name": "gone", "status": "failed"}
    zoo.entries["gone"] |= {"reason": "it broke", "variants": [], "modelPath": None}
    (variant,) = zoo.entries["dense"]["variants"]
    withheld = {**variant, "name": "float16", "status": "withheld", "reason": "too far off"}
    withheld |= {"modelPath": None, "files": []}
    zoo.entries["halved"] = {**zoo.entries["dense"], "name": "halved"}
    zoo.entries["halved"]["variants"] = [variant, withheld]
    error = fail(zoo.write(), body, str(zoo.folder))

    assert (error.name, error.code) == ("ZooError", code)
    assert message in error.message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("<html>", "is not JSON", id="no JSON"),
        pytest.param("{}", "is no catalog of schema 1", id="another JSON"),
        pytest.param('{"schema": 2, "models": []}', "take the zoo.js that lies beside", id="newer"),
    ],
)
def test_what_is_no_catalog_is_refused(zoo: PublishedZoo, content: str, message: str) -> None:
    (zoo.folder / "models.json").write_text(content)
    error = fail(zoo, "")

    assert error.code == "catalog"
    assert message in error.message


def test_a_path_that_leaves_the_zoo_is_refused(zoo: PublishedZoo, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    files = zoo.entries["dense"]["variants"][0]["files"]
    files[1] = {"path": "../secret", "bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    error = fail(zoo.write(), LOAD)

    assert error.code == "catalog"
    assert "leaves the zoo" in error.message


def test_a_shard_that_the_catalog_does_not_list_is_refused(zoo: PublishedZoo) -> None:
    files = zoo.entries["dense"]["variants"][0]["files"]
    del files[3]
    error = fail(zoo.write(), LOAD)

    assert error.code == "catalog"
    assert "group1-shard3of3.bin" in error.message


def test_a_backend_that_gets_it_wrong_is_refused_unless_forced(zoo: PublishedZoo) -> None:
    checks = zoo.entries["dense"]["variants"][0]["checks"]
    checks["cpu"] = check("failed", reason="logit: off")
    error = fail(zoo.write(), LOAD)

    assert error.code == "backend"
    assert "does not run right on cpu (logit: off); use wasm" in error.message
    assert zoo.in_node("return (await zoo.load('dense', {force: true})).name;") == "dense"


@pytest.mark.parametrize(
    ("agreement", "provisional", "refused"),
    [
        pytest.param("wrong", "nobody states the range of x", False, id="a doubtful verdict"),
        pytest.param("wrong", None, True, id="a certain verdict"),
        pytest.param(None, "nobody states the range of x", True, id="it returns nothing"),
    ],
)
def test_a_provisional_verdict_alone_refuses_no_backend(
    zoo: PublishedZoo, agreement: str | None, provisional: str | None, refused: bool
) -> None:
    entry = zoo.entries["dense"]
    entry["provisional"] = provisional
    checks = entry["variants"][0]["checks"]
    checks["cpu"] = check("failed", reason="logit: off", agreement=agreement)
    zoo.write()
    if refused:
        assert fail(zoo, LOAD).code == "backend"
        return
    body = """
      const said = [];
      console.warn = (text) => said.push(text);
      for (const _ of [1, 2]) await zoo.load('dense');
      return said;
    """

    (said,) = zoo.in_node(body)
    assert said == (
        "dense does not run right on cpu (logit: off); this verdict is provisional: nobody states "
        "the range of x"
    )


@pytest.mark.parametrize("status", ["failed", "unsupported", "untried"])
def test_what_was_not_tried_is_no_obstacle(zoo: PublishedZoo, status: str) -> None:
    checks = zoo.entries["dense"]["variants"][0]["checks"]
    checks["cpu"] = check(status, reason="there is no browser")
    zoo.write()

    if status == "untried":
        assert zoo.in_node("return (await zoo.load('dense')).name;") == "dense"
    else:
        assert fail(zoo, LOAD).code == "backend"


def test_another_release_of_tensorflow_js_is_refused(zoo: PublishedZoo) -> None:
    checks = zoo.entries["dense"]["variants"][0]["checks"]
    checks["cpu"] = check(requires={"tfjs": "3.21.0"})
    error = fail(zoo.write(), LOAD)

    assert error.code == "tfjs"
    assert "runs in TensorFlow.js 3.21.0; this is 4.22.0" in error.message


def test_without_the_platforms_crypto_digests_are_the_same(zoo: PublishedZoo) -> None:
    sizes = [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 70000]
    contents = [bytes((7 * i + i // 256 + size) % 256 for i in range(size)) for size in sizes]
    body = """
      const {digestOf} = await import(args[0]);
      Object.defineProperty(globalThis, 'crypto', {value: undefined});
      return await Promise.all(args[1].map((content) => digestOf(Uint8Array.from(content))));
    """
    source = ROOT / "pipeline/site/zoo/digest.js"
    found = run_node(zoo.folder / LOADER_FILE, body, source.as_uri(), [list(c) for c in contents])

    assert found == [hashlib.sha256(content).hexdigest() for content in contents]


def test_the_entry_of_a_model_is_the_catalogs(zoo: PublishedZoo) -> None:
    catalog = json.loads((zoo.folder / "models.json").read_bytes())

    assert zoo.in_node("return [zoo.catalog, zoo.models.length];") == [catalog, 1]
    assert zoo.in_node("return zoo.entry('dense');") == catalog["models"][0]


def test_the_catalog_of_one_model_is_enough_to_load_it(zoo: PublishedZoo) -> None:
    alone = json.loads((zoo.folder / "models.json").read_bytes())
    place = zoo.folder / "models/dense/catalog.json"
    place.write_text(json.dumps(alone))
    with serving(zoo.folder) as server:
        found = zoo.in_node(
            """
            const asked = [];
            const counting = (url, init) => { asked.push(url); return fetch(url, init); };
            const names = [];
            for (const model of ['dense', 'lost']) {
              const one = await open(args[0], {tf, fetch: counting, model});
              names.push(one.url === args[0], (await one.load('dense')).name);
            }
            return [names, asked.map((url) => url.slice(args[0].length))
              .filter((path) => path.endsWith('s.json') || path.endsWith('g.json'))];
            """,
            server.url,
        )

    assert found == [
        [True, "dense"] * 2,
        ["models/dense/catalog.json", "models/lost/catalog.json", "models.json"],
    ]
