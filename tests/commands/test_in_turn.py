"""Tasks in turn: those of a model come when doit gets to it, and go when its steps have ended."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from doit.dependency import Dependency, JsonDB

from pipeline.commands.in_turn import Dispatcher, run_in_turn
from pipeline.engine.database import model_of
from pipeline.report.json_lines import JsonLinesReporter
from pipeline.steps.graph import load_graph
from pipeline.steps.tasks import OF_ZOO

NAMES = [f"m{number:03}" for number in range(120)]
OPTIONS = {
    "pdb": False,
    "failure_verbosity": 0,
    "verbosity": 0,
    "force_verbosity": False,
    "always": False,
    "continue_": False,
}


@pytest.mark.parametrize("num_process", [0, 3])
def test_a_model_goes_when_its_steps_have_ended(tmp_path: Path, num_process: int) -> None:
    # No source is there, so that each step ends at once.
    models = [{"name": name, "source": f"{name}.pb"} for name in NAMES]
    zoo = {"zoo": {"site": False}, "models": models}
    (tmp_path / "models.yaml").write_text(json.dumps(zoo))
    graph = load_graph(tmp_path)
    graph.most_kept = 10
    released: list[str] = []
    most: list[int] = []

    def release(model: str) -> None:
        most.append(len({model_of(name) for name in dispatcher.nodes}))
        released.append(model)

    dispatcher = Dispatcher(graph, release, OF_ZOO)
    text = io.StringIO()
    options: dict[str, Any] = {**OPTIONS, "num_process": num_process}
    database = Dependency(JsonDB, str(tmp_path / "doit.json"))
    status = run_in_turn(dispatcher, database, JsonLinesReporter, text, options)
    ended = [line for line in map(json.loads, text.getvalue().splitlines()) if "status" in line]

    assert status == 0
    assert sorted(released) == NAMES
    assert dispatcher.under_way == []
    assert {model_of(name) for name in dispatcher.nodes} == {""}
    # A hundred models at a time have begun.
    assert max(most) <= 100 + 1 + num_process
    assert len(graph._made) <= 10
    assert {line["task"] for line in ended if line["status"] == "failed"} == {
        f"fetch:{name}" for name in NAMES
    }
    tasks = [line["task"] for line in ended if line["status"] != "started"]
    assert tasks.index("catalog") > max(tasks.index(f"card:{name}") for name in NAMES)
    assert tasks[-1] == "dist"
