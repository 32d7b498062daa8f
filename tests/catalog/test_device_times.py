"""Times on devices, from the files that a page's self-test saves."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.catalog.device_times import read_device_times
from pipeline.errors import ManifestError


def result(backend: str, status: str, *times: float | None) -> dict[str, Any]:
    """Return the result of a backend, with what else a report has."""
    names = dict(zip(("loadMs", "firstMs", "runMs"), times or (None,) * 3, strict=True))
    return {"backend": backend, "status": status, "reason": None, **names}


def write(folder: Path, content: Any) -> tuple[str, ...]:
    (folder / "phone.json").write_text(json.dumps(content))
    return ("phone.json",)


def test_the_backends_of_one_model_that_passed(tmp_path: Path) -> None:
    results = [result("wasm", "pass", 10.5, 20.0, 3.25), result("webgpu", "unavailable")]
    of_hand = {"model": "hand", "variant": "uint8", "status": "pass", "results": results}
    device = {"device": "Phone", "tfjs": "4.22.0", "reports": [of_hand, {**of_hand, "model": "x"}]}
    paths = write(tmp_path, [device, {**device, "device": "Desk", "reports": []}])

    [time] = read_device_times(paths, tmp_path, "hand")

    assert time.to_json() == {
        "device": "Phone",
        "tfjs": "4.22.0",
        "variant": "uint8",
        "backend": "wasm",
        "loadMs": 10.5,
        "firstMs": 20.0,
        "runMs": 3.25,
    }
    assert read_device_times(paths, tmp_path, "other") == []


@pytest.mark.parametrize("content", [{}, [1], {"device": "", "reports": []}, {"device": "a"}])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: Any) -> None:
    paths = write(tmp_path, content)

    with pytest.raises(ManifestError, match=r"timings: phone\.json: "):
        read_device_times(paths, tmp_path, "hand")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"timings: gone\.json: No such file"):
        read_device_times(("gone.json",), tmp_path, "hand")
