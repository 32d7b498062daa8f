"""Sizes of 0 and empty lists of arguments, which protobuf's JSON leaves out, before and after."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import node
from tfjs_runtime import function, load, run_one, store, typed, with_library, write_model

from pipeline.tfjs.rewrite.rewrite import rewrite_graph

BACKENDS = ["cpu", "wasm"]
Json = dict[str, Any]


def as_protobuf_writes(content: Json) -> Json:
    """Leave out the fields at their default."""
    (entry,) = (one for one in content["modelTopology"]["node"] if one["op"] == "Placeholder")
    shapes = [entry["attr"]["shape"]["shape"], content["signature"]["inputs"]["x"]["tensorShape"]]
    for shape in shapes:
        shape["dim"] = [axis if axis["size"] != "0" else {} for axis in shape["dim"]]
    return content


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_input_without_elements(tmp_path: Path, backend: str) -> None:
    model = write_model(
        tmp_path / "m",
        [node("y", "Relu", ["x"])],
        inputs={"x": ("float32", (2, 0))},
        outputs={"y": "y:0"},
    )
    store(model, as_protobuf_writes(load(model)))
    x = np.zeros([2, 0], np.float32)

    before = run_one(tmp_path / "before", model, backend, x=x)
    content, sentences = rewrite_graph(load(model))
    store(model, content)
    after = run_one(tmp_path / "after", model, backend, x=x)

    assert "must be [2,NaN]" in str(before.error)
    assert after.error is None
    assert after.outputs[0]["y"].shape == (2, 0)
    assert content["signature"]["inputs"]["x"]["tensorShape"] == {
        "dim": [{"size": "2"}, {"size": "0"}]
    }
    assert [text.partition(":")[0] for text in sentences] == ["size of 0 is written out"]
    assert rewrite_graph(content) == (content, [])


def choice(folder: Path) -> Path:
    """Write a model that chooses between two functions without arguments."""
    branches = {"then_branch": {"func": {"name": "yes"}}, "else_branch": {"func": {"name": "no"}}}
    made: Json = {
        "name": "if",
        "op": "StatelessIf",
        "input": ["x"],
        "attr": {
            "Tcond": {"type": "DT_BOOL"},
            "Tin": {"list": {}},
            "Tout": {"list": {"type": ["DT_FLOAT"]}},
            **branches,
        },
    }
    model = write_model(
        folder,
        [made, node("y", "Identity", ["if"])],
        inputs={"x": ("bool", ())},
        outputs={"y": "y:0"},
        weights={"yes/one": np.array(1, np.float32), "no/two": np.array(2, np.float32)},
    )
    content = load(model)
    nodes = content["modelTopology"]["node"]
    constants = {one["name"]: one for one in nodes if "/" in one["name"]}
    content["modelTopology"]["node"] = [one for one in nodes if one["name"] not in constants]
    store(model, content)
    library = []
    for name, constant in (("yes", "yes/one"), ("no", "no/two")):
        branch = function(
            name,
            takes={},
            gives={"z": "float32"},
            returns={"z": "negative:y:0"},
            nodes=[
                constants[constant],
                typed("negative", "Neg", [f"{constant}:output:0"], T="float32"),
            ],
        )
        del branch["signature"]["inputArg"]
        library.append(branch)
    return with_library(model, library)


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_branch_that_captures_nothing(tmp_path: Path, backend: str) -> None:
    model = choice(tmp_path / "m")
    x = np.array(False)

    before = run_one(tmp_path / "before", model, backend, x=x)
    content, sentences = rewrite_graph(load(model))
    store(model, content)
    after = run_one(tmp_path / "after", model, backend, x=x)

    assert "reading 'forEach'" in str(before.error)
    assert after.error is None
    assert after.outputs[0]["y"] == -2
    (sentence,) = sentences
    assert sentence.endswith("(2 in this graph)")
    assert rewrite_graph(content) == (content, [])
