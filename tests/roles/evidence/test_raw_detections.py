"""Roles of detectors: told from small exports whose outputs have no names, and refused maps.

`Export` is what the Object Detection API writes, in miniature: 300 candidates of three classes
and a background, of which the 40 best are kept, in the order of its eight outputs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from graph_models import Array, Json, constant, node, placeholder
from signatures import Port, signature_of

from pipeline.errors import MappingError
from pipeline.roles.evidence.finding import RoleFindings
from pipeline.roles.infer import infer_roles
from pipeline.tfjs.model.topology import parse_topology

NUM_CANDIDATES, NUM_KEPT, NUM_CLASSES = 300, 40, 3
ROLES = {
    "Identity": "anchors",
    "Identity_1": "boxes",
    "Identity_2": "classes",
    "Identity_3": "multiclassScores",
    "Identity_4": "scores",
    "Identity_5": "count",
    "Identity_6": "rawBoxes",
    "Identity_7": "rawScores",
}


def sample(seed: int) -> dict[str, Array]:
    """Return what the export makes of one image."""
    rng = np.random.default_rng(seed)
    centres, sizes = rng.uniform(size=(2, NUM_CANDIDATES, 2))
    raw_boxes = np.concatenate([centres - sizes / 3, centres + sizes / 3], axis=1)
    raw_scores = rng.uniform(0.01, 0.9, size=(NUM_CANDIDATES, NUM_CLASSES + 1)) ** 3
    raw_boxes, raw_scores = raw_boxes.astype(np.float32), raw_scores.astype(np.float32)
    best = raw_scores[:, 1:].max(axis=1)
    kept = np.argsort(-best)[:NUM_KEPT]
    values = {
        "Identity": kept,
        "Identity_1": np.clip(raw_boxes[kept], 0, 1),
        "Identity_2": raw_scores[kept, 1:].argmax(axis=1) + 1,
        "Identity_3": raw_scores[kept],
        "Identity_4": best[kept],
        "Identity_6": raw_boxes,
        "Identity_7": raw_scores,
    }
    batched = {name: array[np.newaxis].astype(np.float32) for name, array in values.items()}
    return {**batched, "Identity_5": np.array([NUM_KEPT], np.float32)}


def graph() -> Json:
    """Return a graph in which the eight outputs come about as in the API's exports."""
    weights = {"kernel": np.zeros((8, 8), np.float32), "one": np.ones((), np.float32)}
    axis = {"axis": np.zeros((), np.int32), "sizes": np.zeros(2, np.int32)}
    constants = [constant(name, values) for name, values in (weights | axis).items()]
    cast = node("stored", "Cast", ["picked"])
    cast["attr"]["SrcT"] = {"type": "DT_INT32"}
    nodes = [
        placeholder("image", (1, 100, 100, 3)),
        node("product", "MatMul", ["image", "kernel"]),
        node("probabilities", "Sigmoid", ["product"]),
        node("decoded", "Exp", ["product"]),
        node("chosen", "NonMaxSuppressionV5", ["decoded", "probabilities"]),
        node("picked", "GatherV2", ["chosen", "chosen", "axis"], dtype="int32"),
        cast,
        node("Identity", "Identity", ["stored"]),
        node("boxes", "GatherV2", ["decoded", "chosen", "axis"]),
        node("Identity_1", "Identity", ["boxes"]),
        node("labels", "GatherV2", ["decoded", "chosen", "axis"]),
        node("shifted", "AddV2", ["labels", "one"]),
        node("Identity_2", "Identity", ["shifted"]),
        node("rows", "GatherV2", ["probabilities", "chosen", "axis"]),
        node("Identity_3", "Identity", ["rows"]),
        node("best", "Max", ["rows", "axis"]),
        node("Identity_4", "Identity", ["best"]),
        node("number", "Sum", ["chosen", "axis"]),
        node("Identity_5", "Identity", ["number"]),
        node("Identity_6", "Identity", ["decoded"]),
        node("Identity_7", "Identity", ["probabilities"]),
    ]
    return {"node": [*constants, *nodes]}


