"""The command that hints name."""

import sys

import pytest

from pipeline.text.typed_command import name_typed


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        pytest.param("/usr/bin/tfjs-zoo", "`tfjs-zoo` and `tfjs-zoo plan`", id="ours"),
        pytest.param("/usr/bin/doit", "`doit` and `doit plan`", id="doit"),
        pytest.param("/lib/doit/__main__.py", "`doit` and `doit plan`", id="module of doit"),
        pytest.param("/work/pipeline/cli.py", "`tfjs-zoo` and `tfjs-zoo plan`", id="our module"),
    ],
)
def test_hints_name_the_command_that_was_typed(
    monkeypatch: pytest.MonkeyPatch, typed: str, expected: str
) -> None:
    monkeypatch.setattr(sys, "argv", [typed])

    assert name_typed("`tfjs-zoo` and `tfjs-zoo plan`") == expected
    assert name_typed("tfjs-zoo 0.1.0 made it") == "tfjs-zoo 0.1.0 made it"
