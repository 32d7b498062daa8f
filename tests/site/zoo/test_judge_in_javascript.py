"""The loader's verdicts and those of the build: the same on the same values."""

import json
import math
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loader_zoo import NODE, tensor
from paths import ROOT

from pipeline.proof.judge.judge import judge_outputs
from pipeline.proof.judge.model_under_test import ModelUnderTest, OutputCheck
from pipeline.proof.judge.value_limits import DEFAULTS
from pipeline.proof.vector_files import Vector, Vectors, write_vectors
from pipeline.tfjs.model.weights import Array

SOURCES = ROOT / "pipeline/site/zoo"
RNG = np.random.default_rng(7)
LIMIT = DEFAULTS["uint8"]  # without a signal-to-noise ratio, which the catalog does not have

PROGRAM = """
import {readFileSync} from 'node:fs';
const [request] = process.argv.slice(1);
const {sources, folder, entry, variant} = JSON.parse(readFileSync(request));
const {readVectors} = await import(`${sources}/vectors.js`);
const {judgeOutputs} = await import(`${sources}/judge.js`);
const read = (name) => readVectors(readFileSync(`${folder}/${name}/vectors.json`),
  new Uint8Array(readFileSync(`${folder}/${name}/vectors.bin`)));
const found = read('found').vectors.map(({outputs}) => outputs);
console.log(JSON.stringify(judgeOutputs(entry, variant, 'cpu', read('reference'), found)));
"""

Tensors = dict[str, Array]
SELECTED = {"boxes": ["NonMaxSuppressionV5"]}


def judge_both(  # noqa: PLR0913  # a case
    tmp_path: Path,
    reference: Sequence[Tensors],
    found: Sequence[Tensors],
    *,
    roles: Mapping[str, Sequence[str]] | None = None,
    selection: Mapping[str, Sequence[str]] | None = None,
    form: str | None = None,
) -> tuple[dict[str, OutputCheck], dict[str, Any]]:
    """Return what the build and what the loader says of each output."""
    inputs = {"x": np.zeros((1, 2), np.float32)}
    vectors = [Vector(inputs=inputs, outputs=outputs) for outputs in reference]
    model = ModelUnderTest(
        outputs=list(reference[0]),
        roles=roles or {},
        selection=selection or {},
        vectors=Vectors(vectors=vectors, seed="", runtime=""),
        box_form=form,
    )
    checks = judge_outputs(model, dict.fromkeys(model.outputs, LIMIT), found)
    for name, outputs in (("reference", reference), ("found", found)):
        (tmp_path / name).mkdir(parents=True)
        written = [Vector(inputs=inputs, outputs=one) for one in outputs]
        write_vectors(tmp_path / name, Vectors(vectors=written, seed="", runtime=""))
    return checks, _judge_in_node(tmp_path, checks, roles or {}, form)