@dataclass
class Export:
    """A detector, of which everything can be replaced.

    Attributes:
        vectors: Its outputs on each of two images.
        names: Names of the outputs that have one, by node.
        task: What the manifest says that it does.
        runs: Whether it was run, so that there are values.
    """

    vectors: list[dict[str, Array]] = field(default_factory=lambda: [sample(0), sample(1)])
    names: Mapping[str, str] = field(default_factory=dict)
    task: str | None = "object-detection"
    runs: bool = True

    def infer(self, manifest_map: Mapping[str, str | None] | None = None) -> RoleFindings:
        """Tell the roles of the outputs that the vectors hold."""
        image = Port(name="image", shape=(1, 100, 100, 3), dtype="uint8", js_dtype="int32")
        outputs = [
            Port(name=self.names.get(name, name), tensor=f"{name}:0", shape=array.shape)
            for name, array in self.vectors[0].items()
        ]
        vectors = [
            {self.names.get(name, name): array for name, array in vector.items()}
            for vector in self.vectors
        ]
        return infer_roles(
            signature=signature_of([image], outputs),
            topology=parse_topology(graph()),
            task=self.task,
            outputs=vectors if self.runs else [],
            manifest_map=manifest_map,
        )

    def only(self, *names: str) -> "Export":
        """Return the same export with some of its outputs."""
        vectors = [{name: vector[name] for name in names} for vector in self.vectors]
        return Export(vectors=vectors, names=self.names, task=self.task)

    def swap(self, one: str, other: str) -> "Export":
        """Return the same export, the values of two outputs exchanged."""
        vectors = [{**vector, one: vector[other], other: vector[one]} for vector in self.vectors]
        return Export(vectors=vectors, names=self.names, task=self.task)

    def change(self, name: str, change: Any) -> "Export":
        """Return the same export, one output's values changed by a function."""
        vectors = [{**vector, name: change(vector[name])} for vector in self.vectors]
        return Export(vectors=vectors, names=self.names, task=self.task)


def assert_nothing_wrong(findings: RoleFindings, roles: Mapping[str, str] = ROLES) -> None:
    """Assert that every role that was found is the output's."""
    found = {role: tensor.removesuffix(":0") for role, tensor in findings.map.items() if tensor}
    assert found == {role: node for node, role in roles.items() if role in found}


def evidence(findings: RoleFindings, role: str) -> str:
    """Return the evidence for a role, in one text."""
    return "; ".join(next(f.evidence for f in findings.findings if f.role == role))


def conventions(findings: RoleFindings, role: str) -> Mapping[str, str]:
    """Return the conventions of a role."""
    return next(finding.conventions for finding in findings.findings if finding.role == role)


@pytest.mark.parametrize("task", ["object-detection", None])
def test_eight_outputs_are_known_without_names(task: str | None) -> None:
    findings = Export(task=task).infer()

    assert findings.map == {role: f"{node}:0" for node, role in ROLES.items()}
    assert not findings.abstained


def test_conventions_of_the_eight() -> None:
    findings = Export().infer()

    boxes = {"order": "yxyx", "form": "corners", "scale": "fraction"}
    assert conventions(findings, "boxes") == boxes
    assert conventions(findings, "rawBoxes") == boxes
    assert conventions(findings, "classes") == {"offset": "1"}
    assert conventions(findings, "scores") == {"activation": "probability"}
    assert "all 80 of them: an export of the Object Detection API" in evidence(findings, "boxes")


def test_whole_numbers_of_a_model_with_8_bit_weights() -> None:
    """A constant of 1 may be stored as 0.988, a table of 300 numbers in steps of 1.2."""
    inexact = Export().change("Identity_2", lambda array: array - 0.008)
    inexact = inexact.change("Identity", lambda array: np.round(np.round(array / 1.2) * 1.2))

    findings = inexact.infer()

    assert_nothing_wrong(findings)
    assert findings.map["classes"] == "Identity_2:0"
    assert "off by up to 1" in evidence(findings, "anchors")


def test_four_outputs_are_known_without_names() -> None:
    four = Export().only("Identity_1", "Identity_2", "Identity_4", "Identity_5")

    findings = four.infer()

    assert_nothing_wrong(findings)
    assert set(findings.map) == {"boxes", "scores", "classes", "count"}
    assert "order" not in conventions(findings, "boxes")


def test_numbers_of_candidates_are_not_taken_for_classes() -> None:
    findings = Export().only("Identity_1", "Identity", "Identity_4").infer()

    assert_nothing_wrong(findings)
    assert "classes" not in findings.map


