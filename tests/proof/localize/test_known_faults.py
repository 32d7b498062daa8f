"""Known faults: those of nodes that a repair would replace."""

import pytest
from graph_models import Json, node

from pipeline.proof.localize.known_faults import find_known_fault


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("DT_BOOL", "the wasm backend casts to an integer first, so that 0.4 is false"),
        ("DT_INT32", None),
    ],
)
def test_a_repair_that_applies_names_the_fault(kind: str, fault: str | None) -> None:
    types = {"SrcT": {"type": "DT_FLOAT"}, "DstT": {"type": kind}}
    cast: Json = {"name": "y", "op": "Cast", "input": ["x"], "attr": types}

    assert find_known_fault({"node": [node("x", "Relu", []), cast]}, "y") == fault
    assert find_known_fault({"node": [node("x", "Relu", []), cast]}, "x") is None
