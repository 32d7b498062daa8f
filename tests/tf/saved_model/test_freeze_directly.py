"""Freezing without loading gives the very files that loading gives, or is not tried."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import paths
import pytest
import saved_models

pytestmark = pytest.mark.tensorflow

DIRECT = [
    "constant_output", "control_flow", "input_as_output", "mobilenet", "named_heads",
    "ragged_output", "shared_output", "six_outputs", "small_integer", "three_inputs",
    "unused_input",
]  # fmt: skip
LOADED = ["saves_on_loading", "table", "v1"]
"""Models with a table, with functions that run on loading, of TensorFlow 1."""


@pytest.fixture(scope="module")
def digests() -> Any:
    """Return the digests of the files of both conversions, by model."""
    folders = [str(saved_models.built() / name) for name in (*DIRECT, *LOADED)]
    done = subprocess.run(
        [sys.executable, str(paths.HELPERS / "both_freezes.py"), *folders],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", DIRECT)
def test_the_files_are_the_same_to_the_byte(digests: Any, name: str) -> None:
    direct, loaded = digests[name]

    assert direct == loaded


@pytest.mark.parametrize("name", LOADED)
def test_what_needs_more_is_loaded(digests: Any, name: str) -> None:
    direct, loaded = digests[name]

    assert direct is None
    assert loaded