def test_flags_of_valid_rows_are_not_taken_for_classes() -> None:
    flags = np.repeat([[1.0, 0.0]], [25, 15], axis=1).astype(np.float32)
    export = Export().only("Identity_1", "Identity_2", "Identity_4")

    findings = export.change("Identity_2", lambda _: flags).infer()

    assert "classes" not in findings.map


def pairs_of_one_shape() -> Iterator[Any]:
    vector = sample(0)
    for one, other in combinations(ROLES, 2):
        if vector[one].shape == vector[other].shape:
            yield pytest.param(one, other, id=f"{ROLES[one]} and {ROLES[other]}")


@pytest.mark.parametrize("task", ["object-detection", None])
@pytest.mark.parametrize(("one", "other"), list(pairs_of_one_shape()))
def test_swapped_values_contradict_the_graph(one: str, other: str, task: str | None) -> None:
    findings = Export(task=task).swap(one, other).infer()

    assert_nothing_wrong(findings)
    assert {f"{one}:0", f"{other}:0"}.isdisjoint(findings.map.values())


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(np.zeros_like, id="zeros"),
        pytest.param(lambda array: np.full_like(array, 0.5), id="one value"),
        pytest.param(lambda array: np.full_like(array, np.nan), id="NaN"),
        pytest.param(lambda array: np.zeros((0, *array.shape[1:])), id="nothing"),
    ],
)
def test_outputs_that_say_nothing_get_no_role(change: Any) -> None:
    export = Export()
    export.vectors = [
        {name: change(array) for name, array in vector.items()} for vector in export.vectors
    ]

    findings = export.infer()

    assert findings.map == {}
    assert set(findings.abstained) == set(ROLES)


def test_one_detection_says_too_little() -> None:
    def keep_first(array: Array) -> Array:
        return np.where(np.arange(NUM_KEPT).reshape(1, -1, *[1] * (array.ndim - 2)) < 1, array, 0)

    export = Export()
    for name in ("Identity", "Identity_1", "Identity_2", "Identity_3", "Identity_4"):
        export = export.change(name, keep_first)

    assert export.infer().map == {}


def test_permuted_axes_are_no_boxes() -> None:
    turned = Export().change("Identity_1", lambda array: array.transpose(0, 2, 1))

    findings = turned.infer()

    assert "boxes" not in findings.map
    assert_nothing_wrong(findings)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(lambda array: (array > np.median(array)).astype(float), id="flags"),
        pytest.param(lambda array: np.full_like(array, array.max()), id="one value an image"),
    ],
)
def test_what_falls_is_not_always_a_score(values: Any) -> None:
    export = Export().only("Identity_1", "Identity_2", "Identity_4")

    findings = export.change("Identity_4", values).infer()

    assert "scores" not in findings.map


def test_scores_in_order_that_no_suppression_chose() -> None:
    export = Export().only("Identity_6", "Identity_7")

    findings = export.change("Identity_7", lambda array: -np.sort(-array.max(axis=-1))).infer()

    assert findings.map == {}


def test_rows_found_again_by_chance_prove_nothing() -> None:
    few = np.arange(NUM_KEPT) < 4

    findings = Export().change("Identity_4", lambda array: np.where(few, array, 0)).infer()

    assert {"anchors", "classes", "rawBoxes", "rawScores"}.isdisjoint(findings.map)
    assert_nothing_wrong(findings)


def test_scores_in_no_order_were_not_chosen_by_suppression() -> None:
    findings = Export().change("Identity_4", lambda array: array[:, ::-1]).infer()

    assert "scores" not in findings.map
    assert_nothing_wrong(findings)


def test_without_values_no_role_is_told_and_the_reason_is() -> None:
    export = Export()
    export.runs = False

    findings = export.infer()

    assert findings.map == {}
    assert findings.abstained["Identity_4"] == "there are no values to tell its role from"


def test_classes_from_the_scores_by_arg_max() -> None:
    """A model that leaves the choice to the page: its graph has no suppression on the way."""
    findings = Export().only("Identity_6", "Identity_7").infer()

    assert findings.map == {"boxes": "Identity_6:0", "scores": "Identity_7:0", "classes": None}
    assert "4 columns" in evidence(findings, "classes")


