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


@pytest.mark.parametrize(("backend", "is_known"), [("wasm", False), ("webgl", True)])
def test_a_sine_of_a_shader_has_a_fault_that_is_known(
    backend: str, is_known: bool
) -> None:  # a case
    fault = find_known_fault({"node": [node("y", "Sin", ["x"])]}, "y", backend=backend)

    assert ("2^-11 in a sine" in (fault or "")) == is_known
