"""Loops, branches and lists, in TensorFlow.js before and after repair."""

from pathlib import Path

import numpy as np
import pytest
from flows import name_folder, written
from run_cases import load_arrays, read_outputs, run_folders

from pipeline.errors import WorkerError

pytestmark = [pytest.mark.tensorflow, pytest.mark.network]

BACKENDS = ["cpu", "wasm"]
# Right in the control flow of TensorFlow 1 without repair.
RIGHT_BEFORE = {
    "indices of the greatest", "two lists", "a map of maps", "a map of scans", "a map of truths",
    "loops in branches",
}  # fmt: skip
NAMES = [
    "indices of the greatest", "suppressed boxes", "constants in branches",
    "a loop that a flag ends", "one of three branches", "a loop that ends early",
    "lists made in a loop", "a list written beside another", "the last of a list",
    "a joined list", "two lists", "a map of maps", "a map of scans",
    "a map of truths", "loops in branches", "a map of nothing", "maps of some or nothing",
]  # fmt: skip


@pytest.fixture(scope="module")
def ran() -> Path:
    """Run all functions in TensorFlow.js; return the folder of their folders."""
    folder = written()
    run_folders(sorted(each for each in folder.iterdir() if each.is_dir()), BACKENDS)
    return folder


def check(folder: Path, backend: str) -> None:
    made = read_outputs(folder, backend)
    for key, expected in load_arrays(folder / "expected.npz").items():
        assert made[key].shape == expected.shape
        assert made[key].dtype == expected.dtype
        assert np.allclose(made[key], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("v2", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_right_after_repair(name: str, backend: str, ran: Path, *, v2: bool) -> None:
    check(ran / name_folder(name, v2=v2, after=True), backend)


@pytest.mark.parametrize(
    ("name", "v2"),
    [(name, v2) for name in NAMES for v2 in (False, True) if v2 or name not in RIGHT_BEFORE],
)
def test_wrong_before(name: str, ran: Path, *, v2: bool) -> None:
    with pytest.raises((AssertionError, WorkerError)):
        check(ran / name_folder(name, v2=v2, after=False), "cpu")
