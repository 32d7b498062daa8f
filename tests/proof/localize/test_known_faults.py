"""Known faults: those of nodes that a repair would replace, and those of shaders."""

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

    assert find_known_fault({"node": [node("x", "Relu", []), cast]}, "y", backend="wasm") == fault
    assert find_known_fault({"node": [node("x", "Relu", []), cast]}, "x", backend="wasm") is None


def test_a_sine_of_a_shader_has_a_fault_that_is_known() -> None:
    graph = {"node": [node("y", "Sin", ["x"])]}

    assert "2^-11 in a sine" in (find_known_fault(graph, "y", backend="webgl") or "")
    assert find_known_fault(graph, "y", backend="wasm") is None
