"""A zoo whose models run in a real browser too, built by the real doit."""

import json
from pathlib import Path
from typing import Any

import pytest
from browsers import needs_browser
from zoos import Zoo

from pipeline.disk.browser_program import BrowserProgram, find_browser
from pipeline.engine.receipt import load_receipt
from pipeline.wall.wall import WALL_VARIABLE

pytestmark = pytest.mark.network

NONE = "CHROME is 'none', which is no program on this machine"


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    """Return a zoo of one model."""
    zoo = Zoo(tmp_path / "a zoo")
    zoo.add("one", seed=1)
    return zoo


def use_browser(zoo: Zoo) -> None:
    """Let the zoo use the browser of this machine."""
    found = find_browser()
    assert isinstance(found, BrowserProgram)
    zoo.browser = str(found.path)


def checks(zoo: Zoo) -> dict[str, dict[str, Any]]:
    """Return the checks of each variant of the model by backend."""
    return {variant["name"]: variant["checks"] for variant in zoo.entry("one")["variants"]}


def statuses(zoo: Zoo) -> dict[str, dict[str, str]]:
    """Return the status of each check of each variant by backend."""
    return {
        name: {backend: check["status"] for backend, check in of_variant.items()}
        for name, of_variant in checks(zoo).items()
    }


@needs_browser
def test_without_a_browser_webgl_is_untried_until_there_is_one(zoo: Zoo) -> None:
    done = zoo.build()
    assert (done.code, done.events[-1]["untried"]) == (
        0,
        f"webgl was not tried: {NONE}",
    )
    assert statuses(zoo) == {
        "float32": {"wasm": "ok", "webgl": "untried"},
        "uint16": {"wasm": "ok"},
    }
    assert checks(zoo)["float32"]["webgl"]["reason"] == NONE
    again = zoo.build()
    assert (again.ran, again.events[-1]["untried"]) == ([], None)

    use_browser(zoo)
    done = zoo.build()

    assert (done.code, done.events[-1]["untried"]) == (0, None)
    assert done.ran == ["browser:one", "card:one", "catalog", "dist", "site"]
    assert statuses(zoo)["float32"] == {"wasm": "ok", "webgl": "ok"}
    receipt = json.loads((zoo.folder / ".zoo/build/one/browser/receipt.json").read_bytes())
    found = find_browser()
    assert isinstance(found, BrowserProgram)
    assert receipt["tools"]["browser"] == found.version
    assert zoo.build().ran == []


def test_a_backend_that_is_required_and_cannot_be_tried_fails(zoo: Zoo) -> None:
    assert zoo.build().code == 0
    zoo.manifest["models"][0]["backends"] = ["webgl"]

    done = zoo.build()

    assert done.code == 1
    assert done.failures == {"browser:one": f"models.yaml requires webgl: {NONE}"}
    entry = zoo.entry("one")
    assert (entry["status"], statuses(zoo)["float32"]["webgl"]) == ("stale", "untried")
    assert zoo.build().failures == done.failures


@needs_browser
def test_required_backends_prove_every_variant(zoo: Zoo) -> None:
    zoo.manifest["models"][0]["backends"] = ["webgl", "webgpu"]
    use_browser(zoo)

    assert zoo.build().code == 0
    right = {"wasm": "ok", "webgl": "ok", "webgpu": "ok"}
    assert statuses(zoo) == {"float32": right, "uint16": right}


@needs_browser
def test_wrong_values_are_judged_wrong(zoo: Zoo) -> None:
    assert zoo.build().code == 0
    vectors = zoo.folder / ".zoo/build/one/reference/vectors.bin"
    values = bytearray(vectors.read_bytes())
    # In place, so that doit does not look at it: the exponent of every fourth value.
    for at in range(3, len(values), 16):
        values[at] ^= 1
    vectors.write_bytes(values)
    use_browser(zoo)

    done = zoo.build()

    assert done.code == 0
    found = checks(zoo)["float32"]
    assert (found["wasm"]["status"], found["webgl"]["status"]) == ("ok", "failed")
    assert "values differ" in found["webgl"]["reason"]


@needs_browser
def test_a_wall_that_holds_no_browser_leaves_webgl_untried(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WALL_VARIABLE, "landlock")
    use_browser(zoo)

    done = zoo.build()

    assert done.code == 0
    reason = checks(zoo)["float32"]["webgl"]["reason"]
    assert reason.startswith("nothing on this machine can confine a stranger's model in a browser")
    assert "Landlock and seccomp: a program behind it can start no other" in reason
    receipt = load_receipt(zoo.folder / ".zoo/build/one/browser")
    assert receipt is not None
    assert receipt.kept_here
