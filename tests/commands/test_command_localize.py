"""`doit localize` on a small zoo that is built."""

from pathlib import Path

import numpy as np
import pytest
from browsers import needs_browser
from zoos import Zoo, vouch_for

from pipeline.disk.browser_program import BrowserProgram, find_browser
from pipeline.disk.files import write_atomic

pytestmark = [pytest.mark.tensorflow, pytest.mark.network]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    zoo = Zoo(tmp_path_factory.mktemp("localize"))
    zoo.add("dense")
    zoo.add("wrong", backends=["wasm"])
    assert zoo.build().code == 0
    _damage(zoo)
    zoo.doit("forget", "verify")
    # The step alone: with the others before it, what is damaged would be made again.
    assert zoo.build("-s", "verify:wrong").code == 1
    return zoo


def _damage(zoo: Zoo) -> None:
    """Change the bias of a base, and let its receipt say that the step made it so."""
    shard = base_of(zoo, "wrong") / "group1-shard1of1.bin"
    values = np.frombuffer(shard.read_bytes(), "<f4").copy()
    values[-512:] *= np.float32(1.05)
    write_atomic(shard, values.tobytes())
    vouch_for(shard.parent)


def base_of(zoo: Zoo, model: str) -> Path:
    return zoo.folder / ".zoo" / "build" / model / "variant" / "base"


def test_a_verification_that_fails_says_where_the_graph_goes_wrong(zoo: Zoo) -> None:
    log = (zoo.folder / ".zoo/build/wrong/verify.failed/log.txt").read_text()

    assert "what TensorFlow.js returns is not what the source does: " in log
    # The graph itself is damaged: both runtimes agree on it.
    assert "wasm computes the graph as TensorFlow does" in log


def test_a_model_that_is_right_has_no_fault(zoo: Zoo) -> None:
    done = zoo.doit("localize", "dense", "--vector", "0")

    assert done.code == 0, done.stderr
    assert "dense: base on wasm, vector 0\n  wasm computes what TensorFlow does" in done.stdout


def test_webgl_needs_a_browser(zoo: Zoo) -> None:
    done = zoo.doit("localize", "dense", "--vector", "0", "--backend", "webgl")

    assert done.code == 3
    assert "webgl needs a browser: CHROME is 'none', which is no program" in done.stderr


@needs_browser
def test_webgl_is_looked_into_in_a_browser(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_browser()
    assert isinstance(found, BrowserProgram)
    monkeypatch.setattr(zoo, "browser", str(found.path))

    done = zoo.doit("localize", "dense", "--vector", "0", "--backend", "webgl")

    assert done.code == 0, done.stderr
    assert "dense: base on webgl, vector 0\n  webgl computes what TensorFlow does" in done.stdout


def test_the_weights_of_a_quantized_variant_are_listed_by_their_loss(zoo: Zoo) -> None:
    done = zoo.doit("localize", "dense", "--variant", "uint16", "--backend", "cpu")

    assert done.code == 0, done.stderr
    assert "dense: uint16 on cpu, vector 0\n" in done.stdout
    assert "its quantized weights cost most at _FusedMatMul 'BiasAdd': " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected one model, such as handtrack"),
        (["dens"], "'dens' is not a model of models.yaml; did you mean dense?"),
        (["dense", "--variant", "int4"], "--variant: found int4; dense has base, uint16"),
        (["dense", "--vector", "one"], "--vector: found one; expected a whole number"),
        (["dense", "--vector", "99"], "there is no vector 99; expected a number from 0 to "),
        (["dense", "--backend", "none"], "found none; expected wasm, cpu, webgl or webgpu"),
    ],
)
def test_a_wrong_command_line_is_a_message(zoo: Zoo, arguments: list[str], message: str) -> None:
    done = zoo.doit("localize", *arguments)

    assert done.code == 3
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_base_that_was_damaged_is_named_where_it_was_damaged(zoo: Zoo) -> None:
    done = zoo.doit("localize", "wrong")

    assert done.code == 1, done.stderr
    assert "differs from the graph that it was made of" in done.stdout
    assert "first at _FusedMatMul 'BiasAdd'" in " ".join(done.stdout.split())