def _judge_in_node(
    folder: Path,
    checks: Mapping[str, OutputCheck],
    roles: Mapping[str, Sequence[str]],
    form: str | None,
) -> dict[str, Any]:
    outputs = [
        tensor(i, name, None, role=next(iter(roles.get(name, ())), None))
        for i, name in enumerate(checks)
    ]
    conventions = {"boxes": {"conventions": {"form": form} if form else {}}}
    entry = {
        "name": "model",
        "outputs": outputs,
        "map": {role: f"{name}:0" for name, own in roles.items() for role in own},
        "roles": conventions,
    }
    records = {name: one.record(LIMIT).to_json() for name, one in checks.items()}
    request = {
        "sources": SOURCES.as_uri(),
        "folder": str(folder),
        "entry": entry,
        "variant": {"checks": {"wasm": {"outputs": records}}},
    }
    (folder / "request.json").write_text(json.dumps(request))
    command = [str(NODE), "--input-type=module", "-e", PROGRAM, str(folder / "request.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {one["name"]: one for one in json.loads(done.stdout)}


def agree(
    checks: Mapping[str, OutputCheck], judged: Mapping[str, Any], expected: Mapping[str, str]
) -> None:
    """Assert that both say the same, and that it is what is expected: "pass" or "fail"."""
    for name, check in checks.items():
        one = judged[name]
        assert ("fail" if check.fault else "pass") == expected[name], check.fault
        status = "fail" if check.fault else "unproved" if check.unproved else "pass"
        assert one["status"] == status, (name, one["reason"], check.fault)
        assert one["gate"] == check.gate
        if check.fidelity is not None:
            for key, value in (
                ("maxAbsError", check.fidelity.max_abs_error),
                ("maxRelError", check.fidelity.max_rel_error),
            ):
                assert one[key] == (value if value is None else pytest.approx(value)), key
        for key, value in check.metrics.items():
            if key in one["metrics"]:
                wanted = None if value is None or math.isnan(value) else pytest.approx(value)
                assert one["metrics"][key] == wanted, key


def floats(*shape: int) -> Array:
    """Return made-up values."""
    return RNG.normal(size=shape).astype(np.float32)


VALUES = floats(2, 30)
RANGE = float(VALUES.max() - VALUES.min())
LOG = np.log(np.abs(VALUES), dtype=np.float32)


def changed(values: Array, at: tuple[int, ...], to: float) -> Array:
    """Return values with one of them replaced."""
    copy = values.copy()
    copy[at] = to
    return copy


@pytest.mark.parametrize(
    ("reference", "found", "expected"),
    [
        pytest.param(VALUES, VALUES, "pass", id="equal"),
        pytest.param(VALUES, VALUES + 0.009 * RANGE, "pass", id="near"),
        pytest.param(VALUES, VALUES + 0.011 * RANGE, "fail", id="far"),
        pytest.param(VALUES, changed(VALUES, (1, 3), np.nan), "fail", id="NaN"),
        pytest.param(VALUES, changed(VALUES, (0, 3), np.inf), "fail", id="infinite"),
        pytest.param(changed(VALUES, (0, 3), np.inf), changed(VALUES, (0, 3), np.inf), "pass",
                     id="infinite in both"),
        pytest.param(changed(VALUES, (0, 3), np.inf), VALUES, "fail", id="finite"),
        pytest.param(VALUES * 0, VALUES * 0 + 1e-7, "pass", id="no range"),
        pytest.param(VALUES * 0, VALUES * 0 + 1e-5, "fail", id="no range, far"),
        pytest.param(VALUES[:1, :3], VALUES[:1, :3] * 1.008, "pass", id="few"),
        pytest.param(10 + VALUES[:1, :9] / 10, 10.05 + VALUES[:1, :9] / 10, "pass",
                     id="few, far from 0"),
        pytest.param(10 + VALUES / 10, 10.05 + VALUES / 10, "fail", id="many, far from 0"),
        pytest.param(VALUES, VALUES[:1], "fail", id="shape"),
        pytest.param(np.arange(200), np.arange(200) + 9 * (np.arange(200) == 3), "pass",
                     id="integers"),
        pytest.param(np.arange(200), np.arange(200) + 9 * (np.arange(200) < 3), "fail",
                     id="other integers"),
        pytest.param(VALUES > 0, VALUES > 0.5, "fail", id="bool"),
        pytest.param(np.array([b"a", b"b"], object), np.array([b"a", b"b"], object), "pass",
                     id="texts"),
        pytest.param(np.array([b"a", b"b"], object), np.array([b"a", b"c"], object), "fail",
                     id="other texts"),
        pytest.param(np.array([b"a", b"b"], object), np.arange(2), "fail", id="another kind"),
        pytest.param(VALUES * 1j, VALUES * 1j + 0.1, "fail", id="complex"),
    ],
)  # fmt: skip
def test_values(tmp_path: Path, reference: Array, found: Array, expected: str) -> None:
    checks, judged = judge_both(tmp_path, [{"y": reference}], [{"y": found}])

    agree(checks, judged, {"y": expected})


def test_all_vectors_count(tmp_path: Path) -> None:
    reference, found = [{"y": VALUES}, {"y": VALUES * 2}], [{"y": VALUES}, {"y": VALUES * 2.1}]
    checks, judged = judge_both(tmp_path, reference, found)

    agree(checks, judged, {"y": "fail"})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(lambda rows: rows[::-1], "pass", id="turned"),
        pytest.param(lambda rows: rows[:38], "pass", id="two fewer"),
        pytest.param(lambda rows: rows[:30], "fail", id="ten fewer"),
        pytest.param(lambda rows: rows[RNG.permutation(40)] + 0.001, "pass", id="shuffled, near"),
        pytest.param(lambda rows: rows + 0.5, "fail", id="far"),
        pytest.param(lambda rows: changed(rows, (3, 1), np.nan), "fail", id="NaN"),
        pytest.param(lambda rows: changed(rows, (3, 1), np.inf), "fail", id="infinite"),
    ],
)
@pytest.mark.parametrize("width", [1, 4])
def test_rows(tmp_path: Path, found: Any, expected: str, width: int) -> None:
    rows = RNG.normal(size=(40, 4)).astype(np.float32)
    others = np.ascontiguousarray(found(rows))
    # A single image, a batch of one, and whole numbers.
    reference = {"a": rows[:, :width], "b": rows[None, :, :width]}
    actual = {"a": others[:, :width], "b": others[None, :, :width]}
    if width == 1:
        expected = expected if expected != "fail" or others.shape != rows.shape else "either"
    selection = {name: ["TopKV2"] for name in reference}
    checks, judged = judge_both(tmp_path, [reference], [actual], selection=selection)
    if expected == "either":
        expected = "fail" if checks["a"].fault else "pass"

    agree(checks, judged, dict.fromkeys(reference, expected))


