"""The contract of an input in words."""

from typing import Any

import pytest
from site_zoo import model, tensor_in

from pipeline.site.contract_rows import NOBODY, Fact, describe_contracts

IMAGE = [1, 64, 64, 3]


def facts(shape: list[int] | None, **contract: Any) -> list[Fact]:
    """Return the facts of an input."""
    found = describe_contracts(model(inputs=[tensor_in(0, "x", shape, **contract)]))
    return list(found.get("x", ()))


@pytest.mark.parametrize(
    ("contract", "name", "value"),
    [
        ({"range": [-1, 1]}, "range", "\N{MINUS SIGN}1 to 1"),
        ({"mean": [103.94, 116.78, 123.68]}, "mean", "103.94, 116.78, 123.68"),
        ({"std": [127.5]}, "standard deviation", "127.5"),
        ({"color": "bgr"}, "colours", "blue, green, red"),
        ({"layout": "nchw"}, "layout", "channels first (NCHW)"),
        ({"resize": "letterbox"}, "resizing", "whole, with black bars"),
        ({"sampleRate": 22050}, "sample rate", "22,050 Hz"),
        ({"sizes": [1, 8]}, "open sizes", "[1, 8]"),
        ({"vocabulary": 30000}, "ids", "0 to 29,999"),
        ({"words": ["a", "b"]}, "texts", "“a”, “b”"),
        ({"characters": "ascii"}, "characters", "those of ASCII"),
        ({"state": "h"}, "state", "the output h of the run before"),
        ({"initial": [0.5, 1]}, "state at first", "0.5, 1"),
        ({"constant": 0.25}, "constant", "0.25"),
        ({"constant": list(range(10))}, "constant", "0, 1, 2, 3, 4, 5, 6, 7 and 2 more"),
    ],
)
def test_a_fact_has_a_name_and_a_value(contract: dict[str, Any], name: str, value: str) -> None:
    found = {fact.name: fact.value for fact in facts([1, 8], **contract)}

    assert found[name] == value


def test_a_fact_tells_how_it_is_known() -> None:
    evidence = {"sampleRate": "models.yaml", "range": "the docs say so"}
    found = facts([-1], sampleRate=8000, range=[-1, 1], evidence=evidence)

    assert [fact.evidence for fact in found] == ["the docs say so", "stated in models.yaml"]


@pytest.mark.parametrize(
    ("shape", "contract", "told"),
    [
        pytest.param(IMAGE, {}, True, id="image"),
        pytest.param([-1], {"sampleRate": 8000}, True, id="sound"),
        pytest.param(IMAGE, {"range": [0, 1]}, False, id="known"),
        pytest.param(IMAGE, {"std": [2]}, False, id="known by its deviation"),
        pytest.param(IMAGE, {"dtype": "uint8"}, False, id="bytes"),
        pytest.param(IMAGE, {"dtype": "int8"}, True, id="signed bytes"),
        pytest.param(IMAGE, {"state": "h"}, False, id="state"),
        pytest.param([1, 8], {}, False, id="numbers"),
    ],
)
def test_a_range_that_nobody_states_is_told(
    shape: list[int], contract: dict[str, Any], told: bool
) -> None:
    found = [fact for fact in facts(shape, **contract) if fact.value == NOBODY]

    assert [fact.known for fact in found] == [False] * told
