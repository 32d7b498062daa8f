"""The interface of a model, compared: corner cases that no small build has."""

from typing import Any

import pytest
from loader_zoo import tensor
from site_zoo import entry, model, tensor_in

from pipeline.diff.interface import compare_interface

Json = dict[str, Any]


def compare(before: Json, after: Json) -> dict[str, tuple[str, ...]]:
    """Return what each change means, by its text."""
    changes = compare_interface(model(**before), model(**after), absent=frozenset())
    return {change.text: change.marks for change in changes}


def role(tensor: str | None, **conventions: str) -> Json:
    """Return a role as the catalog has it."""
    return {
        "tensor": tensor,
        "source": "inferred",
        "evidence": [],
        "conventions": conventions,
    }


BREAKING = ("breaking",)
TWO = [tensor(0, "a", [-1, 4]), tensor(1, "b", [-1, 2])]
SWAPPED = [tensor(0, "b", [-1, 2]), tensor(1, "a", [-1, 4])]


def test_a_model_is_what_it_is() -> None:
    assert compare(entry(), entry()) == {}


@pytest.mark.parametrize(
    ("before", "after", "text", "marks"),
    [
        pytest.param(
            {"format": "graph-model"},
            {"format": "layers-model"},
            "format: graph-model → layers-model, which is loaded in another way",
            BREAKING,
            id="format",
        ),
        pytest.param(
            {"requiresAsync": False},
            {"requiresAsync": True},
            "needs executeAsync()",
            BREAKING,
            id="executeAsync",
        ),
        pytest.param(
            {"outputs": TWO},
            {"outputs": SWAPPED},
            "order of outputs: a, b → b, a",
            BREAKING,
            id="order",
        ),
        pytest.param({"outputs": TWO}, {"outputs": TWO[:1]}, "output b: gone", BREAKING, id="gone"),
        pytest.param(
            {"outputs": TWO[:1]},
            {"outputs": TWO},
            "output b: new, float32 [?, 2]",
            BREAKING,
            id="a second output: predict() returns a list now",
        ),
        pytest.param(
            {"outputs": TWO},
            {"outputs": [*TWO, tensor(2, "c", [-1])]},
            "output c: new, float32 [?]",
            (),
            id="a third output",
        ),
        pytest.param(
            {},
            {"inputs": [tensor_in(0, "x", [-1, 8]), tensor_in(1, "y", [])]},
            "input y: new, float32 []",
            BREAKING,
            id="an input to be fed",
        ),
        pytest.param(
            {},
            {"inputs": [tensor_in(0, "x", [1, 8])]},
            "input x: shape [?, 8] → [1, 8]",
            BREAKING,
            id="shape",
        ),
        pytest.param(
            {},
            {"inputs": [tensor_in(0, "x", [-1, 8], dtype="uint8", jsDtype="int32")]},
            "input x: dtype float32 → int32",
            BREAKING,
            id="dtype",
        ),
        pytest.param(
            {"inputs": [tensor_in(0, "x", [-1, 8], dtype="uint8", jsDtype="int32")]},
            {"inputs": [tensor_in(0, "x", [-1, 8], dtype="int64", jsDtype="int32")]},
            "input x: dtype in the source uint8 → int64",
            (),
            id="dtype in the source alone",
        ),
        pytest.param(
            {"inputs": [tensor_in(0, "x", [-1, 8]) | {"range": [0, 1]}]},
            {"inputs": [tensor_in(0, "x", [-1, 8]) | {"range": [0, 255]}]},
            "input x: values [0.0, 1.0] → [0.0, 255.0]",
            BREAKING,
            id="range of values",
        ),
        pytest.param(
            {"outputs": [tensor(0, "y", [-1, 4], tensor="A:0")]},
            {"outputs": [tensor(0, "y", [-1, 4], tensor="B:0")]},
            "output y: tensor A:0 → B:0",
            BREAKING,
            id="tensor",
        ),
        pytest.param(
            {"map": {"boxes": "a:0"}}, {"map": {}}, "role boxes: gone", BREAKING, id="role"
        ),
        pytest.param(
            {"map": {}}, {"map": {"boxes": "a:0"}}, "role boxes: new, a:0", (), id="new role"
        ),
        pytest.param(
            {"roles": {"boxes": role("a:0", order="yxyx")}},
            {"roles": {"boxes": role("a:0", order="xyxy")}},
            "role boxes: order yxyx → xyxy",
            BREAKING,
            id="convention",
        ),
        pytest.param(
            {"roles": {"boxes": role("a:0")}},
            {"roles": {"boxes": role("a:0", order="xyxy")}},
            "role boxes: order unknown → xyxy",
            (),
            id="a convention that was not known",
        ),
    ],
)
def test_what_code_would_notice_is_breaking(
    before: Json, after: Json, text: str, marks: tuple[str, ...]
) -> None:
    changes = compare({**entry(), **before}, {**entry(), **after})

    assert changes == {text: marks}


KNOWN = {"range": [0, 1], "evidence": {"range": "models.yaml"}}
COLORS = {"color": "rgb", "evidence": {"color": "models.yaml"}}


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        pytest.param(
            KNOWN,
            {},
            {"input x: values [0.0, 1.0], not stated any more": BREAKING},
            id="range lost",
        ),
        pytest.param(
            KNOWN | COLORS,
            KNOWN,
            {"input x: color rgb, not stated any more": ()},
            id="colours lost",
        ),
        pytest.param(
            KNOWN, KNOWN | {"color": "rgb"}, {"input x: color rgb, stated now": ()}, id="new"
        ),
        pytest.param({}, KNOWN, {}, id="a catalog of before"),
    ],
)
def test_facts_of_inputs_come_and_go(
    before: Json, after: Json, changes: dict[str, tuple[str, ...]]
) -> None:
    found = compare(
        *({"inputs": [tensor_in(0, "x", [-1, 8], **facts)]} for facts in (before, after))
    )

    assert found == changes
