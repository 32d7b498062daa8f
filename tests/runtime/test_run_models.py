"""Models in the real TensorFlow.js: what comes back, and what happens when something goes wrong."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from graph_models import dense_weights, node, write_graph_model
from paths import HELPERS
from tfjs_runtime import endless_model, load, packages, run, run_one, store, typed, write_model

from pipeline.errors import WorkerError
from pipeline.runtime.tfjs_packages import Packages

pytestmark = pytest.mark.network

MIB = 1024**2
BACKENDS = ["wasm", "cpu"]
X = np.linspace(-2, 2, 16, dtype=np.float32).reshape(2, 8)
ENDLESS = {"go": np.array(True)}


def dense(folder: Path, **others: Any) -> Path:
    """Write the dense layer under published names; return its folder."""
    write_graph_model(folder, **others)
    content = load(folder)
    outputs = content["signature"]["outputs"]
    content["signature"]["outputs"] = {
        "score": outputs["Identity_1:0"],
        "logit": outputs["Identity:0"],
    }
    store(folder, content)
    return folder


def test_outputs_come_back_by_their_published_names(tmp_path: Path) -> None:
    weights = dense_weights()
    logit = X @ weights["kernel"] + weights["bias"]

    runs = run(tmp_path, {"base": dense(tmp_path / "m")}, [{"x": X}, {"x": X[:1]}])

    for backend in BACKENDS:
        found = runs[backend]["base"]
        assert found.status == "ok"
        assert found.tfjs == "4.22.0"
        assert list(found.outputs) == [0, 1]
        assert list(found.outputs[0]) == ["score", "logit"]
        np.testing.assert_allclose(found.outputs[0]["logit"], logit, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found.outputs[1]["score"], 1 / (1 + np.exp(-logit[:1])), 1e-5)
        assert found.predict_fault is None
        assert not found.requires_async
        assert found.requires == {}
        assert found.missing_ops == {}


def test_every_run_is_measured(tmp_path: Path) -> None:
    found = run_one(tmp_path, dense(tmp_path / "m"), "wasm", x=X)

    assert found.load_ms is not None
    assert found.first_ms is not None
    assert found.steady_ms is not None
    assert found.steady_ms > 0
    # The weights, the input and the outputs are there at one time.
    assert found.peak_bytes is not None
    assert found.peak_bytes >= 8 * 4 * 4 + 4 * 4 + X.nbytes + 2 * (2 * 4 * 4)
    assert found.rss_bytes is not None
    assert found.rss_bytes > 50 * MIB


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_dtype_goes_in_and_comes_out(tmp_path: Path, backend: str) -> None:
    strings = np.empty((2,), object)
    strings[:] = [b"gr\xc3\xbc\xc3\x9fe", b""]
    model = write_model(
        tmp_path / "m",
        [
            typed("text", "Identity", ["s"], T="string"),
            typed("sum", "AddV2", ["i", "i"], T="int32"),
            {"name": "not", "op": "LogicalNot", "input": ["b"]},
            typed("same", "Identity", ["f"], T="float32"),
        ],
        inputs={
            "s": ("string", (2,)),
            "i": ("uint8", (1, 2)),
            "b": ("bool", (2,)),
            "f": ("float32", ()),
        },
        outputs={"text": "text:0", "sum": "sum:0", "not": "not:0", "same": "same:0"},
    )

    found = run_one(
        tmp_path,
        model,
        backend,
        s=strings,
        i=np.array([[200, 255]], np.uint8),
        b=np.array([True, False]),
        f=np.float32(-math.inf) * np.ones((), np.float32),
    )

    assert found.error is None
    outputs = found.outputs[0]
    assert outputs["text"].tolist() == [b"gr\xc3\xbc\xc3\x9fe", b""]
    assert outputs["sum"].tolist() == [[400, 510]]
    assert outputs["sum"].dtype == np.int32
    assert outputs["not"].tolist() == [False, True]
    assert outputs["same"].shape == ()
    assert outputs["same"] == -math.inf


@pytest.mark.parametrize("backend", BACKENDS)
def test_nan_and_infinity_come_back_as_they_are(tmp_path: Path, backend: str) -> None:
    model = write_model(
        tmp_path / "m",
        [node("y", "Identity", ["x"])],
        inputs={"x": ("float32", (4,))},
        outputs={"y": "y:0"},
    )
    x = np.array([math.nan, math.inf, -math.inf, -0.0], np.float32)

    found = run_one(tmp_path, model, backend, x=x)

    assert found.outputs[0]["y"].tobytes() == x.tobytes()
    assert found.predict_fault is None


def test_a_float_output_that_the_cpu_backend_keeps_as_integers_is_read_right(
    tmp_path: Path,
) -> None:
    model = write_model(
        tmp_path / "m",
        [typed("y", "Cast", ["x"], SrcT="int32", DstT="float32")],
        inputs={"x": ("int32", (2,))},
        outputs={"y": "y:0"},
    )

    found = run_one(tmp_path, model, "cpu", x=np.array([3, 100], np.int32))

    assert found.outputs[0]["y"].tolist() == [3.0, 100.0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_hash_table_is_filled_by_the_initializer(tmp_path: Path, backend: str) -> None:
    keys, values = np.empty((2,), object), np.array([7, 9], np.int32)
    keys[:] = [b"cat", b"dog"]
    table = typed("table", "HashTableV2", [], key_dtype="string", value_dtype="int32")
    fill = typed("fill", "LookupTableImportV2", ["table", "keys", "values"], Tin="string")
    weights = {"keys": keys, "values": values, "none": np.array(-1, np.int32)}
    find = typed("y", "LookupTableFindV2", ["table", "x", "none"], Tin="string", Tout="int32")
    model = write_model(
        tmp_path / "m",
        [table, find],
        inputs={"x": ("string", (3,))},
        outputs={"y": "y:0"},
        weights=weights,
    )
    content = load(model)
    constants = [n for n in content["modelTopology"]["node"] if n["name"] in {"keys", "values"}]
    content["modelInitializer"] = {"node": [table, *constants, fill], "versions": {}}
    store(model, content)
    words = np.empty((3,), object)
    words[:] = [b"dog", b"bird", b"cat"]

    found = run_one(tmp_path, model, backend, x=words)

    assert found.error is None
    assert found.outputs[0]["y"].tolist() == [9, -1, 7]
    assert found.requires_async


def test_a_layers_model_runs_too(tmp_path: Path) -> None:
    layers: list[tuple[str, dict[str, Any], list[Any]]] = [
        ("InputLayer", {"batch_input_shape": [None, 8], "dtype": "float32", "name": "x"}, []),
        (
            "Dense",
            {"units": 4, "activation": "sigmoid", "use_bias": True, "name": "score"},
            [[["x", 0, 0, {}]]],
        ),
    ]
    topology = {
        "class_name": "Model",
        "config": {
            "name": "m",
            "layers": [
                {"class_name": kind, "config": config, "name": config["name"], "inbound_nodes": to}
                for kind, config, to in layers
            ],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["score", 0, 0]],
        },
    }
    weights = dense_weights()
    names = {"score/kernel": weights["kernel"], "score/bias": weights["bias"]}
    write_graph_model(
        tmp_path / "m",
        weights=names,
        format="layers-model",
        modelTopology={"model_config": topology},
    )

    found = run_one(tmp_path, tmp_path / "m", "wasm", x=X)

    logit = X @ weights["kernel"] + weights["bias"]
    assert found.error is None
    np.testing.assert_allclose(found.outputs[0]["score"], 1 / (1 + np.exp(-logit)), rtol=1e-5)


def test_all_ops_that_a_backend_lacks_are_named(tmp_path: Path) -> None:
    length = {"length": np.array([8], np.int32)}
    model = write_model(
        tmp_path / "m",
        [
            node("fft", "RFFT", ["x", "length"]),
            typed("real", "Real", ["fft"], T="complex64", Tout="float32"),
            node("y", "Relu", ["real"]),
        ],
        inputs={"x": ("float32", (1, 8))},
        outputs={"y": "y:0"},
        weights=length,
    )

    runs = run(tmp_path, {"base": model}, [{"x": X[:1]}])

    wasm, cpu = runs["wasm"]["base"], runs["cpu"]["base"]
    assert wasm.status == "unsupported"
    assert list(wasm.missing_ops) == ["RFFT", "Real"]
    assert {"Complex", "FFT"} <= set(wasm.missing_ops["RFFT"])
    assert wasm.missing_ops["Real"] == ["Real"]
    assert wasm.error == "wasm lacks RFFT, Real"
    assert wasm.outputs == {}
    assert cpu.status == "ok"
    expected = np.maximum(np.fft.rfft(X[:1]).real, 0)
    np.testing.assert_allclose(cpu.outputs[0]["y"], expected, atol=1e-5)


def test_an_op_that_no_backend_has_is_named(tmp_path: Path) -> None:
    model = write_model(
        tmp_path / "m",
        [node("y", "Betainc", ["x", "x", "x"])],
        inputs={"x": ("float32", (4,))},
        outputs={"y": "y:0"},
    )

    found = run_one(tmp_path, model, "cpu", x=np.ones(4, np.float32))

    assert found.status == "unsupported"
    assert found.missing_ops == {"Betainc": []}


@pytest.mark.parametrize("backend", ["webgl", "webgpu"])
def test_a_backend_of_browsers_is_unsupported(tmp_path: Path, backend: str) -> None:
    found = run_one(tmp_path, dense(tmp_path / "m"), backend, x=X)

    assert found.status == "unsupported"
    assert found.error == f"backend '{backend}' is not in Node.js; it has cpu, wasm"


def test_a_missing_shard_fails_its_model_alone(tmp_path: Path) -> None:
    models = {"base": dense(tmp_path / "a"), "other": dense(tmp_path / "b")}
    (tmp_path / "a" / "group1-shard1of1.bin").unlink()

    runs = run(tmp_path, models, [{"x": X}], backends={"wasm": ["base", "other"]})["wasm"]

    assert runs["base"].status == "failed"
    assert runs["base"].error == "shard 'group1-shard1of1.bin' cannot be read (ENOENT)"
    assert runs["other"].status == "ok"


def test_an_error_says_at_which_node(tmp_path: Path) -> None:
    found = run_one(tmp_path, dense(tmp_path / "m", weights=dense_weights(4)), "wasm", x=X)

    assert found.status == "failed"
    assert found.error is not None
    assert found.error.endswith("(at MatMul 'MatMul')")


def test_predict_that_names_another_tensor_is_told(tmp_path: Path) -> None:
    keys = {"structuredOutputKeys": ["logit", "score"]}

    found = run_one(tmp_path, dense(tmp_path / "m", userDefinedMetadata=keys), "wasm", x=X)

    assert found.status == "ok"
    assert found.predict_fault == "predict() calls output 0 'logit'; the signature calls it 'score'"


def test_predict_is_checked_once_for_each_graph_and_signature(tmp_path: Path) -> None:
    keys = {"structuredOutputKeys": ["logit", "score"]}
    models = {
        "right": dense(tmp_path / "right"),
        "wrong": dense(tmp_path / "wrong", userDefinedMetadata=keys),
        "wrong too": dense(tmp_path / "too", userDefinedMetadata=keys, stored={"kernel": "uint8"}),
        "small": dense(tmp_path / "small", stored={"kernel": "uint8"}),
    }

    runs = run(tmp_path, models, [{"x": X}])

    for backend in BACKENDS:
        found = runs[backend]
        assert found["right"].predict_fault == found["small"].predict_fault is None
        assert found["wrong"].predict_fault == found["wrong too"].predict_fault is not None
        # One vector: a second time is that of predict().
        times = {name: one.steady_ms is not None for name, one in found.items()}
        assert times == {"right": True, "wrong": True, "wrong too": False, "small": False}


def test_a_wasm_module_that_aborts_does_not_take_the_rest_with_it(tmp_path: Path) -> None:
    strings = np.empty((2,), object)
    strings[:] = [b"a", b"b"]
    # The kernel takes strings for numbers and aborts.
    gather = write_model(
        tmp_path / "gather",
        [typed("y", "GatherNd", ["x", "at"], Tparams="string", Tindices="int32")],
        inputs={"x": ("string", (2,))},
        outputs={"y": "y:0"},
        weights={"at": np.array([[1]], np.int32)},
    )
    root = write_model(
        tmp_path / "root",
        [node("y", "Sqrt", ["w"])],
        inputs={"x": ("string", (2,))},
        outputs={"y": "y:0"},
        weights={"w": np.array([4, 9], np.float32)},
    )
    models = {"gather": gather, "root": root}

    runs = run(tmp_path, models, [{"x": strings}], backends={"wasm": [*models]})["wasm"]

    assert runs["gather"].status == "failed"
    assert runs["root"].error is None
    assert runs["root"].outputs[0]["y"].tolist() == [2, 3]


HOSTILE = """
const attempts = {
  read: () => require('fs').readFileSync(process.argv[2] + '/../secret'),
  list: () => require('fs').readdirSync('/'),
  write: () => require('fs').writeFileSync(MODEL + '/model.json', ''),
  process: () => require('child_process').execSync('id'),
  http: () => require('http').get('http://127.0.0.1:9'),
  net: () => require('node:net').connect(9),
  fetch: () => fetch('http://127.0.0.1:9'),
  socket: () => new WebSocket('ws://127.0.0.1:9'),
  environment: () => { if (!process.env.SECRET) throw new Error('no such variable'); },
};
for (const [name, attempt] of Object.entries(attempts)) {
  try { attempt(); console.error('DONE ' + name); } catch { console.error('refused ' + name); }
}
throw new Error('end of the attempts');
"""


def test_what_runs_can_touch_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "1")
    (tmp_path / "secret").write_text("secret")
    model = dense(tmp_path / "m")
    hostile = tmp_path / "packages"
    hostile.mkdir()
    (hostile / "tf.min.js").write_text(HOSTILE.replace("MODEL", repr(str(model))))
    release = Packages(version="0", folder=hostile)

    with pytest.raises(WorkerError, match=r"does not start.*end of the attempts"):
        run(tmp_path, {"base": model}, [{"x": X}], release=release)

    log = (tmp_path / "log.txt").read_text()
    assert "DONE" not in log
    assert log.count("refused") == 9


def test_all_processes_share_one_deadline(tmp_path: Path) -> None:
    models = {"endless": endless_model(tmp_path / "e")}
    backends = {"webgl": ["endless"], "wasm": ["endless"], "cpu": ["endless"]}
    start = time.monotonic()

    with pytest.raises(WorkerError, match=r"^TensorFlow.js took more than 2 s$") as caught:
        run(tmp_path, models, [ENDLESS], backends=backends, timeout_seconds=2)

    assert time.monotonic() - start < 10
    assert "timeout_seconds" in str(caught.value.hint)
    assert not node_processes()


def test_a_process_that_needs_too_much_memory_is_ended(tmp_path: Path) -> None:
    endless = endless_model(tmp_path / "e", size=100 * MIB)

    runs = run(
        tmp_path,
        {"base": endless},
        [ENDLESS],
        backends={"cpu": ["base"]},
        memory_limit_bytes=256 * MIB,
    )

    assert runs["cpu"]["base"].error == "needed more than 256 MiB of memory"
    assert runs["cpu"]["base"].died


def node_processes() -> list[psutil.Process]:
    """Return the Node.js processes that this one has started."""
    return [child for child in psutil.Process().children() if child.name().startswith("node")]


def crasher(folder: Path, times: int) -> Callable[[int, int | None], None]:
    """Return a `progress` that kills the first `times` processes that are in the first run."""
    killed: set[int] = set()

    def crash(done: int, _total: int | None) -> None:
        begun = any(folder.rglob("0.bin"))
        for child in node_processes() if begun and done == 0 else ():
            if child.pid not in killed and len(killed) < times:
                killed.add(child.pid)
                child.send_signal(signal.SIGSEGV)

    return crash


def slow_model(folder: Path) -> Path:
    """Write a model that takes long enough to be killed on the way."""
    return write_model(
        folder,
        [node("y", "MatMul", ["x", "x"])],
        inputs={"x": ("float32", (600, 600))},
        outputs={"y": "y:0"},
    )


SLOW = {"x": np.ones((600, 600), np.float32)}


def test_a_death_is_no_verdict_but_a_reason_to_try_again(tmp_path: Path) -> None:
    models = {"slow": slow_model(tmp_path / "s"), "other": slow_model(tmp_path / "o")}
    backends = {"cpu": ["slow", "other"]}

    runs = run(tmp_path, models, [SLOW], backends=backends, progress=crasher(tmp_path, 1))["cpu"]

    assert [runs[name].status for name in models] == ["ok", "ok"]


def test_a_second_death_is_an_error_to_be_tried_another_day(tmp_path: Path) -> None:
    models = {"endless": endless_model(tmp_path / "e")}

    with pytest.raises(WorkerError, match=r"died twice on cpu: .*segmentation fault") as caught:
        run(
            tmp_path,
            models,
            [ENDLESS],
            backends={"cpu": ["endless"]},
            progress=crasher(tmp_path, 2),
        )

    assert caught.value.retry


def test_an_interruption_ends_the_process(tmp_path: Path) -> None:
    def interrupt(_done: int, _total: int | None) -> None:
        if node_processes():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, {"base": endless_model(tmp_path / "e")}, [ENDLESS], progress=interrupt)

    assert not node_processes()


PARENT = """
import sys
import numpy as np
from pathlib import Path
sys.path.insert(0, {tests!r})
from tfjs_runtime import run
x = np.ones((2500, 2500), np.float32)
run(Path({folder!r}), {{"base": Path({model!r})}}, [{{"x": x}}], backends={{"cpu": ["base"]}},
    progress=lambda done, total: Path({folder!r}, "begun").touch())
"""


def test_a_process_that_computes_dies_at_once_with_its_parent(tmp_path: Path) -> None:
    model = write_model(
        tmp_path / "m",
        [node("y", "MatMul", ["x", "x"], transpose_a=False, transpose_b=False)],
        inputs={"x": ("float32", (2500, 2500))},
        outputs={"y": "y:0"},
    )
    packages()
    tests = str(HELPERS)
    code = PARENT.format(tests=tests, folder=str(tmp_path / "work"), model=str(model))
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(tests).parent, env=os.environ | {"PYTHONPATH": "."}
    )
    while not (tmp_path / "work" / "begun").exists():
        time.sleep(0.05)
    time.sleep(2)  # it is in the product, which takes longer than that
    (child,) = psutil.Process(parent.pid).children()
    busy = child.cpu_percent(1)
    parent.kill()
    parent.wait()
    gone, _ = psutil.wait_procs([child], timeout=5)

    assert busy > 0
    assert gone