def detector(boxes: int, *, count: int | None = None) -> Tensors:
    """Return what a detector returns for two images."""
    low = RNG.uniform(0, 0.7, size=(2, boxes, 2))
    corners = np.concatenate([low, low + RNG.uniform(0.05, 0.3, size=(2, boxes, 2))], axis=2)
    scores = np.sort(RNG.uniform(0.2, 1, size=(2, boxes)), axis=1)[:, ::-1]
    tensors: Tensors = {
        "boxes": corners.astype(np.float32),
        "scores": scores.astype(np.float32),
        "classes": RNG.integers(1, 4, size=(2, boxes)).astype(np.float32),
    }
    if count is not None:
        tensors["count"] = np.array([count, boxes], np.float32)
    return tensors


def reorder(tensors: Tensors, order: Array) -> Tensors:
    """Return the rows of a detector in another order."""
    return {
        name: np.ascontiguousarray(array if name == "count" else array[:, order])
        for name, array in tensors.items()
    }


def pad(array: Array) -> Array:
    """Return an array with five rows of zeros behind those of each image."""
    rows: Array = np.zeros((2, 5, *array.shape[2:]), array.dtype)
    return np.concatenate([array, rows], axis=1)


@pytest.mark.parametrize("form", [None, "centre"])
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda one: one, "pass", id="equal"),
        pytest.param(lambda one: reorder(one, RNG.permutation(25)), "pass", id="shuffled"),
        pytest.param(lambda one: {**one, "boxes": one["boxes"] + np.float32(0.003)}, "pass",
                     id="near"),
        pytest.param(lambda one: {**one, "boxes": one["boxes"] + np.float32(0.03)}, "fail",
                     id="far"),
        pytest.param(lambda one: {**one, "scores": one["scores"] * np.float32(0.9)}, "fail",
                     id="other scores"),
        pytest.param(lambda one: {**one, "classes": one["classes"] % 3 + 1}, "fail",
                     id="other classes"),
        pytest.param(lambda one: {**one, "boxes": changed(one["boxes"], (0, 0, 0), np.nan)}, "fail",
                     id="NaN"),
        pytest.param(lambda one: {name: array[:, :-1] for name, array in one.items()}, "pass",
                     id="the lowest fell out"),
        pytest.param(lambda one: {name: array[:, 5:] for name, array in one.items()}, "fail",
                     id="the highest fell out"),
        pytest.param(lambda one: {name: pad(array) for name, array in one.items()}, "pass",
                     id="padded"),
    ],
)  # fmt: skip
def test_boxes(tmp_path: Path, form: str | None, change: Any, expected: str) -> None:
    reference = detector(25)
    found = change(reference)
    roles = {name: [name] for name in reference}
    selection = {name: ["NonMaxSuppressionV5"] for name in reference}
    checks, judged = judge_both(
        tmp_path, [reference], [found], roles=roles, selection=selection, form=form
    )
    result = "fail" if any(check.fault for check in checks.values()) else "pass"

    assert checks["boxes"].gate == "boxes"
    # With sizes in place of corners, a shift leaves the overlap, and a change moves it otherwise.
    assert form or result == expected
    agree(checks, judged, {n: "fail" if check.fault else "pass" for n, check in checks.items()})


