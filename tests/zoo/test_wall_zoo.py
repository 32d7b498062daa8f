"""A zoo behind each kind of wall, built by the real doit: what people see of it."""

import json
from pathlib import Path

import pytest
from zoos import Zoo

from pipeline.wall.wall import WALL_VARIABLE, WALLS, look_for_walls

pytestmark = pytest.mark.network


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    zoo = Zoo(tmp_path / "a zoo")
    zoo.add("one", seed=1)
    return zoo


def run_behind(zoo: Zoo, wall: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str | None]:
    """Build behind one kind of wall; return the exit code and what the run says of the wall."""
    monkeypatch.setenv(WALL_VARIABLE, wall)
    done = zoo.build()
    return done.code, done.events[-1]["wall"]


@pytest.mark.parametrize("wall", WALLS)
def test_a_zoo_is_built_behind_each_wall_with_the_same_bytes(
    wall: str, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    if look_for_walls(wall).wall is None:
        pytest.skip(f"{wall} does not work here")

    assert run_behind(zoo, wall, monkeypatch) == (
        0,
        f"Models were opened behind {WALLS[wall].name}",
    )
    assert zoo.entry("one")["status"] == "ok"


def test_without_a_wall_a_strangers_model_is_refused_until_it_is_trusted(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_behind(zoo, "none", monkeypatch) == (1, None)
    assert "nothing on this machine can confine" in zoo.entry("one")["reason"]

    zoo.manifest["models"][0]["trust"] = True

    code, said = run_behind(zoo, "none", monkeypatch)
    assert code == 0
    assert str(said).startswith("Trusted models were opened without a wall")
    assert zoo.entry("one")["status"] == "ok"


def test_a_refusal_for_want_of_a_wall_is_tried_again_when_there_is_one(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    if look_for_walls(None).wall is None:
        pytest.skip("no wall works here")
    assert run_behind(zoo, "none", monkeypatch)[0] == 1

    assert run_behind(zoo, "", monkeypatch)[0] == 0


def test_one_deadline_holds_for_all_that_a_step_starts(zoo: Zoo) -> None:
    """Each size that is tried would else have the whole time for itself."""
    zoo.manifest["models"][0]["timeout_seconds"] = 0.2

    done = zoo.build()

    assert done.code == 1
    assert done.failures["reference:one"] == "TensorFlow.js took more than 0.2 s"
    receipt = json.loads((zoo.folder / ".zoo/build/one/reference.failed/receipt.json").read_bytes())
    assert receipt["failure"]["retry"]
