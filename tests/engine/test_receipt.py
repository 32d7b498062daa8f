"""Receipts: what makes a folder out of date, and how it is said."""

from pathlib import Path
from typing import Any, TypeVar

import pytest

from pipeline.disk.versions import installed_version
from pipeline.engine.receipt import (
    RECEIPT,
    Failure,
    Ingredients,
    Receipt,
    explain_change,
    explain_loss,
    format_receipt,
    list_outputs,
    load_receipt,
)
from pipeline.records.record import Part

T = TypeVar("T", bound=Part)


def replace(part: T, **fields: Any) -> T:
    """Return a part with other values of some fields."""
    return part.model_copy(update=fields)


MADE = Ingredients(
    step="convert",
    version=1,
    parameters={"strip_debug_ops": True, "tags": ["serve"]},
    inputs={"fetch": "a" * 64},
)
RECEIPT_OF_MADE = Receipt(**vars(MADE), tools={"numpy": installed_version("numpy")})


def test_a_receipt_reads_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}")
    failure = Failure(status="failed", reason="no", hint="try", retry=True)
    receipt = replace(RECEIPT_OF_MADE, outputs=list_outputs(tmp_path), failure=failure)
    (tmp_path / RECEIPT).write_bytes(format_receipt(receipt))

    assert load_receipt(tmp_path) == receipt


@pytest.mark.parametrize("content", ["", "{", "[]", '{"step": "convert"}'])
def test_a_damaged_receipt_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / RECEIPT).write_text(content)

    assert load_receipt(tmp_path) is None


def test_the_same_ingredients_are_no_change() -> None:
    assert explain_change(RECEIPT_OF_MADE, MADE) is None


@pytest.mark.parametrize(
    ("now", "cause"),
    [
        pytest.param(
            replace(MADE, parameters={"strip_debug_ops": False, "tags": ["serve"]}),
            "parameter strip_debug_ops: true → false",
            id="parameter",
        ),
        pytest.param(
            replace(MADE, parameters={"strip_debug_ops": True}),
            'parameter tags: ["serve"] → absent',
            id="parameter gone",
        ),
        pytest.param(replace(MADE, inputs={"fetch": "b" * 64}), "input fetch changed", id="input"),
        pytest.param(
            replace(MADE, inputs={**MADE.inputs, "map": "c"}), "input map changed", id="new input"
        ),
        pytest.param(replace(MADE, version=2), "step convert changed: version 1 → 2", id="version"),
    ],
)
def test_a_change_is_named(now: Ingredients, cause: str) -> None:
    assert explain_change(RECEIPT_OF_MADE, now) == cause


def test_a_change_deep_in_a_parameter_is_named_by_its_path() -> None:
    models = {"one": {"title": "One", "tags": []}, "two": {"title": None}}
    made = replace(MADE, parameters={"models": models})
    now = replace(MADE, parameters={"models": {"one": {"title": "1", "tags": []}, "three": {}}})

    assert explain_change(Receipt(**vars(made), tools={}), now) == (
        'parameter models.one.title: "One" → "1"; models.three: absent → {}; '
        'models.two: {"title": null} → absent'
    )


def test_many_changes_are_counted() -> None:
    made = replace(MADE, parameters={"ops": dict.fromkeys("abcdef", 1)})
    now = replace(MADE, parameters={"ops": dict.fromkeys("abcdef", 2)})

    cause = explain_change(Receipt(**vars(made), tools={}), now)
    assert cause == "parameter ops.a: 1 → 2; ops.b: 1 → 2; ops.c: 1 → 2 and 3 more"


def test_another_version_of_a_tool_is_a_change() -> None:
    older = replace(RECEIPT_OF_MADE, tools={"numpy": "1.26.0"})

    assert explain_change(older, MADE) == f"tool numpy 1.26.0 → {installed_version('numpy')}"


def test_nothing_built_is_a_change() -> None:
    assert explain_change(None, MADE) == "never built"


def test_outputs_are_all_files_but_those_about_the_step(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.bin", "sub/a.bin", "receipt.json", "run.json", "log.txt"):
        (tmp_path / name).write_text(name)

    assert [output.path for output in list_outputs(tmp_path)] == ["b.bin", "sub/a.bin"]


def test_a_lost_or_shorter_output_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"12345")
    receipt = replace(RECEIPT_OF_MADE, outputs=list_outputs(tmp_path))
    assert explain_loss(receipt, tmp_path) is None

    (tmp_path / "a.bin").write_bytes(b"1234")
    assert explain_loss(receipt, tmp_path) == "output a.bin has 4 bytes instead of 5"
    (tmp_path / "a.bin").unlink()
    assert explain_loss(receipt, tmp_path) == "output a.bin is missing"