def test_rows_beyond_the_count_are_padding(tmp_path: Path) -> None:
    reference = detector(25, count=10)
    found = {name: array.copy() for name, array in reference.items()}
    found["boxes"][0, 10:] = 7
    found["scores"][0, 10:] = 7
    roles = {name: [name] for name in reference}
    selection = {name: ["NonMaxSuppressionV5"] for name in reference}
    checks, judged = judge_both(tmp_path, [reference], [found], roles=roles, selection=selection)

    assert judged["boxes"]["metrics"]["boxes"] == 35
    agree(checks, judged, dict.fromkeys(reference, "pass"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda points: points, "pass", id="equal"),
        pytest.param(lambda points: points + np.float32(0.002), "pass", id="near"),
        pytest.param(
            lambda points: points + np.float32(0.1) * (np.arange(3) < 1), "fail", id="far"
        ),
        pytest.param(
            lambda points: points + np.array([0, 0, 0.1], np.float32), "fail", id="scores"
        ),
        pytest.param(lambda points: changed(points, (0, 0, 3, 1), np.nan), "fail", id="NaN"),
    ],
)
def test_keypoints(tmp_path: Path, change: Any, expected: str) -> None:
    points = RNG.uniform(0, 1, size=(1, 1, 17, 3)).astype(np.float32)
    checks, judged = judge_both(
        tmp_path,
        [{"keypoints": points}],
        [{"keypoints": change(points)}],
        roles={"keypoints": ["keypoints"]},
        selection={"keypoints": ["ArgMax"]},
    )

    assert checks["keypoints"].gate == "keypoints"
    agree(checks, judged, {"keypoints": expected})


@pytest.mark.parametrize(("wrong", "expected"), [(3, "pass"), (30, "fail")])
@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_choices(tmp_path: Path, wrong: int, expected: str, dtype: Any) -> None:
    labels = RNG.integers(0, 5, size=(1, 100)).astype(dtype)
    found = labels + (np.arange(100) < wrong).astype(dtype)
    checks, judged = judge_both(
        tmp_path, [{"y": labels}], [{"y": found}], selection={"y": ["ArgMax"]}
    )

    assert checks["y"].gate == "choice"
    agree(checks, judged, {"y": expected})


def test_an_output_that_was_never_compared_proves_nothing(tmp_path: Path) -> None:
    _, judged = judge_both(tmp_path, [{"y": VALUES}], [{"y": VALUES}])
    program = PROGRAM.replace("variant, 'cpu'", "{checks: {}}, 'cpu'")
    command = [str(NODE), "--input-type=module", "-e", program, str(tmp_path / "request.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert judged["y"]["status"] == "pass"
    (one,) = json.loads(done.stdout)
    assert (one["status"], one["reason"]) == ("unproved", "no backend was ever compared")