def test_names_agree_with_what_is_found() -> None:
    names = {"Identity_1": "detection_boxes", "Identity_4": "detection_scores"}

    findings = Export(names=names).infer()

    assert_nothing_wrong(findings)
    assert 'its name says "detection boxes"' in evidence(findings, "boxes")


def test_right_names_on_wrong_tensors_are_not_believed() -> None:
    """What the stock converter's --use_structured_outputs_names makes of a detector."""
    names = {"Identity_4": "detection_classes", "Identity_2": "detection_scores"}

    findings = Export(names=names).infer()

    assert "classes" not in findings.map
    assert "scores" not in findings.map
    assert "but it holds" in findings.abstained["detection_classes"]


@pytest.mark.parametrize(
    ("manifest_map", "message"),
    [
        pytest.param(
            {"boxes": "Identity_4"},
            r"map: boxes: 'Identity_4' \(Identity_4:0\) is \(1, 40\); boxes have a last axis of 4",
            id="boxes without an axis of 4",
        ),
        pytest.param(
            {"scores": "Identity_2"},
            r"map: scores: .* holds \d+ of 80 values outside of 0 to 1, from 1 to 3",
            id="scores beyond 1",
        ),
        pytest.param(
            {"classes": "Identity_4"},
            r"map: classes: .* holds 80 of 80 values that are not whole numbers, such as 0\.",
            id="classes that are not whole",
        ),
        pytest.param(
            {"classes": "Identity"},
            r"map: classes: .* is anchors: it is the number of the row of rawScores, in all 80",
            id="anchors for classes",
        ),
        pytest.param(
            {"count": "Identity_4"},
            r"map: count: .* is \(1, 40\); a count is one number for each input",
            id="scores for the count",
        ),
        pytest.param(
            {"boxes": "Identity_6", "scores": "Identity_4"},
            r"map: scores: .* has 40 rows; boxes, 'Identity_6' \(Identity_6:0\), has 300",
            id="rows that do not match",
        ),
    ],
)
def test_wrong_map_is_refused_with_the_evidence(
    manifest_map: Mapping[str, str], message: str
) -> None:
    with pytest.raises(MappingError, match=message):
        Export().infer(manifest_map)


def test_all_faults_of_a_map_are_told_at_once_and_what_is_right() -> None:
    with pytest.raises(MappingError) as error:
        Export().infer({"scores": "Identity_2", "classes": "Identity_4"})

    assert [line.split(":")[1] for line in error.value.message.splitlines()] == [
        " scores",
        " classes",
    ]
    assert error.value.hint is not None
    assert "scores: 'Identity_4' (Identity_4:0)" in error.value.hint


def test_stated_roles_stand_and_the_others_are_filled_in() -> None:
    findings = Export().infer({"boxes": "Identity_1", "gesture": "Identity_3"})

    sources = {finding.role: finding.source for finding in findings.findings}
    assert sources["boxes"] == "manifest"
    assert sources["gesture"] == "manifest"
    assert findings.map["gesture"] == "Identity_3:0"
    assert evidence(findings, "boxes").startswith("stated in the manifest; its last axis is 4")
    assert "the vocabulary does not have this role" in evidence(findings, "gesture")


def test_nothing_is_filled_in_beside_another_set_of_outputs() -> None:
    """Raw boxes and raw scores, for a page that suppresses by itself, have no `classes`."""
    stated = {"boxes": "Identity_6", "scores": "Identity_7", "classes": None}

    findings = Export().infer(stated)

    assert findings.map == {"boxes": "Identity_6:0", "scores": "Identity_7:0", "classes": None}


def test_map_that_nothing_speaks_for_stands() -> None:
    export = Export()
    export.vectors = [
        {name: np.zeros_like(array) for name, array in vector.items()} for vector in export.vectors
    ]

    findings = export.infer({"boxes": "Identity_1", "scores": "Identity_4"})

    assert findings.map == {"boxes": "Identity_1:0", "scores": "Identity_4:0"}
    assert evidence(findings, "scores") == "stated in the manifest"


def test_json_names_the_role_of_each_tensor() -> None:
    content = Export().infer({"boxes": "Identity_1"}).record().to_json()

    assert content["roles"] == {f"{node}:0": role for node, role in ROLES.items()}
    assert content["source"]["boxes"] == "manifest"
    assert content["conventions"]["classes"] == {"offset": "1"}
    assert content["abstained"] == {}
    assert content["usable"] is True
