"""Verdict: runs of variants in TensorFlow.js turned into what the catalog says of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jsonschema
import numpy as np
import pytest

from pipeline.disk.canonical import format_json
from pipeline.manifest.tolerance import OutputTolerance, Tolerance
from pipeline.proof.judge.check import Candidate, judge_run
from pipeline.proof.judge.fidelity import Array
from pipeline.proof.judge.model_under_test import ModelUnderTest
from pipeline.proof.judge.verdict import Verdict, judge_model
from pipeline.proof.vector_files import Vector, Vectors
from pipeline.records.noise_floor import OutputFloor
from pipeline.runtime.node_results import ModelRun

BASE = Candidate(name="base")
SMALL = Candidate(name="uint8", dtype="uint8")
RAMP = np.linspace(0, 1, 101, dtype=np.float32).reshape(1, 101)


def model(
    *vectors: Mapping[str, Array],
    floors: Mapping[str, Sequence[OutputFloor]] | None = None,
    places: Sequence[Mapping[str, Any]] | None = None,
    roles: Mapping[str, Sequence[str]] | None = None,
    selection: Mapping[str, Sequence[str]] | None = None,
    **unproved: Any,
) -> ModelUnderTest:
    inputs = {"x": np.zeros((1, 4), np.float32)}
    return ModelUnderTest(
        outputs=list(vectors[0]),
        roles=roles or {},
        selection=selection or {},
        floors=floors or {},
        vectors=Vectors(
            vectors=[
                Vector(inputs=inputs, outputs=outputs, **place)
                for outputs, place in zip(vectors, places or [{}] * len(vectors), strict=True)
            ],
            seed="test",
            runtime="none",
            **unproved,
        ),
    )


def run(*outputs: Mapping[str, Any]) -> ModelRun:
    # Structurally what a run from files is: a mapping for each vector.
    return ModelRun(status="ok", outputs=dict(enumerate(outputs)), tfjs="4.22.0")  # type: ignore[arg-type]


RIGHT = run({"y": RAMP})
NEARLY = run({"y": RAMP + np.float32(0.008)})
WRONG = run({"y": RAMP + np.float32(0.5)})
CRASHED = ModelRun(status="failed", error="RuntimeError: unreachable", died=True)
LACKING = ModelRun(status="unsupported", missing_ops={"TopKV2": ["TopK"], "Erf": []}, tfjs="4.22.0")
RAMP_MODEL = model({"y": RAMP})


def verdicts(
    runs: Mapping[str, Mapping[str, ModelRun]], **options: Any
) -> dict[str, tuple[str, str | None]]:
    judged = judge_model(RAMP_MODEL, BASE, [SMALL], runs, **options)
    return {name: (verdict.status, verdict.reason) for name, verdict in judged.items()}


def test_within_the_limits_of_its_dtype_each_is_ok() -> None:
    assert verdicts({"wasm": {"base": RIGHT, "uint8": NEARLY}}) == {
        "base": ("ok", None),
        "uint8": ("ok", None),
    }


def test_a_wrong_base_fails_and_proves_no_variant() -> None:
    judged = verdicts({"wasm": {"base": NEARLY, "uint8": RIGHT}})

    status, reason = judged["base"]
    assert status == "failed"
    assert reason is not None
    assert reason.startswith("wasm: y: 101 of 101 values differ, the worst at [0, ")
    assert reason.endswith(
        "0.008 is 0.8 % of the range; expected at most 0.2 % (the limit of float32)"
    )
    assert judged["uint8"] == (
        "failed",
        "wasm: it passes, but the base does not, so that nothing is proved",
    )


def test_a_wrong_quantized_variant_is_withheld() -> None:
    status, reason = verdicts({"wasm": {"base": RIGHT, "uint8": WRONG}})["uint8"]

    assert status == "withheld"
    assert reason is not None
    assert "0.5 is 50 % of the range; expected at most 1 % (the limit of uint8)" in reason


def test_one_backend_proves_it_and_the_other_is_said_to_fail() -> None:
    runs = {"wasm": {"base": WRONG, "uint8": WRONG}, "cpu": {"base": RIGHT, "uint8": NEARLY}}
    judged = judge_model(RAMP_MODEL, BASE, [SMALL], runs)

    assert [verdict.status for verdict in judged.values()] == ["ok", "ok"]
    assert [check.status for check in judged["base"].checks.values()] == ["failed", "ok"]


def test_a_backend_that_gets_the_base_wrong_withholds_nothing() -> None:
    # Nobody asked cpu, where the base is right, for the variant.
    runs = {"wasm": {"base": WRONG, "uint8": WRONG}, "cpu": {"base": RIGHT}}
    assert verdicts(runs)["uint8"][0] == "failed"


def test_a_backend_that_lacks_an_op_is_no_failure_while_another_runs() -> None:
    runs = {"wasm": {"base": LACKING, "uint8": LACKING}, "cpu": {"base": RIGHT, "uint8": NEARLY}}
    assert [status for status, _ in verdicts(runs).values()] == ["ok", "ok"]
    alone = verdicts({"wasm": {"base": LACKING}})
    assert alone["base"] == ("failed", "wasm: it lacks Erf, TopKV2")


def test_a_variant_that_lost_nothing_fails_where_it_is_wrong() -> None:
    other = Candidate(name="other")
    judged = judge_model(RAMP_MODEL, BASE, [other], {"wasm": {"base": RIGHT, "other": WRONG}})
    assert judged["other"].status == "failed"


def test_a_required_backend_has_to_prove_every_variant() -> None:
    runs = {"wasm": {"base": LACKING, "uint8": LACKING}, "cpu": {"base": RIGHT, "uint8": NEARLY}}

    assert verdicts(runs, required=["cpu"])["base"][0] == "ok"
    assert verdicts(runs, required=["wasm", "cpu"]) == {
        "base": ("failed", "wasm: it lacks Erf, TopKV2"),
        "uint8": ("failed", "wasm: it lacks Erf, TopKV2"),
    }
    assert verdicts({"wasm": {"base": RIGHT}}, required=["cpu"])["base"] == (
        "failed",
        "cpu: it was not run",
    )


def test_a_variant_that_does_not_run_has_failed() -> None:
    judged = verdicts({"wasm": {"base": RIGHT, "uint8": CRASHED}})
    assert judged["uint8"] == ("failed", "wasm: RuntimeError: unreachable")
    assert verdicts({"wasm": {"base": RIGHT}})["uint8"] == ("failed", "it ran on no backend")


def test_the_manifest_loosens_and_tightens() -> None:
    runs = {"wasm": {"base": RIGHT, "uint8": WRONG}}
    loose = Tolerance(outputs={"y": OutputTolerance(max_relative_error=0.6, reason="ranks")})
    tight = Tolerance(max_relative_error=0.005)

    for own, model, source, status in (
        (loose, None, WRONG, "ok"),
        (None, loose, WRONG, "ok"),
        (loose, tight, WRONG, "ok"),
        (None, tight, NEARLY, "withheld"),
    ):
        candidate = Candidate(name="uint8", dtype="uint8", tolerances=[own, model])
        runs = {"wasm": {"base": RIGHT, "uint8": source}}
        assert judge_model(RAMP_MODEL, BASE, [candidate], runs)["uint8"].status == status


def test_random_and_constant_outputs_are_unproved() -> None:
    zeros = np.zeros((1, 3), np.float32)
    known = model(
        {"y": RAMP, "mask": zeros},
        random={"sample": "differs between two runs"},
        constant={"mask": "0.0 on every vector"},
    )
    known = ModelUnderTest(
        outputs=["y", "mask", "sample"], roles={}, selection={}, vectors=known.vectors
    )
    check = judge_run(known, BASE, run({"y": RAMP, "mask": zeros, "sample": RAMP * 7}))

    assert check.status == "ok"
    assert check.unproved == {
        "mask": "constant: 0.0 on every vector",
        "sample": "random: differs between two runs",
    }
    assert list(check.record().outputs) == ["y", "mask"]
    # What a constant is, is known; and a random NaN is a NaN.
    broken = {"y": RAMP, "mask": zeros + 1, "sample": RAMP * np.float32(np.nan)}
    reason = judge_run(known, BASE, run(broken)).reason
    assert reason is not None
    assert "mask: 3 of 3 values differ" in reason
    assert "sample: 101 values are NaN" in reason


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param({}, "y: TensorFlow.js returns no such output on vector 0", id="missing"),
        pytest.param(
            {"y": RAMP[:, :100]},
            "y: its shape is (1, 100) on vector 0; expected (1, 101)",
            id="shape",
        ),
        pytest.param(
            {"y": np.full((1, 101), b"a", object)},
            "y: its values are strings; expected numbers",
            id="strings",
        ),
        pytest.param(
            {"y": np.where(RAMP == 0.5, np.nan, RAMP)},
            "y: 1 of 101 values are NaN at [0, 50] of vector 0, nan where the source has 0.5",
            id="NaN",
        ),
    ],
)
def test_outputs_that_are_not_there_or_not_numbers(found: dict[str, Any], reason: str) -> None:
    check = judge_run(RAMP_MODEL, BASE, run(found))
    assert (check.status, check.reason) == ("failed", reason)


def test_predict_has_to_return_the_same() -> None:
    faulty = ModelRun(
        status="ok", outputs=RIGHT.outputs, tfjs="4.22.0", predict_fault="'y' is another tensor"
    )
    check = judge_run(RAMP_MODEL, BASE, faulty)
    assert (check.status, check.reason) == ("failed", "predict(): 'y' is another tensor")


def test_one_fault_of_several_outputs_is_said_once_and_many_are_cut() -> None:
    names = [f"y{i}" for i in range(6)]
    known = model({name: np.arange(i + 2.0) for i, name in enumerate(names)})
    found = {name: np.arange(i + 2.0) + 0.5 * (i + 1) for i, name in enumerate(names)}
    reason = judge_run(known, BASE, run(found)).reason

    assert reason is not None
    assert reason.count("values differ") == 3
    assert reason.endswith("; and 3 more outputs")


BOXES = np.array([[[0.1, 0.1, 0.3, 0.3], [0.5, 0.5, 0.9, 0.9], [0, 0.6, 0.2, 0.8]]], np.float32)
SCORES = np.array([[0.9, 0.8999, 0.5]], np.float32)
CLASSES = np.array([[1, 2, 1]], np.float32)
DETECTOR = {"boxes": BOXES, "scores": SCORES, "classes": CLASSES, "indices": CLASSES * 7}
ROLES = {name: [name] for name in ("boxes", "scores", "classes")}
BEHIND = dict.fromkeys(DETECTOR, ("NonMaxSuppressionV5", "TopKV2"))
ORDER = [1, 0, 2]
SWAPPED = {name: values[:, ORDER] for name, values in DETECTOR.items()} | {"scores": SCORES}


def test_a_swap_of_two_boxes_is_no_error_behind_suppression() -> None:
    known = model(DETECTOR, roles=ROLES, selection=BEHIND)
    check = judge_run(known, BASE, run(SWAPPED))

    assert check.status == "ok"
    outputs = check.record().outputs
    assert outputs["boxes"].gate == "boxes"
    assert outputs["boxes"].metrics["agreement"] == 1.0
    assert outputs["boxes"].metrics["maxScoreDifference"] == 1e-4
    # Value by value nothing agrees, and that is said too.
    assert outputs["boxes"].to_json()["maxRelError"] > 0.6
    assert outputs["indices"].gate == "rows"


def test_the_same_swap_of_raw_outputs_is_an_error() -> None:
    check = judge_run(model(DETECTOR, roles=ROLES), BASE, run(SWAPPED))
    assert check.outputs["boxes"].gate == "values"
    assert check.outputs["boxes"].fault is not None


def test_of_raw_whole_numbers_a_share_may_differ() -> None:
    whole = np.arange(1000, dtype=np.int32)
    for wrong, status in ((2, "ok"), (3, "failed")):
        found = whole.copy()
        found[:wrong] += 500
        assert judge_run(model({"y": whole}), BASE, run({"y": found})).status == status


def test_boxes_without_scores_are_rows() -> None:
    known = model({"boxes": BOXES}, roles=ROLES, selection={"boxes": ("TopKV2",)})
    check = judge_run(known, BASE, run({"boxes": BOXES[:, ORDER]}))
    assert (check.status, check.outputs["boxes"].gate) == ("ok", "rows")


@pytest.mark.parametrize(
    ("name", "index", "value", "fault"),
    [
        pytest.param("classes", (0, 2), 2, "0.6667 of the boxes agree", id="class"),
        pytest.param("scores", (0, 2), 0.52, "0.6667 of the boxes agree", id="score"),
        pytest.param("boxes", (0, 2, 3), 0.83, "0.6667 of the boxes agree", id="place"),
        pytest.param("boxes", (0, 2, 3), np.nan, "1 values are NaN", id="NaN"),
        pytest.param("boxes", (0, 2, 3), np.inf, "1 values are infinite", id="infinite"),
        pytest.param("indices", (0, 1), 3, "0.6667 of the rows agree", id="unknown role"),
    ],
)
def test_a_box_that_differs_is_an_error(
    name: str, index: tuple[int, ...], value: float, fault: str
) -> None:
    changed = DETECTOR[name].copy()
    changed[index] = value
    known = model(DETECTOR, roles=ROLES, selection=BEHIND)
    check = judge_run(known, SMALL, run(DETECTOR | {name: changed}))

    assert check.status == "failed"
    assert fault in str(check.reason)


def test_a_detector_that_finds_nothing_proves_nothing() -> None:
    nothing = {name: np.zeros_like(values) for name, values in DETECTOR.items()}
    check = judge_run(model(nothing, roles=ROLES, selection=BEHIND), BASE, run(nothing))

    assert check.status == "ok"
    assert check.unproved["boxes"] == "the source detects nothing on any vector"


def test_roles_that_make_no_detector_leave_rows() -> None:
    known = model(
        {"boxes": SCORES, "scores": SCORES},
        roles=ROLES,
        selection=dict.fromkeys(("boxes", "scores"), ("TopKV2",)),
    )
    check = judge_run(known, BASE, run({"boxes": SCORES[:, ORDER], "scores": SCORES}))

    assert check.status == "ok"
    assert check.outputs["boxes"].gate == "rows"


def test_a_number_of_rows_may_differ_by_what_the_agreement_allows() -> None:
    rows = np.arange(60, dtype=np.float32).reshape(20, 3)
    known = model({"rows": rows}, selection={"rows": ("Where",)})

    for left_out, status in ((0, "ok"), (3, "ok"), (4, "failed")):
        check = judge_run(known, SMALL, run({"rows": rows[left_out:]}))
        assert check.status == status


KEYPOINTS = np.random.default_rng(1).random((1, 1, 17, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("moved", "column", "status"),
    [(0, 0, "ok"), (1, 0, "ok"), (2, 0, "failed"), (2, 2, "failed")],
)
def test_keypoints_behind_arg_max_are_judged_as_points(
    moved: int, column: int, status: str
) -> None:
    found = KEYPOINTS.copy()
    found[0, 0, :moved, column] += 0.3
    known = model({"k": KEYPOINTS}, roles={"k": ["keypoints"]}, selection={"k": ("ArgMax",)})
    check = judge_run(known, SMALL, run({"k": found}))

    assert check.status == status
    assert check.outputs["k"].gate == "keypoints"


def test_classes_behind_arg_max_are_equal_or_not() -> None:
    classes = np.arange(1000, dtype=np.int32)
    known = model({"classes": classes}, selection={"classes": ("ArgMax",)})
    for wrong, status in ((10, "ok"), (11, "failed")):
        found = classes.copy()
        found[:wrong] += 1
        assert judge_run(known, BASE, run({"classes": found})).status == status


def test_figures_of_the_task_stand_beside_those_of_values() -> None:
    scores = np.array([[0.1, 0.7, 0.2]], np.float32)
    known = model({"y": scores, "e": RAMP}, roles={"y": ["scores"], "e": ["embedding"]})
    outputs = judge_run(known, BASE, run({"y": scores, "e": RAMP})).record().outputs

    assert outputs["y"].metrics == {"samples": 1, "top1Agreement": 1.0}
    assert outputs["e"].metrics == {"minCosine": 1.0}


def test_a_verdict_is_json_with_the_keys_of_the_catalog() -> None:
    verdict: Verdict = judge_model(RAMP_MODEL, BASE, [], {"wasm": {"base": NEARLY}})["base"]
    content = verdict.record().to_json()

    format_json(content)
    jsonschema.validate(content, CATALOG_PART)
    figures = content["checks"]["wasm"]["outputs"]["y"]
    assert figures["maxAbsError"] == 0.008
    assert figures["tolerance"] == {
        "maxRelError": 0.002,
        "maxAbsError": None,
        "minAgreement": 0.99,
        "explainedRelError": None,
        "source": "the limit of float32",
        "reason": None,
    }


CHECK_KEYS = [
    *("status", "agreement", "reason", "notes", "tfjs", "missingOps", "requires", "unproved"),
    "outputs",
]
CATALOG_PART = {
    "type": "object",
    "required": ["status", "reason", "checks"],
    "additionalProperties": False,
    "properties": {
        "status": {"enum": ["ok", "withheld", "failed"]},
        "reason": {"type": ["string", "null"]},
        "agreement": {"enum": ["equal", "close", None]},
        "checks": {
            "additionalProperties": {"type": "object", "required": CHECK_KEYS},
        },
    },
}


def test_an_older_release_that_ran_is_required() -> None:
    older = replace(RIGHT, tfjs="3.21.0", requires={"flags": {"A": True}})

    check = judge_run(RAMP_MODEL, BASE, older)
    assert check.requires == {"flags": {"A": True}, "tfjs": "3.21.0"}
    assert judge_run(RAMP_MODEL, BASE, RIGHT).requires == {}


TIGHT = OutputFloor(error=1e-6, rms=1e-6, agreement=1.0)
WIDE = OutputFloor(error=0.02, rms=0.01, agreement=1.0)
NEAR = run({"y": RAMP + np.float32(1e-4)})
MEASURED = model({"y": RAMP}, floors={"y": [TIGHT]})


def test_a_base_that_is_farther_than_rounding_explains_fails_on_all_backends_together() -> None:
    # 0.01 % is within the fixed limit of float32, and was right before floors were measured.
    runs = {"wasm": {"base": NEAR}, "cpu": {"base": CRASHED}}
    verdict = judge_model(MEASURED, BASE, [], runs)["base"]

    assert verdict.status == "failed"
    assert verdict.checks["wasm"].agreement == "close"
    assert verdict.reason is not None
    wasm, cpu = verdict.reason.split("; cpu: ")
    assert wasm.startswith("wasm: y: 101 of 101 values differ")
    assert wasm.endswith("(5 times what rounding moves it)")
    assert cpu == "RuntimeError: unreachable"


def test_a_backend_may_be_close_beside_one_that_is_equal() -> None:
    runs = {"webgl": {"base": NEAR, "uint8": NEAR}, "wasm": {"base": RIGHT, "uint8": NEAR}}
    verdicts = judge_model(MEASURED, BASE, [SMALL], runs)

    assert [verdict.status for verdict in verdicts.values()] == ["ok", "ok"]
    assert verdicts["base"].agreement == "equal"
    assert [check.agreement for check in verdicts["base"].checks.values()] == ["close", "equal"]
    assert verdicts["uint8"].agreement == "close"


def test_the_manifest_may_allow_a_base_to_be_close() -> None:
    candidate = replace(BASE, tolerances=[None, Tolerance(max_relative_error=0.005)])
    verdict = judge_model(MEASURED, candidate, [], {"wasm": {"base": NEAR}})["base"]

    assert (verdict.status, verdict.agreement) == ("ok", "close")


def test_what_rounding_explains_is_equal_however_large() -> None:
    known = model({"y": RAMP}, floors={"y": [WIDE]})
    found = run({"y": RAMP + np.float32(0.04)})

    check = judge_run(known, BASE, found)
    assert (check.status, check.agreement) == ("ok", "equal")
    record = check.record().outputs["y"].tolerance
    assert (record.max_rel_error, record.source) == (0.1, "5 times what rounding moves it")
    assert judge_run(known, SMALL, found).agreement == "equal"


def test_backends_of_one_reason_share_it() -> None:
    runs = {"wasm": {"base": LACKING}, "cpu": {"base": LACKING}}
    verdict = judge_model(RAMP_MODEL, BASE, [], runs)["base"]

    assert verdict.reason == "wasm and cpu: it lacks Erf, TopKV2"


GROUPS = [{"group": "0..1"}, {"group": "0..255"}]
IN_GROUPS = model({"y": RAMP}, {"y": 100 * RAMP}, places=GROUPS)
GOOD, BAD = RAMP + np.float32(0), RAMP + np.float32(0.3)


def test_a_base_that_is_right_on_one_group_is_right_and_its_note_names_the_other() -> None:
    check = judge_run(IN_GROUPS, BASE, run({"y": GOOD}, {"y": 100 * BAD}))

    assert (check.status, check.agreement, check.reason) == ("ok", "equal", None)
    (note,) = check.notes
    assert note.startswith("wrong on vectors of 0..255: y: 101 of 101 values differ, the worst at ")
    assert "of vector 1, " in note
    # The figures are those of the group that counts.
    assert check.record().outputs["y"].to_json()["maxRelError"] == 0.0


def test_groups_do_not_lend_each_other_their_range() -> None:
    # 0.3 is 0.3 % of the range of both groups together, and 30 % of that of its own.
    check = judge_run(IN_GROUPS, BASE, run({"y": BAD}, {"y": 100 * BAD}))

    assert check.status == "failed"
    assert check.reason is not None
    assert check.reason.startswith("on vectors of 0..1: y: 101 of 101 values differ")
    assert "; on vectors of 0..255: y: " in check.reason


def test_a_variant_is_judged_on_the_groups_on_which_the_base_is_right() -> None:
    runs = {
        "wasm": {
            "base": run({"y": GOOD}, {"y": 100 * BAD}),
            "uint8": run({"y": BAD}, {"y": 100 * GOOD}),
        }
    }
    verdict = judge_model(IN_GROUPS, BASE, [SMALL], runs)["uint8"]

    assert verdict.status == "withheld"
    assert verdict.reason is not None
    assert verdict.reason.startswith("wasm: on vectors of 0..1: y: ")


EDGES = model({"y": RAMP}, {"y": RAMP}, places=[{}, {"kind": "edge"}])


@pytest.mark.parametrize(
    ("candidate", "by", "status"),
    [
        pytest.param(BASE, 0.05, "ok", id="farther than rounding"),
        pytest.param(BASE, 0.2, "failed", id="gross"),
        pytest.param(SMALL, 0.2, "ok", id="gross, of a quantized variant"),
        pytest.param(SMALL, np.nan, "failed", id="NaN"),
        pytest.param(SMALL, np.inf, "failed", id="infinite"),
    ],
)
def test_extreme_values_fail_only_by_gross_errors(
    candidate: Candidate, by: float, status: str
) -> None:
    check = judge_run(EDGES, candidate, run({"y": RAMP}, {"y": RAMP + np.float32(by)}))

    assert check.status == status
    if status == "failed":
        assert str(check.reason).startswith("on extreme values: y: ")
    else:
        assert check.notes[0].startswith("on extreme values farther than rounding moves it: y: ")
        assert check.record().outputs["y"].to_json()["maxRelError"] == 0.0


@pytest.mark.parametrize(
    ("values", "facts", "status"),
    [
        pytest.param([[0, 2, 6, 8]], {}, "ok", id="places"),
        pytest.param([[0.1, 0.2, 0.9]], {"selection": {"y": ["TopKV2"]}}, "ok", id="selected"),
        pytest.param([[0.1, 0.2, 0.9]], {}, "failed", id="values"),
    ],
)
def test_what_is_chosen_among_equal_scores_is_free_on_extreme_values(
    values: list[list[float]], facts: dict[str, Any], status: str
) -> None:
    chosen = np.array(values, np.int32 if values == [[0, 2, 6, 8]] else np.float32)
    known = model({"y": chosen}, {"y": chosen}, places=[{}, {"kind": "edge"}], **facts)

    check = judge_run(known, BASE, run({"y": chosen}, {"y": chosen[:, ::-1].copy()}))
    assert check.status == status
    # On other values the order counts.
    assert judge_run(known, BASE, run({"y": chosen[:, ::-1] + 1}, {"y": chosen})).status == "failed"


def test_nan_and_infinity_of_the_source_agree_and_prove_nothing_more() -> None:
    strange = np.array([np.nan, np.inf, -np.inf], np.float32)
    known = model({"y": RAMP, "z": strange})

    check = judge_run(known, BASE, run({"y": RAMP, "z": strange.copy()}))
    assert check.status == "ok"
    assert check.unproved == {"z": "the source returns NaN or infinity"}
    finite = judge_run(known, BASE, run({"y": RAMP, "z": np.zeros(3, np.float32)}))
    assert finite.status == "failed"
    assert judge_run(known, BASE, run({"y": strange[[0] * 101], "z": strange})).status == "failed"


def test_the_figure_of_a_task_decides_before_the_values() -> None:
    scores = np.array([[0.1, 0.7, 0.2]], np.float32)
    known = model({"y": scores}, roles={"y": ["scores"]})

    moved = judge_run(known, SMALL, run({"y": scores + np.float32(0.03)}))
    assert (moved.status, moved.agreement) == ("ok", "close")
    swapped = judge_run(known, SMALL, run({"y": scores[:, [1, 0, 2]].copy()}))
    assert swapped.reason == (
        "y: 0 of the labels agree; expected at least 0.98 (the figure of its task)"
    )
    # The label stays, but no score may move by more than a tenth of the range.
    far = judge_run(known, SMALL, run({"y": scores + np.array([[0, 0.2, 0]], np.float32)}))
    assert "expected at most 10 % (the limit beside the figure of its task)" in str(far.reason)
    # A base has no excuse, and what the manifest states goes first.
    assert judge_run(known, BASE, run({"y": scores + np.float32(0.03)})).status == "failed"
    strict = replace(SMALL, tolerances=[Tolerance(max_relative_error=0.001)])
    assert judge_run(known, strict, run({"y": scores + np.float32(0.03)})).status == "failed"


def test_a_quantized_variant_without_a_noise_floor_is_at_best_close() -> None:
    assert judge_run(RAMP_MODEL, SMALL, RIGHT).agreement == "close"
    assert judge_run(MEASURED, SMALL, RIGHT).agreement == "equal"


def test_a_fixed_limit_says_why() -> None:
    known = replace(RAMP_MODEL, no_floor="TensorFlow does not run layers models")

    assert judge_run(known, BASE, RIGHT).notes == [
        "judged by fixed limits: TensorFlow does not run layers models"
    ]
